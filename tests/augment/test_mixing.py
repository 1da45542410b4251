import pytest
import torch

from fer.augment import CutMix, Mixup


def classes_as_pictures(n, num_classes=4):
    """Images (N, num_classes, 24, 24) whose channel k is one where the pixel belongs to an image of class k."""
    labels = torch.arange(n) % num_classes
    images = torch.nn.functional.one_hot(labels, num_classes).float()[:, :, None, None]
    return images.expand(-1, -1, 24, 24), labels


@pytest.mark.parametrize("mix", [Mixup(4, alpha=1.0), CutMix(4), Mixup(4, p=0.5), CutMix(4, p=0.5)])
def test_soft_labels_are_the_shares_of_the_pixels(mix):
    images, labels = mix(*classes_as_pictures(64))
    assert torch.allclose(labels, images.mean((2, 3)), atol=1e-5)
    assert torch.allclose(labels.sum(1), torch.ones(64))


@pytest.mark.parametrize("chain", [(Mixup(4, alpha=1.0), CutMix(4)), (CutMix(4), Mixup(4, alpha=1.0))])
def test_chained_mixes_still_follow_the_pixels(chain):
    images, labels = classes_as_pictures(64)
    for mix in chain:
        images, labels = mix(images, labels)
    assert torch.allclose(labels, images.mean((2, 3)), atol=1e-5)
    assert (labels > 0).sum(1).max() == 3


@pytest.mark.parametrize("mix", [Mixup, CutMix])
def test_each_pair_has_its_own_share(mix):
    _, labels = mix(4, alpha=1.0)(*classes_as_pictures(64))
    assert len(labels.max(1).values.unique()) > 20


@pytest.mark.parametrize("mix", [Mixup, CutMix])
def test_unmixed_labels_are_one_hot(mix):
    images, labels = classes_as_pictures(8)
    mixed, soft = mix(4, p=0)(images, labels)
    assert mixed.equal(images)
    assert soft.equal(torch.nn.functional.one_hot(labels, 4).float())


def test_mixup_share_is_beta():
    (weight,) = Mixup(2, alpha=0.4).sample(torch.empty(8000, 1, 4, 4))
    assert weight.mean() == pytest.approx(0.5, abs=0.02)
    assert weight.var() == pytest.approx(0.25 / 1.8, abs=0.01)
