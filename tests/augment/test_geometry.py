import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as reference

from fer.augment import Affine, Crop, Flip, Perspective, ResizedCrop

BILINEAR = reference.InterpolationMode.BILINEAR


def test_affine_is_torchvisions_affine_per_image(images, per_image):
    def affine(image, rotation, right, down, scale, shear):
        shift = [right * image.shape[-1], down * image.shape[-2]]
        return reference.affine(image, rotation, shift, scale, [shear, 0.0], interpolation=BILINEAR)

    transform = Affine(rotation=30, shift=0.2, scale=0.3, shear=15)
    parameters = transform.sample(images)
    expected = per_image(affine, images, *parameters)
    assert torch.allclose(transform.transform(images, *parameters), expected, atol=1e-3)


def test_perspective_is_torchvisions_perspective_per_image(images, per_image):
    half = torch.tensor([images.shape[-1] / 2, images.shape[-2] / 2])
    old = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])

    def perspective(image, new):
        start, end = ((points + 1) * half for points in (old, torch.tensor(new)))
        return reference.perspective(image, start.tolist(), end.tolist(), interpolation=BILINEAR)

    transform = Perspective(distortion=0.5)
    (corners,) = transform.sample(images)
    assert torch.allclose(transform.transform(images, corners), per_image(perspective, images, corners), atol=1e-3)


def test_flip_always_is_a_mirror(images, labels):
    assert Flip(p=1)(images, labels)[0].equal(reference.horizontal_flip(images))


def test_crops_are_windows_of_the_image(images, labels):
    positions = torch.arange(44 * 52.0).view(1, 1, 44, 52).expand(16, -1, -1, -1)
    changed, _ = Crop(size=40)(positions, labels)
    tops, lefts = changed[:, 0, 0, 0].long() // 52, changed[:, 0, 0, 0].long() % 52
    for position, window, top, left in zip(positions, changed, tops, lefts, strict=True):
        assert window.equal(position[:, top : top + 40, left : left + 40])


def test_crops_reach_every_place():
    top, left = Crop(size=46).sample(torch.empty(500, 1, 48, 48))
    assert set(top.tolist()) == set(left.tolist()) == {0, 1, 2}


def test_crop_with_padding_keeps_the_size_and_fills_with_zeros(labels):
    changed, _ = Crop(size=48, padding=4)(torch.ones(16, 1, 48, 48), labels)
    assert changed.shape == (16, 1, 48, 48)
    assert set(changed.unique().tolist()) == {0.0, 1.0}


def test_resized_crops_are_the_windows_scaled(images):
    crop = ResizedCrop(sides=[30, 40], size=48)
    side, top, left = crop.sample(images)
    changed = crop.transform(images, side, top, left)
    assert changed.shape == (*images.shape[:2], 48, 48)
    for image, window, s, y, x in zip(images, changed, side, top, left, strict=True):
        expected = F.interpolate(image[None, :, y : y + s, x : x + s], size=(48, 48), mode="bilinear")[0]
        inner = (slice(None), slice(2, -2), slice(2, -2))  # at its edges a window sees the pixels beside it
        torch.testing.assert_close(window[inner], expected[inner], atol=1e-4, rtol=1e-4)


def test_resized_crops_of_the_whole_image_change_nothing(images):
    size = images.shape[-1]
    square = images[:, :, :size, :size] if images.shape[-2] >= size else images[:, :, :, : images.shape[-2]]
    size = square.shape[-1]
    changed, _ = ResizedCrop(sides=[size, size], size=size)(square, None)
    torch.testing.assert_close(changed, square, atol=1e-5, rtol=1e-5)


def test_resized_crops_have_every_side_and_place():
    side, top, left = ResizedCrop(sides=[40, 44]).sample(torch.empty(3000, 1, 48, 48))
    assert set(side.tolist()) == {40, 41, 42, 43, 44}
    assert set(top.tolist()) == set(left.tolist()) == set(range(9))
    assert (top + side).max() <= 48
    assert (left + side).max() <= 48


def test_crop_larger_than_the_image_is_refused(images, labels):
    with pytest.raises(ValueError, match="size 60 of Crop"):
        Crop(size=60)(images, labels)
