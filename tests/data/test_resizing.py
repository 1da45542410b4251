"""Progressive resizing: which side when, and what it does to pixels."""

import pytest
import torch

from fer.data.resizing import Resizing
from fer.errors import UserError

SIDES = {8: 48, 0: 24, 4: 36}


@pytest.mark.parametrize(("epoch", "side"), [(0, 24), (3, 24), (4, 36), (7, 36), (8, 48), (99, 48)])
def test_a_side_lasts_from_its_epoch_to_the_next_one_named(epoch, side):
    assert Resizing(SIDES).side(epoch) == side
    assert Resizing(SIDES)(torch.rand(2, 1, 48, 48), epoch).shape == (2, 1, side, side)


def test_work_grows_with_the_square_of_the_side():
    assert Resizing(SIDES).work(0, 10) == pytest.approx(4 / 4 + 4 * 9 / 16 + 2)
    assert Resizing({3: 24}).work(2, 4) == 1.25
    assert Resizing(None).work(2, 7) == 5
    assert Resizing(None).work(7, 7) == 0


def test_before_the_first_epoch_named_and_without_any_pictures_pass_untouched():
    images = torch.randint(0, 256, (2, 1, 48, 48), dtype=torch.uint8)
    assert Resizing({3: 24})(images, 2) is images
    assert Resizing(None)(images, 0) is images
    assert Resizing({0: 48})(images, 0) is images


@pytest.mark.parametrize("side", [8, 24, 36, 47])
def test_constant_pictures_stay_constant_and_bytes_become_shares(side):
    images = torch.full((2, 1, 48, 48), 51, dtype=torch.uint8)
    torch.testing.assert_close(Resizing({0: side})(images, 0), torch.full((2, 1, side, side), 0.2))


def test_a_pixel_is_the_mean_of_those_it_covers():
    images = torch.rand(2, 1, 48, 48)
    expected = images.view(2, 1, 24, 2, 24, 2).mean((3, 5))
    torch.testing.assert_close(Resizing({0: 24})(images, 0), expected)


@pytest.mark.parametrize("sides", [{0: 7}, {0: 49}, {-1: 24}, {0: 24.5}, {"first": 24}])
def test_impossible_sides_are_one_error(sides):
    with pytest.raises(UserError, match=r"data\.progressive_resizing"):
        Resizing(sides)
