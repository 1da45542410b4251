"""Views of faces for test-time augmentation."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2.functional import five_crop, ten_crop

from fer.tta import VIEWS
from fer.views import ANGLE, ZOOM, check_views, scaled, views, warped

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


@pytest.mark.parametrize("size", [(48, 48), (40, 33)])
@pytest.mark.parametrize(("zoom", "angle"), [(1.0, 0.0), (ZOOM, 0.0), (1.0, ANGLE), (0.8, -30.0)])
def test_faces_are_enlarged_and_turned_as_torch_samples_them(zoom, angle, size):
    faces = torch.rand(3, 1, *size)
    cos, sin = math.cos(math.radians(angle)) / zoom, math.sin(math.radians(angle)) / zoom
    height, width = size
    inverse = torch.tensor([[cos, sin * height / width, 0], [-sin * width / height, cos, 0]]).expand(3, 2, 3)
    grid = F.affine_grid(inverse, list(faces.shape), align_corners=False)
    expected = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(warped(faces, zoom, angle), expected, atol=2e-5, rtol=0)


def test_a_positive_angle_turns_clockwise():
    face = torch.zeros(1, 1, 49, 49)
    face[..., 4, 24] = 1  # above the centre
    assert warped(face, angle=90.0)[0, 0, 24, 44] == pytest.approx(1, abs=1e-4)  # to the right of it


@pytest.mark.parametrize("tta", VIEWS)
def test_the_number_of_views_is_that_of_the_table(tta):
    assert len(list(views(FACES, tta))) == VIEWS[tta]


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
