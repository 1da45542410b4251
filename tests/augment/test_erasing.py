import torch

from fer.augment import Erasing


def test_erased_share_is_within_its_bounds():
    changed, _ = Erasing(p=1, area=(0.05, 0.3))(torch.ones(1000, 1, 48, 48), torch.zeros(1000))
    share = 1 - changed.mean((1, 2, 3))
    rounding = 0.012  # half a pixel on each side of the rectangle
    assert 0.05 - rounding < share.min() < 0.06
    assert 0.28 < share.max() < 0.3 + rounding


def test_erased_pixels_form_one_rectangle():
    changed, _ = Erasing(p=1, value=0.25)(torch.ones(200, 1, 48, 48), torch.zeros(200))
    erased = changed[:, 0] == 0.25
    height, width = erased.any(2).sum(1), erased.any(1).sum(1)
    assert erased.sum((1, 2)).equal(height * width)


def test_random_erasing_fills_with_different_pixels():
    changed, _ = Erasing(p=1, value="random")(torch.full((20, 1, 48, 48), 2.0), torch.zeros(20))
    assert all(len(image[image <= 1].unique()) > 20 for image in changed)
