"""What a config node becomes, and what a callable is offered."""

import sys

import pytest
import torch
from torch import nn

from fer import parts
from fer.build import BuildError, build

OWN = """
from torch import nn

class Named(nn.Module):
    def __init__(self, n_classes, in_chans, width=4):
        super().__init__()
        self.seen = (n_classes, in_chans, width)

class Keywords(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.seen = options

def factory(num_classes):
    return Named(num_classes, 1)

def broken():
    return undefined_name

class Nothing:
    pass
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "ownparts.py").write_text(OWN)
    (tmp_path / "brokenmodule.py").write_text("def f(:\n")
    (tmp_path / "needy.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("ownparts", "brokenmodule", "needy"):
        sys.modules.pop(name, None)


def test_a_class_gets_its_keys():
    assert build({"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2}).weight.shape == (2, 3)


def test_offered_values_arrive_under_the_name_that_a_signature_has():
    assert build({"_target_": "ownparts.Named"}, num_classes=5, in_channels=1).seen == (5, 1, 4)


def test_the_own_key_wins_over_an_offered_value():
    assert build({"_target_": "ownparts.Named", "n_classes": 3}, num_classes=5, in_channels=1).seen == (3, 1, 4)


def test_null_leaves_room_for_the_offered_value():
    assert build({"_target_": "ownparts.Named", "n_classes": None}, num_classes=5, in_channels=1).seen == (5, 1, 4)


def test_keywords_alone_receive_only_what_they_are_meant_to():
    node = {"_target_": "ownparts.Keywords"}
    assert build(node, num_classes=5, in_channels=1).seen == {}
    assert build(node, into_kwargs=["num_classes"], num_classes=5, in_channels=1).seen == {"num_classes": 5}


def test_what_no_signature_names_is_left_out():
    assert isinstance(build({"_target_": "torch.nn.CrossEntropyLoss"}, class_counts=[1, 2]), nn.CrossEntropyLoss)


def test_nested_nodes_are_built_first():
    node = {"_target_": "torch.nn.Sequential", "_args_": []}
    assert len(build(node)) == 0
    own = build({"_target_": "ownparts.Keywords", "inner": {"_target_": "torch.nn.ReLU"}, "plain": {"a": [1]}})
    assert isinstance(own.seen["inner"], nn.ReLU)
    assert own.seen["plain"] == {"a": [1]}


def test_nested_nodes_stay_data_where_the_node_says_so():
    inner = {"_target_": "torch.nn.ReLU"}
    assert build({"_target_": "ownparts.Keywords", "_recursive_": False, "inner": inner}).seen == {"inner": inner}


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "${oc.create:{_target_: os.getcwd}}", "${now:%Y}"])
def test_an_interpolation_stays_a_string(text):
    assert build({"_target_": "ownparts.Keywords", "text": text}).seen == {"text": text}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "nosuchmodule.Net"}, "no module 'nosuchmodule'"),
        ({"_target_": "ownparts.Missing"}, "'ownparts' has no 'Missing'"),
        ({"_target_": "torch.nn.modules"}, "neither a class nor a function"),
        ({"_target_": "Net"}, "expected an import path"),
        ({"_target_": ""}, "_target_"),
        ({"_target_": None}, "_target_"),
        ({"lr": 0.1}, "_target_"),
        ({"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2, "wide": 1}, "'wide'"),
        ({"_target_": "torch.nn.Linear", "in_features": 3}, "out_features"),
        ({"_target_": "ownparts.broken"}, r"undefined_name.*ownparts.py, line 18"),
        ({"_target_": "brokenmodule.f"}, "importing 'brokenmodule' fails"),
        ({"_target_": "needy.f"}, "a_library_that_nobody_has"),
        ({"_target_": "torch.nn.Linear", "in_features": "many", "out_features": 2}, "torch.nn.Linear"),
    ],
)
def test_what_cannot_be_built_is_one_line_that_names_the_option(node, said):
    with pytest.raises(BuildError, match=said) as error:
        build(node, where="model")
    assert "\n" not in str(error.value)
    assert "model" in str(error.value)


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "torchvision.models.resnet18"},
        {"_target_": "torchvision.models.mobilenet_v3_small"},
        {"_target_": "timm.create_model", "model_name": "resnet10t"},
        {"_target_": "fer.models.cnn.CNN", "blocks": [[4]], "head": [], "head_pool": 1},
        {"_target_": "fer.models.cnn.CNN", "blocks": [[4]], "head": [], "head_pool": 1, "in_channels": 3},
    ],
)
def test_networks_of_libraries_have_the_classes_of_the_data(node):
    with torch.device("meta"):
        network = parts.model(node, 5)
        images = torch.zeros(2, parts.channels(network), 64, 64)
    assert network(images).shape == (2, 5)


def test_a_network_that_wants_colours_sees_the_grey_picture_three_times():
    from fer.classifier import Classifier

    torch.manual_seed(0)
    module = Classifier(
        {"_target_": "torchvision.models.resnet18"},
        {"_target_": "torch.nn.CrossEntropyLoss"},
        {"_target_": "torch.optim.SGD", "lr": 0.1},
        {"_target_": "torch.optim.lr_scheduler.LinearLR"},
        classes=["a", "b"],
        class_counts=[1, 1],
    ).eval()
    faces = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(module(faces), module.model(faces.repeat(1, 3, 1, 1)))


def optimizer() -> torch.optim.Optimizer:
    return parts.optimizer({"_target_": "torch.optim.SGD", "lr": 0.1}, [nn.Parameter(torch.zeros(1))])


@pytest.mark.parametrize(
    ("node", "interval"),
    [
        ({"_target_": "torch.optim.lr_scheduler.LinearLR"}, "epoch"),
        ({"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2}, "epoch"),
        ({"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2, "interval": "step"}, "step"),
        ({"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1}, "step"),
        ({"_target_": "fer.schedulers.WarmupCosine"}, "step"),
        ({"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR"}, "epoch"),
        ({"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau"}, "epoch"),
    ],
)
def test_schedules_of_torch_step_as_they_are_meant_to(node, interval):
    assert parts.scheduler(node, optimizer(), total_steps=lambda: 100, epochs=10, mode="max")[1] == interval


@pytest.mark.parametrize(("interval", "length"), [("epoch", 10), ("step", 100)])
def test_a_cosine_is_as_long_as_the_run(interval, length):
    node = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "interval": interval}
    schedule, _ = parts.scheduler(node, optimizer(), total_steps=lambda: 100, epochs=10, mode="max")
    assert schedule.T_max == length


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_plateau_schedule_looks_the_way_of_its_figure(mode):
    node = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau"}
    assert parts.scheduler(node, optimizer(), total_steps=lambda: 100, epochs=10, mode=mode)[0].mode == mode


def test_schedules_inside_a_schedule_get_the_optimizer():
    inner = [{"_target_": "torch.optim.lr_scheduler.LinearLR"}, {"_target_": "torch.optim.lr_scheduler.ConstantLR"}]
    node = {"_target_": "torch.optim.lr_scheduler.SequentialLR", "schedulers": inner, "milestones": [3]}
    assert parts.scheduler(node, optimizer(), total_steps=lambda: 100, epochs=10, mode="max")[1] == "epoch"


@pytest.mark.parametrize("build_part", [lambda n: parts.model(n, 2), lambda n: parts.loss(n, [1, 1])])
def test_what_is_no_network_or_loss_is_refused(build_part):
    with pytest.raises(BuildError, match="Nothing"):
        build_part({"_target_": "ownparts.Nothing"})


def test_an_optimizer_is_an_optimizer():
    with pytest.raises(BuildError, match="Optimizer"):
        parts.optimizer({"_target_": "torch.nn.Sequential"}, nn.ReLU())
