import sys
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import OmegaConf

from fer.models.backbone import Backbone

CONF = Path(__file__).parents[2] / "conf" / "model"
NODES = [path for path in sorted(CONF.glob("*.yaml")) if "fer.models.backbone.Backbone" in path.read_text()]


@pytest.mark.parametrize("node", NODES, ids=lambda path: path.stem)
def test_option_turns_grey_faces_into_logits(node):
    node = OmegaConf.load(node)
    if node.library == "timm":
        pytest.importorskip("timm")
    model = hydra.utils.instantiate(node, num_classes=5)
    logits = model(torch.randn(2, 1, 48, 48))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize(("library", "name"), [("torchvision", "squeezenet1_1"), ("timm", "resnet10t")])
def test_grey_and_colour_images_fit(library, name, in_channels):
    pytest.importorskip(library)
    model = Backbone(name, 7, library=library, in_channels=in_channels)
    assert model(torch.randn(2, in_channels, 48, 48)).shape == (2, 7)


def test_a_grey_image_is_seen_three_times():
    model = Backbone("squeezenet1_1", 7).eval()
    images = torch.randn(2, 1, 48, 48)
    torch.testing.assert_close(model(images), model.network(torch.cat([images] * 3, 1)))


def test_resize_reaches_the_network():
    model, sizes = Backbone("squeezenet1_1", 7, resize=64), []
    model.network.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape))
    model(torch.randn(2, 1, 48, 48))
    assert sizes == [(2, 3, 64, 64)]


def test_networks_with_auxiliary_outputs_return_logits_alone():
    logits = Backbone("googlenet", 7).train()(torch.randn(2, 1, 48, 48))
    assert logits.shape == (2, 7)


@pytest.mark.parametrize(("library", "name"), [("torchvision", "squeezenet1_1"), ("timm", "resnet10t")])
def test_head_dropout_reaches_the_network(library, name):
    pytest.importorskip(library)
    network = Backbone(name, 7, library=library, head_dropout=0.37).network
    assert (network.drop_rate if library == "timm" else network.classifier[0].p) == 0.37


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "resnet19"}, "resnet18"),
        ({"name": "regnety_02", "library": "timm"}, "regnety_002"),
        ({"name": "resnet18", "library": "keras"}, "torchvision, timm"),
        ({"name": "resnet18", "in_channels": 2}, "in_channels"),
        ({"name": "resnet18", "head_dropout": 0.1}, "dropout"),
        ({"name": "fasterrcnn_resnet50_fpn"}, "classifier"),
    ],
)
def test_what_is_not_to_be_had_is_named_in_one_line(options, words):
    if options.get("library") == "timm":
        pytest.importorskip("timm")
    with pytest.raises(ValueError, match=words) as error:
        Backbone(num_classes=7, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp/model", "resnet18.a1_in1k", "../a"])
def test_hubs_files_and_weights_cannot_be_named(library, name):
    pytest.importorskip(library)
    with pytest.raises(ValueError, match="does not have"):
        Backbone(name, 7, library=library)


@pytest.mark.parametrize("option", ["weights", "pretrained", "pretrained_cfg", "checkpoint_path", "features_only"])
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_options_that_load_something_are_refused(library, option):
    with pytest.raises(ValueError, match=f"model.{option} "):
        Backbone("resnet18", 7, library=library, **{option: "x"})


def test_a_missing_timm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fer-lightning\[timm\]'"):
        Backbone("regnety_002", 7, library="timm")
