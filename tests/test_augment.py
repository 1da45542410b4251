from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as reference
from omegaconf import OmegaConf

from fer.augment import (
    Affine,
    Augment,
    Blur,
    Crop,
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

OPTIONS = sorted((Path(__file__).parents[1] / "conf" / "augment").glob("*.yaml"))
BILINEAR = reference.InterpolationMode.BILINEAR

VARIED = {
    "affine": Affine(rotation=20, shift=0.1, scale=0.2, shear=10),
    "perspective": Perspective(p=1.0),
    "jitter": Jitter(),
    "gamma": Gamma(),
    "crop": Crop(size=16),
    "shift_by_crop": Crop(size=48, padding=6),
    "resized_crop": ResizedCrop(sides=[40, 44]),
    "erasing": Erasing(p=1.0),
    "noise": Noise(),
    "blur": Blur(p=1.0),
}
UNMIXED = VARIED | {"flip": Flip(), "random": Erasing(value="random")}
ALL = UNMIXED | {"mixup": Mixup(7), "cutmix": CutMix(7)}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def images():
    """Smooth pictures, so that resampling differences stay small; not square, so that swapped axes show."""
    noise = torch.rand(16, 1, 13, 16)
    return torch.nn.functional.interpolate(noise, size=(44, 52), mode="bicubic").clamp(0.05, 0.95)


@pytest.fixture
def labels():
    return torch.arange(16) % 7


def per_image(function, images, *parameters):
    """The reference, one image at a time, with each image's own parameters as plain numbers."""
    rows = zip(images, *(parameter.tolist() for parameter in parameters), strict=True)
    return torch.stack([function(image, *row) for image, *row in rows])


def test_uint8_becomes_float_in_unit_range(labels):
    images = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8)
    changed, _ = Augment(7, **ALL | {"crop": None})(images, labels)
    assert changed.dtype == torch.float32
    assert 0 <= changed.min() < changed.max() <= 1


@pytest.mark.parametrize("name", VARIED)
def test_each_image_has_its_own_parameters(name):
    face = torch.rand(1, 1, 48, 48)
    changed, _ = VARIED[name](face.expand(8, -1, -1, -1), torch.zeros(8).long())
    assert len(changed.unique(dim=0)) == 8


@pytest.mark.parametrize("name", ALL)
def test_same_seed_gives_the_same_batch(name, images, labels):
    def run(seed):
        torch.manual_seed(seed)
        return ALL[name](images, labels)[0]

    assert run(1).equal(run(1))
    assert not run(1).equal(run(2))


@pytest.mark.parametrize("name", ALL)
def test_input_is_left_as_it_was(name, images, labels):
    before = images.clone(), labels.clone()
    ALL[name](images, labels)
    assert images.equal(before[0])
    assert labels.equal(before[1])


@pytest.mark.parametrize("name", UNMIXED)
def test_labels_pass_untouched_through_transforms_that_do_not_mix(name, images, labels):
    assert ALL[name](images, labels)[1] is labels


@pytest.mark.parametrize("name", UNMIXED)
def test_nothing_waits_for_the_device(name):
    """Meta tensors have no values: reading one on the host, or a shape that depends on values, raises."""
    images = torch.empty(8, 1, 48, 48, device="meta")
    assert ALL[name](images, torch.empty(8, device="meta"))[0].device.type == "meta"


@pytest.mark.parametrize("name", ALL)
def test_colour_images_keep_their_channels(name, labels):
    changed, _ = ALL[name](torch.rand(16, 3, 48, 48), labels)
    assert changed.shape[:2] == (16, 3)


@pytest.mark.parametrize("name", ALL)
def test_gradients_reach_the_images(name, images, labels):
    images = images.requires_grad_()
    ALL[name](images, labels)[0].sum().backward()
    assert images.grad.isfinite().all()


def test_affine_is_torchvisions_affine_per_image(images):
    def affine(image, rotation, right, down, scale, shear):
        shift = [right * image.shape[-1], down * image.shape[-2]]
        return reference.affine(image, rotation, shift, scale, [shear, 0.0], interpolation=BILINEAR)

    transform = Affine(rotation=30, shift=0.2, scale=0.3, shear=15)
    parameters = transform.sample(images)
    expected = per_image(affine, images, *parameters)
    assert torch.allclose(transform.transform(images, *parameters), expected, atol=1e-3)


def test_perspective_is_torchvisions_perspective_per_image(images):
    half = torch.tensor([images.shape[-1] / 2, images.shape[-2] / 2])
    old = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])

    def perspective(image, new):
        start, end = ((points + 1) * half for points in (old, torch.tensor(new)))
        return reference.perspective(image, start.tolist(), end.tolist(), interpolation=BILINEAR)

    transform = Perspective(distortion=0.5)
    (corners,) = transform.sample(images)
    assert torch.allclose(transform.transform(images, corners), per_image(perspective, images, corners), atol=1e-3)


def test_jitter_is_torchvisions_brightness_then_contrast(images):
    def jitter(image, brightness, contrast):
        return reference.adjust_contrast(reference.adjust_brightness(image, brightness), contrast)

    transform = Jitter(brightness=0.5, contrast=0.5)
    parameters = transform.sample(images)
    assert torch.allclose(transform.transform(images, *parameters), per_image(jitter, images, *parameters), atol=1e-6)


def test_gamma_is_torchvisions_gamma(images):
    (gamma,) = Gamma(1.0).sample(images)
    expected = per_image(reference.adjust_gamma, images, gamma)
    assert torch.allclose(Gamma(1.0).transform(images, gamma), expected, atol=1e-6)


def test_gamma_exponents_are_log_uniform_between_their_bounds():
    (gamma,) = Gamma(0.5).sample(torch.empty(4000, 1, 1, 1))
    assert 1 / 1.5 <= gamma.min() < 0.68
    assert 1.48 < gamma.max() <= 1.5
    assert gamma.log().mean().abs() < 0.02


def test_blur_is_torchvisions_gaussian_blur(images):
    transform = Blur(sigma=(0.1, 2.0))
    size = 2 * transform.radius + 1
    (sigma,) = transform.sample(images)
    expected = per_image(lambda image, s: reference.gaussian_blur(image, [size, size], [s, s]), images, sigma)
    assert torch.allclose(transform.transform(images, sigma), expected, atol=1e-5)


def test_flip_always_is_a_mirror(images, labels):
    assert Flip(p=1)(images, labels)[0].equal(reference.horizontal_flip(images))


@pytest.mark.parametrize("transform", [Flip, Affine, Perspective, Jitter, Gamma, Erasing, Noise, Blur])
def test_probability_zero_changes_nothing(transform, images, labels):
    assert transform(p=0)(images, labels)[0].equal(images)


def test_share_of_changed_images_is_p():
    images = torch.rand(4000, 1, 2, 2)
    changed, _ = Flip(p=0.3)(images, torch.zeros(4000))
    assert (changed != images).any(-1).any(-1).float().mean() == pytest.approx(0.3, abs=0.03)


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


def test_noise_has_at_most_the_given_deviation():
    images = torch.full((200, 1, 48, 48), 0.5)
    deviation = Noise(std=0.1)(images, torch.zeros(200))[0].std((1, 2, 3))
    assert deviation.min() < 0.01
    assert 0.09 < deviation.max() < 0.105


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


@pytest.mark.parametrize(
    ("transform", "options"),
    [
        (Flip, {"p": 1.5}),
        (Flip, {"p": "often"}),
        (Affine, {"rotation": -1}),
        (Affine, {"shift": -0.1}),
        (Affine, {"scale": -0.1}),
        (Affine, {"scale": (1.2, 0.8)}),
        (Affine, {"shear": -3}),
        (Affine, {"padding": "wrap"}),
        (Perspective, {"distortion": -0.1}),
        (Jitter, {"brightness": -0.1}),
        (Jitter, {"contrast": -0.1}),
        (Gamma, {"gamma": -0.1}),
        (Crop, {"size": 0}),
        (Crop, {"padding": -1}),
        (Erasing, {"area": (0.3, 0.1)}),
        (Erasing, {"area": (0.0, 0.1)}),
        (Erasing, {"area": (0.1, 1.1)}),
        (Erasing, {"area": 0.1}),
        (Erasing, {"ratio": (0, 1)}),
        (Erasing, {"value": "noise"}),
        (Noise, {"std": -0.1}),
        (Blur, {"sigma": (-1, 1)}),
    ],
)
def test_bad_options_are_named_in_one_line(transform, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} must be [^\n]+$"):
        transform(**options)


def test_bad_options_are_named_through_the_configuration():
    with pytest.raises(UserError, match="alpha must be"):
        Augment(7, mixup={"_target_": "fer.augment.Mixup", "alpha": 0})
