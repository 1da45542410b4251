import pytest
import torch

from fer.augment import (
    Affine,
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
)

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


@pytest.mark.parametrize("transform", [Flip, Affine, Perspective, Jitter, Gamma, Erasing, Noise, Blur])
def test_probability_zero_changes_nothing(transform, images, labels):
    assert transform(p=0)(images, labels)[0].equal(images)


def test_share_of_changed_images_is_p():
    images = torch.rand(4000, 1, 2, 2)
    changed, _ = Flip(p=0.3)(images, torch.zeros(4000))
    assert (changed != images).any(-1).any(-1).float().mean() == pytest.approx(0.3, abs=0.03)


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
