"""Files from strangers: what they name is refused before anything runs; own modules are loaded once trusted."""

import contextlib
import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from fer import checkpoint, objections, positions, trust
from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.errors import UserError
from fer.training import resume

PARTS = {
    "model": {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]},
    "loss": {"_target_": "fer.losses.CrossEntropy", "class_weights": "balanced"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
    "classes": ["happy", "sad"],
    "class_counts": [3, 1],
}
RUN = {"_target_": "torch.utils.collect_env.run", "command": "touch sprung"}
TARGETS = [
    "os.system",
    "builtins.eval",
    "torch.save",
    "torch.hub.load",
    "torch.utils.cpp_extension.load_inline",
    "torch.utils.collect_env.run",
    "torch.nn.init.torch.save",
    "torch.nn.utils.parametrize.remove_parametrizations",
    "torch.optim.lr_scheduler.warnings.warn",
    "torchvision.models.get_weight",
    "torchvision.models.resnet.load_state_dict_from_url",
    "timm.models.load_checkpoint",
    "fer.models.backbone.difflib.get_close_matches",
    "fer.models.backbone.torchvision_network",
    "fer.checkpoint.load",
    "fer.classifier.Classifier",
    "torch.nn.modules.module.OrderedDict",
    "mymodule.Net",
    "",
    None,
    7,
    ["os.system"],
]


@pytest.fixture(autouse=True)
def nobody_trusted(monkeypatch, tmp_path):
    monkeypatch.delenv("FER_TRUST", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def content() -> dict:
    """What the checkpoint of an untrained classifier holds."""
    module = Classifier(**PARTS)
    return {"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}


def refused(content: dict, name: str = "hostile.ckpt") -> str:
    """The line with which the file is refused; nothing was built and no command ran."""
    torch.save(content, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "Classifier", lambda **_: pytest.fail("something was built"))
        with pytest.raises(UserError) as error:
            checkpoint.load(name)
    assert not Path("sprung").exists()
    assert "\n" not in str(error.value)
    assert name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("part", ["model", "loss", "optimizer", "scheduler"])
def test_foreign_targets_are_refused(content, part, target):
    content = copy.deepcopy(content)
    content["hyper_parameters"][part] = {"_target_": target}
    assert "not loaded" in refused(content)


FIELDS = {
    **{f"{part}.{key}": (part, key) for part in ("model", "loss", "optimizer", "scheduler") for key in ("a", "lr")},
    **{key: (key,) for key in ("classes", "class_counts", "mean", "std", "monitor", "mode", "tta", "l1", "experiment")},
}
NESTS = [lambda bad: bad, lambda bad: [1, bad], lambda bad: {"a": [{"b": bad}]}, lambda bad: [[[[bad]]]]]


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("path", FIELDS.values(), ids=FIELDS)
def test_a_command_in_any_field_at_any_depth_never_runs(content, path, nest):
    content = copy.deepcopy(content)
    node = content["hyper_parameters"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = nest(RUN)
    torch.save(content, "hostile.ckpt")
    if path == ("experiment",):  # a record that nothing is built from
        with contextlib.suppress(UserError):
            checkpoint.load("hostile.ckpt")
    else:
        with pytest.raises(UserError):
            checkpoint.load("hostile.ckpt")
    assert not Path("sprung").exists()


INTERPOLATIONS = ["${oc.create:{_target_: os.system}}", "${oc.env:HOME}", "a ${now:%Y}", "${hydra:run.dir}"]


@pytest.mark.parametrize("text", INTERPOLATIONS)
@pytest.mark.parametrize("path", [("model", "activation"), ("loss", "a"), ("monitor",), ("classes",), ("experiment",)])
def test_interpolations_are_refused(content, path, text):
    content = copy.deepcopy(content)
    node = content["hyper_parameters"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = {"classes": ["a", text], "experiment": {"x": [text]}}.get(path[-1], text)
    assert "interpolation" in refused(content)


LOADING = {
    "timm_pretrained": {"_target_": "timm.create_model", "model_name": "resnet10t", "pretrained": True},
    "timm_checkpoint": {"_target_": "timm.create_model", "model_name": "resnet10t", "checkpoint_path": "x.pth"},
    "timm_hub": {"_target_": "timm.create_model", "model_name": "hf-hub:someone/net"},
    "timm_local": {"_target_": "timm.create_model", "model_name": "local-dir:/tmp/net"},
    "timm_cache": {"_target_": "timm.create_model", "model_name": "resnet10t", "cache_dir": "x"},
    "timm_cfg": {"_target_": "timm.create_model", "model_name": "resnet10t", "pretrained_cfg": {"url": "x"}},
    "torchvision": {"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"},
    "nested": {"_target_": "torch.nn.Sequential", "_args_": [RUN]},
    "path": {"_target_": "fer.models.cnn.CNN", "activation": "../../etc/passwd"},
    "url": {"_target_": "fer.models.backbone.Backbone", "name": "https://example.org/x"},
}


@pytest.mark.parametrize("node", LOADING.values(), ids=LOADING)
def test_nothing_is_loaded_or_fetched_for_a_file(content, node):
    content = copy.deepcopy(content)
    content["hyper_parameters"]["model"] = node
    assert "not loaded" in refused(content)


WRONG = {
    "hyper_parameters is a list": lambda c: c.update(hyper_parameters=[1]),
    "hyper_parameters is text": lambda c: c.update(hyper_parameters="model"),
    "hyper_parameters is null": lambda c: c.update(hyper_parameters=None),
    "state_dict is text": lambda c: c.update(state_dict="weights"),
    "state_dict holds numbers": lambda c: c.update(state_dict={"model": 1.0}),
    "model is missing": lambda c: c["hyper_parameters"].pop("model"),
    "model is text": lambda c: c["hyper_parameters"].update(model="fer.models.cnn.CNN"),
    "model is a list": lambda c: c["hyper_parameters"].update(model=[PARTS["model"]]),
    "counts are text": lambda c: c["hyper_parameters"].update(class_counts=["3", "1"]),
    "counts are negative": lambda c: c["hyper_parameters"].update(class_counts=[3, -1]),
    "counts are fractions": lambda c: c["hyper_parameters"].update(class_counts=[0.5, 1]),
    "counts are too few": lambda c: c["hyper_parameters"].update(class_counts=[3]),
    "a count is huge": lambda c: c["hyper_parameters"].update(class_counts=[10**6000, 1]),
    "classes are numbers": lambda c: c["hyper_parameters"].update(classes=[0, 1]),
    "one class": lambda c: c["hyper_parameters"].update(classes=["a"], class_counts=[1]),
    "a class twice": lambda c: c["hyper_parameters"].update(classes=["a", "a"]),
    "an escape code as class": lambda c: c["hyper_parameters"].update(classes=["a", "\x1b[2J"]),
    "mean is nan": lambda c: c["hyper_parameters"].update(mean=float("nan")),
    "mean is text": lambda c: c["hyper_parameters"].update(mean="0.5"),
    "std is zero": lambda c: c["hyper_parameters"].update(std=0.0),
    "std is infinite": lambda c: c["hyper_parameters"].update(std=float("inf")),
    "l1 is negative": lambda c: c["hyper_parameters"].update(l1=-1.0),
    "an argument is infinite": lambda c: c["hyper_parameters"]["optimizer"].update(lr=float("inf")),
    "an argument is a tensor": lambda c: c["hyper_parameters"]["model"].update(dropout=torch.ones(1)),
    "tta is unknown": lambda c: c["hyper_parameters"].update(tta="crop"),
    "mode is unknown": lambda c: c["hyper_parameters"].update(mode="best"),
    "an unknown option": lambda c: c["hyper_parameters"].update(colour="red"),
    "nested for ever": lambda c: c["hyper_parameters"].update(experiment=deep(60)),
    "a million values": lambda c: c["hyper_parameters"].update(experiment={"a": [0] * 1_000_000}),
    "a network of terabytes": lambda c: c["hyper_parameters"]["model"].update(head=[2**20, 2**20]),
    "weights of another network": lambda c: c["state_dict"].popitem(),
}


def deep(levels: int) -> dict:
    return {"a": deep(levels - 1)} if levels else {}


@pytest.mark.parametrize("damage", WRONG.values(), ids=WRONG)
def test_values_of_the_wrong_kind_are_one_line(content, damage):
    content = copy.deepcopy(content)
    damage(content)
    torch.save(content, "wrong.ckpt")
    with pytest.raises(UserError) as error:
        checkpoint.load("wrong.ckpt")
    assert "\n" not in str(error.value)
    assert "wrong.ckpt" in str(error.value)


@pytest.mark.typed
def test_a_command_that_loads_a_hostile_file_ends_in_one_line_and_runs_nothing(content):
    content = copy.deepcopy(content)
    content["hyper_parameters"]["class_counts"] = [50, RUN]
    torch.save(content, "hostile.ckpt")
    (Path("photo.png")).write_bytes(b"")
    command = [sys.executable, "-m", "fer.predict", "photo.png", "--checkpoint", "hostile.ckpt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: hostile.ckpt: class_counts")
    assert len(done.stderr.splitlines()) == 1
    assert not Path("sprung").exists()


OWN = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.layer = nn.Linear(48 * 48, num_classes)
    def forward(self, images):
        return self.layer(images.flatten(1))
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    """The checkpoint of a network in a module of one's own."""
    Path("mymodule.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    module = Classifier(**PARTS | {"model": {"_target_": "mymodule.Net"}})
    torch.save({"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}, "own.ckpt")
    yield "own.ckpt"
    sys.modules.pop("mymodule", None)


def test_an_own_network_is_refused_with_the_words_to_type(own):
    with pytest.raises(UserError, match=r"trust=mymodule .*--trust mymodule"):
        checkpoint.load(own)


@pytest.mark.parametrize("target", ["os.system", "subprocess.run", "builtins.eval"])
def test_no_trust_helps_python_itself_into_a_file(content, target):
    trust.allow(target.split(".")[0])
    content = copy.deepcopy(content)
    content["hyper_parameters"]["model"] = {"_target_": target}
    assert "--trust" not in refused(content)


@pytest.mark.parametrize("modules", ["mymodule", "other,mymodule", ["mymodule"]])
def test_an_own_network_is_loaded_once_it_is_trusted(own, modules):
    trust.allow(modules)
    assert type(checkpoint.load(own).model).__name__ == "Net"


def test_the_environment_can_trust_too(own, monkeypatch):
    monkeypatch.setenv("FER_TRUST", "mymodule")
    assert type(checkpoint.load(own).model).__name__ == "Net"


@pytest.mark.parametrize("modules", ["mymod", "mymodule.other", "other"])
def test_trust_goes_to_whole_names(own, modules):
    trust.allow(modules)
    with pytest.raises(UserError, match="not loaded"):
        checkpoint.load(own)


@pytest.mark.parametrize("modules", ["my module", "../x", "a;b", "*"])
def test_what_is_no_module_cannot_be_trusted(modules):
    with pytest.raises(UserError, match="expected the name of a Python module"):
        trust.allow(modules)


def test_a_trusted_module_does_not_vouch_for_another(content):
    trust.allow("mymodule")
    content = copy.deepcopy(content)
    content["hyper_parameters"]["model"] = {"_target_": "mymodule.Net", "inner": RUN}
    torch.save(content, "mixed.ckpt")
    with pytest.raises(UserError, match=r"torch\.utils\.collect_env"):
        checkpoint.load("mixed.ckpt")


def test_lightnings_own_loading_is_checked_as_well(content):
    content = copy.deepcopy(content) | {"pytorch-lightning_version": "2.6.6"}
    content["hyper_parameters"]["model"] = RUN
    torch.save(content, "hostile.ckpt")
    with pytest.raises(UserError, match="not loaded"):
        Classifier.load_from_checkpoint("hostile.ckpt")
    assert not Path("sprung").exists()


def test_a_checkpoint_keeps_no_wish_to_load_weights():
    node = {"_target_": "timm.create_model", "model_name": "resnet10t", "pretrained": True}
    kept = trust.without_loading(node | {"inner": {"weights": "DEFAULT", "class_weights": "balanced"}})
    assert kept["pretrained"] is False
    assert kept["inner"] == {"weights": None, "class_weights": "balanced"}


@pytest.mark.full
@pytest.mark.parametrize("group", ["model", "loss", "optimizer", "scheduler"])
def test_every_choice_that_ships_may_come_from_a_file(group):
    for path in (CONF / group).glob("*.yaml"):
        node = config([f"{group}={path.stem}"])[group]
        assert list(objections.unsafe(node, group, positions.POSITIONS[group])) == []


@pytest.mark.full
@pytest.mark.parametrize("experiment", [None, *sorted(path.stem for path in (CONF / "experiment").rglob("*.yaml"))])
def test_the_config_of_every_experiment_may_come_from_a_file(experiment):
    whole = config([f"experiment={experiment}"] if experiment else [])
    assert list(objections.unsafe_config(whole, "runs/x")) == []


@pytest.mark.parametrize(
    "choice",
    [
        f"{group}={path.stem}"
        for group in ("average", "callbacks", "data", "labels", "trainer", "logger")
        for path in sorted((CONF / group).glob("*.yaml"))
        if path.stem not in ("wandb", "mlflow")  # which send what they log elsewhere
    ],
)
def test_the_config_of_a_run_with_any_other_choice_may_come_from_a_file(choice):
    assert list(objections.unsafe_config(config([choice]), "runs/x")) == []


@pytest.mark.parametrize("augment", sorted(path.stem for path in (CONF / "augment").glob("*.yaml")))
def test_every_augmentation_may_come_from_a_file(augment):
    assert list(objections.unsafe_config(config([f"augment={augment}"]), "runs/x")) == []


def config(overrides: list[str]) -> dict:
    """A config as a run stores it in runs/x."""
    from omegaconf import OmegaConf

    content = OmegaConf.to_container(compose_config([*overrides, "output_dir=runs/x"]), resolve=True)
    return {key: value for key, value in content.items() if key != "launcher"}


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run's folder with nothing but its config."""
    place = tmp_path / "run"
    place.mkdir()
    (place / "config.yaml").write_text(yaml.safe_dump(config([]) | {"output_dir": "runs/x"}))
    return place


def change(folder: Path, path: str, value) -> None:
    file = folder / "config.yaml"
    content = yaml.safe_load(file.read_text())
    *keys, last = path.split(".")
    node = content
    for key in keys:
        node = node[key]
    node[last] = value
    file.write_text(yaml.safe_dump(content))


def test_the_config_of_a_run_is_taken_as_it_was(folder):
    cfg = resume.checked_config(folder)
    assert cfg.output_dir == str(folder)
    assert cfg.model == compose_config([]).model


CONFIGS = [
    ("model", RUN),
    ("callbacks.extra", RUN),
    ("callbacks.extra", {"_target_": "mymodule.Hello"}),
    ("callbacks.extra", {"_target_": "lightning.pytorch.callbacks.OnExceptionCheckpoint", "dirpath": "/tmp/x"}),
    ("callbacks.checkpoint.dirpath", "/tmp/elsewhere"),
    ("callbacks.checkpoint.dirpath", "elsewhere"),
    ("callbacks.checkpoint.filename", "../../../x"),
    ("callbacks.last.path", "/etc/cron.d/x"),
    ("logger.extra", {"_target_": "lightning.pytorch.loggers.WandbLogger", "project": "x"}),
    ("logger.tensorboard.save_dir", "~/x"),
    ("logger.tensorboard.name", "../../x"),
    ("logger.tensorboard.version", "/tmp/x"),
    ("trainer._target_", "os.system"),
    ("trainer.default_root_dir", "/tmp/x"),
    ("trainer.profiler", {"_target_": "mymodule.Profiler"}),
    ("trainer.profiler", {"_target_": "lightning.pytorch.profilers.SimpleProfiler", "dirpath": "/tmp/x"}),
    ("trainer.plugins", [RUN]),
    ("data._target_", "mymodule.Data"),
    ("data.augment", {"extra": RUN}),
    ("augment", {"extra": RUN}),
    ("classifier.model", RUN),
    ("study", RUN),
    ("seed", "${oc.create:{a: 1}}"),
    ("model.blocks", [["${oc.env:HOME}"]]),
]


@pytest.mark.parametrize(("path", "value"), CONFIGS, ids=[f"{path}-{n}" for n, (path, _) in enumerate(CONFIGS)])
def test_the_config_of_a_strangers_run_is_refused(folder, path, value):
    change(folder, path, value)
    with pytest.raises(UserError, match="not loaded") as error:
        resume.checked_config(folder)
    assert "config.yaml" in str(error.value)
    assert not Path("sprung").exists()


def test_an_own_callback_is_taken_from_a_run_once_its_module_is_trusted(folder):
    change(folder, "callbacks.extra", {"_target_": "mymodule.Hello"})
    trust.allow("mymodule")
    assert resume.checked_config(folder).callbacks.extra._target_ == "mymodule.Hello"


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)
)
FILES = {
    "a command": "!!python/object/apply:os.system ['touch sprung']",
    "nested a billion times": BOMB,
    "not a mapping": "- 1\n- 2\n",
    "empty": "",
    "no YAML": "a: [1\nb: }",
    "no text": "\x00\x01",
    "too large": "a: " + "x" * 2_000_000,
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_config_that_is_no_config_is_one_line(folder, text):
    (folder / "config.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        resume.checked_config(folder)
    assert "\n" not in str(error.value)
    assert not Path("sprung").exists()


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


@pytest.mark.parametrize("key", ["hyper_parameters", "state_dict", "callbacks"])
def test_a_pickle_runs_nothing(content, key):
    torch.save(content | {key: Trap()}, "trap.ckpt")
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.load("trap.ckpt")
    assert not Path("sprung").exists()
