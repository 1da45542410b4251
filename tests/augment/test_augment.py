from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from fer.augment import (
    Affine,
    Augment,
    Blur,
    CutMix,
    Erasing,
    Flip,
    Gamma,
    Jitter,
    Mixup,
    Noise,
    Perspective,
    ResizedCrop,
    Transform,
)
from fer.errors import UserError

OPTIONS = sorted((Path(__file__).parents[2] / "conf" / "augment").glob("*.yaml"))


def test_uint8_becomes_float_in_unit_range(labels):
    images = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8)
    transforms = [Affine(20, 0.1, 0.2, 10), Perspective(p=1.0), Jitter(), Gamma(), Noise(), Blur(p=1.0)]
    transforms += [Flip(), ResizedCrop(), Erasing(value="random", p=1.0), Mixup(7), CutMix(7)]
    augment = Augment(7, **{type(transform).__name__: transform for transform in transforms})
    changed, _ = augment(images, labels)
    assert changed.dtype == torch.float32
    assert 0 <= changed.min() < changed.max() <= 1


def test_no_transforms_return_the_batch_itself(labels):
    images = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8)
    same_images, same_labels = Augment(7)(images, labels)
    assert same_images is images
    assert same_labels is labels


def test_transforms_run_in_the_order_given(images, labels):
    class Add(Transform):
        def transform(self, images):
            return images * 0.5 + 0.5

    class Halve(Transform):
        def transform(self, images):
            return images * 0.5

    first, _ = Augment(7, add=Add(), halve=Halve())(images, labels)
    last, _ = Augment(7, halve=Halve(), add=Add())(images, labels)
    assert torch.allclose(last - first, torch.tensor(0.25))


def test_none_removes_a_transform():
    node = {"_target_": "fer.augment.Flip"}
    assert list(Augment(7, flip=None, other=node).transforms) == ["other"]


def test_num_classes_goes_where_it_is_taken():
    nodes = {"flip": {"_target_": "fer.augment.Flip"}, "mixup": {"_target_": "fer.augment.Mixup", "alpha": 0.3}}
    transforms = Augment(5, **OmegaConf.create(nodes)).transforms
    assert transforms["mixup"].num_classes == 5


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
def test_shipped_options_run_on_a_batch(path, labels):
    images = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8)
    changed, same_labels = Augment(7, **(OmegaConf.load(path) or {}))(images, labels)
    assert changed.shape == images.shape
    assert same_labels is labels


def test_bad_options_are_named_through_the_configuration():
    with pytest.raises(UserError, match="alpha must be"):
        Augment(7, mixup={"_target_": "fer.augment.Mixup", "alpha": 0})
