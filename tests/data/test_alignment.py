import numpy as np
import pytest
import torch
from scipy import ndimage

from fer.data import alignment
from fer.data.alignment import agreement, align, correlation, fine, halved, overlap, pixel_positions, sampled, tones


@pytest.fixture(scope="module")
def scene():
    """(96, 96): clouds with structure of all sizes, as photographs have it."""
    noise = np.random.default_rng(0).normal(size=(96, 96))
    clouds = sum(width * ndimage.gaussian_filter(noise, width, mode="wrap") for width in (1, 2, 4, 8))
    return 128 + 50 * clouds / clouds.std()


def view(scene, scale=1.0, shift=(0.0, 0.0)):
    """(1, 48, 48): what the middle of the scene shows at x appears here at scale · x + shift."""
    at = [(np.arange(48) - 23.5 - moved) / scale + 47.5 for moved in shift]
    image = ndimage.map_coordinates(scene, np.meshgrid(*at[::-1], indexing="ij"), order=3)
    return torch.from_numpy(image).float()[None]


def numbers(*values):
    return torch.tensor([values], dtype=torch.float32)


@pytest.mark.parametrize("scale", [0.9, 1, 1.1])
@pytest.mark.parametrize("shift", [(0, 0), (2, -2), (-1.5, 0.5)])
def test_the_place_and_size_of_one_image_in_another_are_found(scene, scale, shift):
    a, b = halved(view(scene)), halved(view(scene, scale, shift))
    found, moved, alike = align(a, b, torch.ones(1), torch.zeros(1, 2))
    assert found.item() == pytest.approx(scale, abs=0.01)
    assert moved[0].tolist() == pytest.approx(shift, abs=0.2)
    assert alike > 0.97


def test_gain_and_offset_do_not_matter_to_alignment(scene):
    a, b = view(scene), view(scene, 1.05, (1, 1))
    plain, other = (align(halved(a), halved(image), torch.ones(1), torch.zeros(1, 2)) for image in (b, 0.5 * b + 60))
    assert torch.allclose(plain[1], other[1], atol=0.01)


def test_images_without_structure_are_aligned_to_finite_numbers():
    flat = torch.full((2, 24, 24), 7.0)
    assert all(part.isfinite().all() for part in align(flat, flat, torch.ones(2), torch.zeros(2, 2)))


def test_the_agreement_is_the_correlation_of_what_both_show(scene):
    a, b = view(scene), view(scene, 1, (3, -2)) + torch.randn(1, 48, 48, generator=torch.Generator().manual_seed(0))
    alike, share = agreement(a, b, torch.ones(1), numbers(3, -2))
    expected = np.corrcoef(a[0, 2:, :45].flatten(), b[0, :-2, 3:].flatten())[0, 1]
    assert alike.item() == pytest.approx(expected, abs=1e-5)
    assert share.item() == pytest.approx(45 * 46 / 48**2)


def test_what_lies_outside_counts_as_little_as_its_weight(scene):
    a, b = view(scene), view(scene, 1, (1, 0))
    weights = torch.zeros(1, 48, 48)
    weights[:, 10:20, 5:40] = 1
    expected = np.corrcoef(a[0, 10:20, 5:40].flatten(), b[0, 10:20, 5:40].flatten())[0, 1]
    assert correlation(a, b, weights).item() == pytest.approx(expected, abs=1e-5)


def test_images_are_interpolated_like_those_of_scipy(scene):
    image = view(scene)
    found = sampled(image, pixel_positions(48), torch.tensor([1.1]), numbers(2.3, -1.6))[0]
    x, y = ((np.arange(48) - 23.5) * 1.1 + moved + 23.5 for moved in (2.3, -1.6))
    at = np.meshgrid(y, x, indexing="ij")
    expected = ndimage.map_coordinates(image[0].numpy(), at, order=1, mode="nearest")
    assert np.allclose(found, expected, atol=1e-2)


def test_the_pixels_of_a_halved_picture_lie_between_those_of_the_whole():
    assert torch.equal(pixel_positions(24), pixel_positions(48).view(24, 2).mean(1))


def test_blur_is_that_of_scipy_away_from_the_edge(scene):
    image = view(scene)[0]
    blurred = alignment.gaussian(1.5) @ image
    expected = ndimage.gaussian_filter1d(image.numpy(), 1.5, axis=0, truncate=8)
    assert np.allclose(blurred[12:-12], expected[12:-12], atol=1e-3)


def test_neither_light_nor_shade_is_fine_structure():
    slope = torch.arange(48.0).expand(1, 48, 48)
    assert fine(slope)[:, 12:-12, 12:-12].abs().max() < 0.02  # of 47 grey levels
    assert fine(torch.full((1, 48, 48), 200.0)).abs().max() < 1e-3


def test_half_the_size_shows_the_same_structure(scene):
    image = view(scene)
    whole = alignment.gaussian(1.0) @ image @ alignment.gaussian(1.0).T
    whole = whole - alignment.gaussian(4.0) @ image @ alignment.gaussian(4.0).T
    assert torch.allclose(halved(image), whole.view(1, 24, 2, 24, 2).mean((2, 4)), atol=1e-3)


def test_the_overlap_is_what_lies_in_the_other_image():
    assert torch.equal(overlap(torch.ones(1), numbers(2, 0))[0, :, -3:], torch.tensor([[1.0, 0, 0]]).expand(48, 3))
    assert overlap(torch.tensor([0.8]), numbers(0, 0)).min() == 1
    assert overlap(torch.tensor([2.0]), numbers(0, 0)).sum() == 24 * 24


def test_brightness_and_contrast_are_told_apart(scene):
    a = view(scene)
    brighter, contrast = tones(a, 0.7 * a + 50, torch.ones(1), torch.zeros(1, 2))
    assert brighter.item() == pytest.approx(50 - 0.3 * a.mean().item(), abs=0.1)
    assert contrast.item() == pytest.approx(0.7, abs=1e-3)
