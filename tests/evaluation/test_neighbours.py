import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.neighbours import features, mistakes_figure, most_confident_mistakes, nearest
from fer.models.backbone import Backbone

NET = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]}
MODELS = [path.stem for path in sorted((CONF / "model").glob("*.yaml"))]
LABELS = torch.arange(12) % 3


def classifier(model=None) -> Classifier:
    torch.manual_seed(0)
    made = Classifier(
        NET, {"_target_": "fer.losses.CrossEntropy"}, {}, {}, ["angry", "happy", "sad"], [1, 1, 1], 0.5, 0.3
    )
    made.model = model or made.model
    return made.eval()


def some_faces(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def split(images: torch.Tensor) -> Split:
    return Split(images, LABELS[: len(images)], np.arange(len(images)).astype(str))


def texts(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in MODELS if name != "mini_xception"])  # it ends with a convolution
def test_features_are_what_the_last_layer_turns_into_logits(name):
    network = instantiate(compose_config([f"model={name}", "output_dir=/nowhere"]).model, num_classes=3)
    module, images = classifier(network), some_faces(2, 0)
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        torch.testing.assert_close(last(features(module, images)), module(images), rtol=1e-4, atol=1e-5)


def test_features_of_our_networks_are_those_they_name():
    module, images = classifier(), some_faces(5, 0)
    with torch.no_grad():
        expected = module.model.features(module.normalise(images))
    torch.testing.assert_close(features(module, images, batch_size=2), expected)


def test_a_head_of_convolutions_is_averaged_over_its_map():
    module = classifier(Backbone("squeezenet1_1", 3)).eval()
    recorded = []
    module.model.network.features.register_forward_hook(lambda *call: recorded.append(call[-1].detach()))
    result = features(module, some_faces(2, 0))
    np.testing.assert_allclose(result, recorded[0].numpy().mean(axis=(2, 3)), rtol=1e-5, atol=1e-6)


def test_a_network_without_layers_has_no_features():
    with pytest.raises(UserError, match="Flatten has no linear layer"):
        features(classifier(nn.Flatten()), some_faces(1, 0))


def test_nothing_stays_hooked_to_the_network():
    module = classifier()
    features(module, some_faces(2, 0))
    with pytest.raises(RuntimeError):
        features(module, torch.zeros(1, 1, 9, 9))
    assert not any(layer._forward_pre_hooks for layer in module.modules())


def test_the_nearest_are_those_of_a_plain_loop():
    module, train, images = classifier(), some_faces(12, 1), some_faces(3, 2)
    train_features, image_features = features(module, train).double().numpy(), features(module, images).double().numpy()
    cosines, rows = nearest(module, train, images, count=4, batch_size=5)
    for index, feature in enumerate(image_features):
        likeness = [feature @ other / np.sqrt((feature @ feature) * (other @ other)) for other in train_features]
        best = sorted(range(len(train)), key=lambda row: -likeness[row])[:4]
        assert rows[index].tolist() == best
        np.testing.assert_allclose(cosines[index], [likeness[row] for row in best], rtol=1e-5)


def test_fewer_training_faces_than_asked_for_are_all_shown():
    assert nearest(classifier(), some_faces(2, 1), some_faces(3, 2), count=4)[1].shape == (3, 2)


def test_the_surest_mistake_comes_first():
    probabilities = torch.tensor([[0.1, 0.9, 0], [0.6, 0.4, 0], [1, 0, 0], [0.2, 0.1, 0.7]])
    assert most_confident_mistakes(probabilities.log(), torch.tensor([0, 1, 0, 0])).tolist() == [0, 3, 1]


def test_a_mistake_stands_before_its_neighbours():
    train, evaluated = some_faces(12, 1), some_faces(1, 2)
    train[7] = evaluated[0]
    figure = mistakes_figure(classifier(), split(train), split(evaluated), torch.tensor([[0.0, 2.0, 0.0]]))
    assert texts(figure)[:2] == ["happy 79 %\nis angry", "happy\nsame picture"]
    assert len(figure.axes) == 5
    shown_pixels = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(shown_pixels[0], shown_pixels[1])
    figure.canvas.draw()


def test_a_label_is_coloured_by_what_it_speaks_for():
    train, evaluated = some_faces(3, 1), some_faces(1, 2)
    figure = mistakes_figure(classifier(), split(train), split(evaluated), torch.tensor([[0.0, 2.0, 0.0]]))
    colors = {axes.get_title().split("\n")[0]: axes.title.get_color() for axes in figure.axes[1:]}
    assert len(set(colors.values())) == len(colors) == 3
    assert colors["sad"] == "black"


@pytest.mark.parametrize(("most", "count"), [(0, 0), (2, 2), (12, 8)])
def test_at_most_so_many_mistakes_are_shown(most, count):
    logits = torch.tensor([[1.0, 0.0, 0.0]]).expand(12, 3)  # 4 of 12 are angry
    figure = mistakes_figure(classifier(), split(some_faces(12, 1)), split(some_faces(12, 2)), logits, most)
    assert sum("\nis " in text for text in texts(figure)) == count
    figure.canvas.draw()


def test_no_mistakes_are_a_sentence():
    evaluated = split(some_faces(3, 2))
    figure = mistakes_figure(classifier(), split(some_faces(3, 1)), evaluated, torch.eye(3))
    assert [text.get_text() for text in figure.texts] == ["no mistakes"]
