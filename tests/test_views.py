"""Views of faces for test-time augmentation."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2.functional import five_crop, ten_crop

from fer.views import check_views, scaled, views

FACES = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("tta", "torchvision"), [("fivecrop", five_crop), ("tencrop", ten_crop)])
@pytest.mark.parametrize("crop", [40, 42, 48])
def test_the_windows_are_those_of_torchvision(tta, torchvision, crop):
    ours = list(views(FACES, tta, crop, crop))
    theirs = torchvision(FACES / 255, [crop, crop])
    assert len(ours) == len(theirs)
    for expected in theirs:
        assert sum(torch.equal(expected, view) for view in ours) >= 1


@pytest.mark.parametrize("faces", [FACES, FACES / 255], ids=["uint8", "float"])
def test_windows_are_scaled_to_crop_to(faces):
    for view in views(faces, "tencrop", 40, 48):
        assert view.shape == faces.shape
        assert view.dtype == torch.float32
        assert view.min() >= 0
        assert view.max() <= 1


@pytest.mark.parametrize("crop", [20, 40, 44, 47, 48])
@pytest.mark.parametrize("side", [40, 44, 48])
def test_windows_are_scaled_as_torch_interpolates(crop, side):
    faces = torch.rand(3, 1, crop, crop)
    torch.testing.assert_close(scaled(faces, side), F.interpolate(faces, size=(side, side), mode="bilinear"))


def test_flip_yields_the_faces_and_their_mirror_images():
    first, second = views(FACES, "flip")
    assert first.equal(FACES)
    assert second.equal(FACES.flip(-1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("crop", 44, 48), "no 'crop'"),
        (("tencrop", 0, 48), "classifier.crop is 0"),
        (("tencrop", 49, 48), "classifier.crop is 49"),
        (("tencrop", 44, 0), "classifier.crop_to is 0"),
        (("tencrop", 44.0, 48), "classifier.crop is 44.0"),
        (("tencrop", 44, None), "classifier.crop_to is None"),
    ],
)
def test_options_out_of_range_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        check_views(*options)
