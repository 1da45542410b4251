import sys

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from hydra.utils import instantiate
from torch import nn

from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.explain import example_rows, gradcam, heat_figures, integrated_gradients, smoothed
from fer.evaluation.feature_map import last_feature_map
from fer.models.backbone import Backbone
from fer.models.cct import CCT
from fer.models.cnn import CNN
from fer.models.mini_xception import MiniXception
from fer.models.repvgg import RepVGG
from fer.models.resnet import ResNet

NET = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]}
MODELS = [path.stem for path in sorted((CONF / "model").glob("*.yaml"))]
FACES = torch.randint(0, 256, (9, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SPLIT = Split(FACES, torch.arange(9) % 3, np.arange(9).astype(str))
TARGETS = torch.tensor([0, 1, 2] * 3)


def classifier(model: nn.Module | None = None) -> Classifier:
    torch.manual_seed(0)
    made = Classifier(
        NET, {"_target_": "fer.losses.CrossEntropy"}, {}, {}, ["angry", "happy", "sad"], [1, 1, 1], 0.5, 0.3
    )
    made.model = model or made.model
    return made.eval()


class Brightness(nn.Module):
    """The first class for bright spots, the second against them."""

    def __init__(self):
        super().__init__()
        self.smooth = nn.Conv2d(1, 1, 5, stride=2, padding=2, bias=False)
        self.relu = nn.ReLU()
        self.output = nn.Linear(1, 2, bias=False)
        nn.init.constant_(self.smooth.weight, 1 / 25)
        self.output.weight.data = torch.tensor([[1.0], [-1.0]])

    def forward(self, images):
        return self.output(self.relu(self.smooth(images)).mean((2, 3)))


def dark_with_a_spot() -> torch.Tensor:
    image = torch.full((1, 1, 48, 48), 10, dtype=torch.uint8)
    image[..., 28:36, 8:16] = 250
    return image


def test_heat_is_where_the_bright_spot_is():
    heat = gradcam(classifier(Brightness()), dark_with_a_spot(), torch.tensor([0]))[0]
    assert heat.max() == 1
    assert heat[30:34, 10:14].min() > 0.5
    heat[24:40, 4:20] = 0
    assert heat.max() < 1e-6  # dark pixels are below the mean that is subtracted, so the map is silent there


def test_what_speaks_against_a_class_is_cut_off():
    assert gradcam(classifier(Brightness()), dark_with_a_spot(), torch.tensor([1])).eq(0).all()


def test_it_is_gradcam_where_the_head_averages_the_map():
    module = classifier(CNN(3, blocks=[[4], [8]], head=[], head_pool=1, pool="none"))
    layer = last_feature_map(module, FACES[:1]).layer
    expected = LayerGradCam(module, layer).attribute(FACES / 255, TARGETS, relu_attributions=True)[:, 0]
    expected /= expected.amax((1, 2), keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(gradcam(module, FACES, TARGETS), expected.detach(), rtol=1e-3, atol=1e-4)


def test_it_is_products_position_by_position():
    """By a plain loop over the head of one face."""
    module, target = classifier(), 2
    block, rest = module.model.blocks[1], nn.Sequential(module.model.head, module.model.output)
    activations = block[:3](module.model.blocks[0](module.normalise(FACES[:1]))).detach().requires_grad_()
    rest(block[3:](activations))[0, target].backward()
    products = (activations * activations.grad)[0].detach().numpy()
    expected = np.maximum(sum(products), 0)
    heat = gradcam(module, FACES[:1], torch.tensor([target]))[0]
    small = nn.functional.interpolate(torch.from_numpy(expected)[None, None], size=(48, 48), mode="bilinear")[0, 0]
    torch.testing.assert_close(heat, small / small.max(), rtol=1e-4, atol=1e-5)


def test_gradients_of_a_linear_network_are_weight_times_difference():
    module = classifier(nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 3)))
    result = integrated_gradients(module, FACES, TARGETS, steps=2)
    pixels = FACES[:, 0].numpy() / 255
    weight = module.model[1].weight.detach().numpy().reshape(3, 48, 48)[TARGETS]
    np.testing.assert_allclose(result, weight / 0.3 * (pixels - pixels.mean()), rtol=1e-3, atol=1e-6)


def test_gradients_add_up_to_the_difference_of_the_logits():
    module = classifier(CNN(3, blocks=[[4], [8]], head=[8], activation="tanh", pool="avg"))
    result = integrated_gradients(module, FACES, TARGETS)
    grey = torch.full_like(FACES, 0, dtype=torch.float32) + FACES.float().mean() / 255
    with torch.no_grad():
        difference = (module(FACES) - module(grey)).gather(1, TARGETS[:, None])[:, 0]
    torch.testing.assert_close(result.sum((1, 2)), difference, rtol=0.01, atol=1e-3)


@pytest.mark.full
@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_be_explained(name):
    network = instantiate(compose_config([f"model={name}", "output_dir=/nowhere"]).model, num_classes=3)
    module, images = classifier(network), FACES[:2]
    last = last_feature_map(module, images[:1])
    assert last.height > 1
    heat, gradients = gradcam(module, images, TARGETS[:2], last), integrated_gradients(module, images, TARGETS[:2], 2)
    assert heat.shape == gradients.shape == (2, 48, 48)
    assert 0 <= heat.min() <= heat.max() <= 1
    assert gradients.isfinite().all()
    assert gradients.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        ({}, "blocks.1.2", (24, 24)),  # convolution, BatchNorm, ReLU; pooling comes after
        ({"norm_last": True}, "blocks.1.1", (24, 24)),  # ReLU, then BatchNorm, which puts what is silent elsewhere
        ({"norm": "none", "stride": [1, 48]}, "blocks.0.1", (48, 48)),  # the last map has one position
    ],
)
def test_the_last_map_ends_with_its_activation(options, name, size):
    pool = {"pool": "none"} if "stride" in options else {}
    last = last_feature_map(classifier(CNN(3, blocks=[[4], [8]], **pool, **options)), FACES[:1])
    assert (last.name, last.height, last.width) == (name, *size)


def test_the_last_map_of_a_residual_network_is_after_the_sum():
    last = last_feature_map(classifier(Backbone("resnet18", 3)), FACES[:1])
    assert (last.name, last.height) == ("network.layer4.1.relu", 2)


@pytest.mark.parametrize(
    ("network", "name", "size"),
    [
        (ResNet(3, squeeze_excitation=True, stochastic_depth=0.1), "stages.3.1.activation", 6),
        (ResNet(3, preactivation=True, squeeze_excitation=True), "end.1", 6),
        (ResNet(3, attention="masking"), "stages.3.1.activation", 6),
        (CNN(3, blocks=[[4], [8]], attention="cbam"), "blocks.1.2", 24),
        (RepVGG(3), "blocks.8.activation", 6),
        (MiniXception(3), "output", 3),
        (CCT(3, width=16), "tokenizer.4", 24),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_gates_and_left_out_branches_do_not_hide_the_last_map(network, name, size):
    last = last_feature_map(classifier(network), FACES[:1])
    assert (last.name, last.height) == (name, size)


def test_a_network_without_a_map_says_so():
    with pytest.raises(UserError, match="Sequential has no convolution with a map"):
        last_feature_map(classifier(nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 3))), FACES[:1])


def test_examples_are_the_surest_right_and_wrong_of_a_class():
    shares = torch.tensor([0.5, 0.9, 0.7, 0.6, 0.8, 0.95])
    guesses = torch.tensor([0, 0, 0, 0, 1, 1])
    logits = torch.where(torch.arange(2) == guesses[:, None], shares[:, None], 1 - shares[:, None]).log()
    assert example_rows(logits, torch.zeros(6, dtype=torch.int64), 0).tolist() == [1, 2, 3, 5, 4]
    assert example_rows(logits, torch.ones(6, dtype=torch.int64), 0).tolist() == []


def test_what_is_shown_keeps_sign_and_place():
    gradients = torch.zeros(1, 48, 48)
    gradients[0, 10, 10], gradients[0, 30, 30] = 3.0, -3.0
    result = smoothed(gradients)[0]
    assert result[10, 10] == 1
    assert result[30, 30] == -1
    assert result[20, 20] == 0
    assert smoothed(torch.zeros(2, 48, 48)).eq(0).all()


def test_sheets_have_a_line_a_class_and_say_what_they_show():
    module = classifier()
    logits = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 0, 1, 0, 0, 0, 0]), 3).float()
    drawn = heat_figures(module, SPLIT, logits)
    assert set(drawn) == {"gradcam", "integrated_gradients"}
    assert "24×24 positions, behind blocks.1.2" in drawn["gradcam"].get_suptitle()
    for figure in drawn.values():
        titles = [axes.get_title() for axes in figure.axes]
        assert [title.split()[0] for title in titles if title] == ["angry"] * 3 + ["happy"] * 2 + ["angry", "sad"] + [
            "angry"
        ] * 2
        assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["angry", "happy", "sad"]
        figure.canvas.draw()


def test_a_class_without_faces_has_an_empty_line():
    few = Split(FACES[:2], torch.tensor([0, 0]), SPLIT.ids[:2])
    figure = heat_figures(classifier(), few, torch.eye(3)[:2])["gradcam"]
    assert sum(bool(axes.images) for axes in figure.axes) == 2
    figure.canvas.draw()


def test_explaining_leaves_the_network_as_it_was():
    module = classifier().train()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    heat_figures(module, SPLIT, torch.eye(3).repeat(3, 1))
    assert module.training
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(value.equal(state[name]) for name, value in module.state_dict().items())


def test_without_captum_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.delitem(sys.modules, "captum.attr")
    with pytest.raises(UserError, match=r"pip install 'fer-lightning\[explain\]'"):
        heat_figures(classifier(), SPLIT, torch.eye(3).repeat(3, 1))
