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


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "mobilenetv4", "convnext_atto", "vit_tiny"])
def test_families_of_timm_go_by_short_names_and_take_faces(name):
    pytest.importorskip("timm")
    model = Backbone(name, 7, library="timm").eval()
    for size in (32, 48):
        assert model(torch.randn(2, 1, size, size)).shape == (2, 7)


@pytest.mark.parametrize(("options", "tokens"), [({}, 9), ({"patch_size": 6}, 64), ({"resize": 64}, 16)])
def test_networks_for_one_size_are_built_for_the_size_that_they_get(options, tokens):
    pytest.importorskip("timm")
    model = Backbone("vit_tiny_patch16_224", 7, library="timm", depth=1, **options).eval()
    assert model.network.patch_embed.num_patches == tokens
    assert model(torch.randn(2, 1, 48, 48)).shape == (2, 7)


def test_null_takes_the_default_of_timm():
    pytest.importorskip("timm")
    rates = [Backbone("resnet10t", 7, library="timm", head_dropout=rate).network.drop_rate for rate in (None, 0.3)]
    assert rates == [0, 0.3]
    assert Backbone("resnet10t", 7, library="timm", output_stride=None).network.num_features == 512


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("torchvision", "squeezenet1_1"),
        ("torchvision", "resnet18"),
        ("torchvision", "mobilenet_v3_small"),
        ("timm", "resnet10t"),
        ("timm", "vit_tiny"),
    ],
)
def test_features_are_what_the_last_layer_sees(library, name):
    pytest.importorskip(library)
    model = Backbone(name, 7, library=library).eval()
    faces = torch.randn(2, 1, 48, 48)
    features = model.features(faces)
    assert features.ndim == 2
    assert not model.network._forward_pre_hooks
    last = [layer for layer in model.network.modules() if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)][-1]
    assert features.shape[1] == (last.in_features if isinstance(last, torch.nn.Linear) else last.in_channels)
    if isinstance(last, torch.nn.Linear):
        torch.testing.assert_close(last(features), model(faces))


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
@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp/model", "resnet18:a1", "../a"])
def test_hubs_files_and_weights_cannot_be_named(library, name):
    pytest.importorskip(library)
    with pytest.raises(ValueError, match="does not have"):
        Backbone(name, 7, library=library)


def test_the_name_of_a_timm_network_may_say_which_weights():
    network = pytest.importorskip("timm").create_model("resnet10t.c3_in1k", num_classes=7, in_chans=1)
    assert Backbone("resnet10t.c3_in1k", 7, library="timm").network.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize("option", ["weights", "pretrained", "pretrained_cfg", "checkpoint_path", "features_only"])
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_options_that_load_something_are_refused(library, option):
    with pytest.raises(ValueError, match=f"model.{option} "):
        Backbone("resnet18", 7, library=library, **{option: "x"})


def test_a_missing_timm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fer-lightning\[timm\]'"):
        Backbone("regnety_002", 7, library="timm")
