import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from scipy.fft import dctn

from fer.data import near_duplicates
from fer.data.duplicate_groups import Change
from fer.data.fer2013 import read_fer2013
from fer.data.near_duplicates import cached_near_pairs, candidates, cosines, descriptors, near_pairs

KNOWN = {  # near copies that were found by eye: pairs of file names
    ("Training_15730361", "PrivateTest_8886048"),
    ("Training_15081018", "PrivateTest_60912473"),
    ("Training_63713082", "PrivateTest_13043698"),
    ("Training_13323545", "PublicTest_71769170"),
    ("Training_72173801", "PublicTest_42981420"),
    ("Training_63713082", "PrivateTest_60912473"),
    ("Training_49844931", "PrivateTest_60912473"),
}


@pytest.fixture(scope="module")
def photos():
    """(80, 60, 60) uint8, all different: clouds with structure of all sizes, as photographs have it."""
    noise = np.random.default_rng(0).normal(size=(80, 60, 60))
    clouds = sum(width * ndimage.gaussian_filter(noise, (0, width, width), mode="wrap") for width in (1, 2, 4, 8))
    clouds /= clouds.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 45 * clouds, 0, 255).astype(np.uint8)


def middle(photos, x=0, y=0):
    """(N, 48, 48): what they show is moved by (x, y)."""
    return photos[..., 6 - y : 54 - y, 6 - x : 54 - x]


def recompressed(image, quality=60):
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(photo, percent):
    side = round(60 * (1 + percent / 100))
    photo = np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC))
    start = (side - 48) // 2
    return photo[start : start + 48, start : start + 48]


def brighter(image, levels):
    return np.clip(image.astype(int) + levels, 0, 255).astype(np.uint8)


def marked(image):
    image = image.copy()
    image[30:34, 8:40:2] = 255
    return image


CHANGES = {
    "shifted (2, 2)": lambda photo: middle(photo, 2, 2),
    "shifted (-2, 2)": lambda photo: middle(photo, -2, 2),
    "shifted (0, -2)": lambda photo: middle(photo, 0, -2),
    "shifted (1, 0)": lambda photo: middle(photo, 1, 0),
    "mirrored": lambda photo: middle(photo)[:, ::-1],
    "mirrored, shifted (2, -1)": lambda photo: middle(photo[:, ::-1], 2, -1),
    "recompressed": lambda photo: recompressed(middle(photo)),
    "brighter": lambda photo: brighter(middle(photo), 15),
    "darker": lambda photo: brighter(middle(photo), -15),
    "less contrast": lambda photo: (0.7 * middle(photo) + 0.3 * middle(photo).mean()).astype(np.uint8),
    "retouched": lambda photo: marked(middle(photo)),
    "mirrored, shifted (1, 2), darker": lambda photo: brighter(recompressed(middle(photo[:, ::-1], 1, 2)), -15),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_copy_is_found_among_others_and_its_change_named(photos, what):
    images = np.stack([*middle(photos), CHANGES[what](photos[7])])
    pairs = near_pairs(images)
    assert [sorted(pair) for pair in zip(pairs.first, pairs.second, strict=True)] == [[7, 80]]
    change = Change(*(field[0] for field in pairs[2:]))
    assert (change if pairs.first[0] == 7 else change.inverse()).words() == what


@pytest.mark.parametrize("percent", [-10, -5, 5, 10])
def test_a_resized_copy_is_found(photos, percent):
    pairs = near_pairs(np.stack([*middle(photos), resized(photos[7], percent)]))
    change = Change(*(field[0] for field in pairs[2:]))
    zoom = (change if pairs.first[0] == 7 else change.inverse()).zoom
    assert sorted([*pairs.first, *pairs.second]) == [7, 80]
    assert zoom.tolist() == pytest.approx([1 + percent / 100] * 2, abs=0.01)


def test_different_photos_are_no_pairs(photos):
    assert len(near_pairs(middle(photos)).first) == 0


def test_the_order_of_the_images_does_not_matter(photos):
    images = np.concatenate([middle(photos[:40]), middle(photos[:40], 2, -1), middle(photos[:20, :, ::-1])])
    order = np.random.default_rng(1).permutation(len(images))
    plain, shuffled = near_pairs(images), near_pairs(images[order])

    def found(pairs, names):
        rows = zip(names[pairs.first], names[pairs.second], *(field.tolist() for field in pairs[2:]), strict=True)
        return sorted(str(row) for row in rows)

    assert len(plain.first) >= 60
    assert found(plain, np.arange(100)) == found(shuffled, order)


def test_images_without_structure_resemble_nothing(photos):
    noise = np.random.default_rng(0).integers(99, 102, (20, 48, 48))
    images = np.concatenate([noise, np.zeros((3, 48, 48)), middle(photos[:2])]).astype(np.uint8)
    assert len(near_pairs(images).first) == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_images_hold_hardly_any_pairs(photos, count):
    images = np.stack([middle(photos[0]), middle(photos[0], 1, 1)])[:count]
    assert len(near_pairs(images).first) == (count == 2)


def test_candidates_are_those_of_a_plain_loop(photos, monkeypatch):
    monkeypatch.setattr(near_duplicates, "BLOCK", 7)
    monkeypatch.setattr(near_duplicates, "MIN_COSINE", 0.3)
    pixels = torch.from_numpy(middle(photos[:15]).copy()).float()
    windows = [(mirrored, number) for mirrored in (False, True) for number in range(len(near_duplicates.WINDOWS))]
    expected = {}
    for first in range(15):
        for second in range(first + 1, 15):
            image = pixels[second : second + 1]
            others = [
                descriptors(image.flip(-1) if mirrored else image, *near_duplicates.WINDOWS[n])
                for mirrored, n in windows
            ]
            own = descriptors(pixels[first : first + 1], 0, 0, near_duplicates.MIDDLE)
            cosine = [float((own * other).sum()) for other in others]
            if max(cosine) > 0.3:
                expected[first, second] = windows[int(np.argmax(cosine))]
    first, second, window, mirrored = (column.tolist() for column in candidates(pixels))
    found = zip(zip(first, second, strict=True), zip(mirrored, window, strict=True), strict=True)
    assert dict(found) == expected
    assert 5 < len(expected) < 100


def test_cosines_over_the_whole_image_are_those_of_scipy(photos):
    image = torch.from_numpy(middle(photos[0]).copy()).float()
    waves = cosines(0, 48) @ image @ cosines(0, 48).T
    assert np.allclose(waves, dctn(image.numpy())[:8, :8] / (2 * 48) ** 2, atol=1e-3)


def test_the_cosines_of_a_window_take_in_that_window_alone():
    window = cosines(1, 20).numpy()
    assert np.flatnonzero(np.abs(window).max(0)).tolist() == list(range(15, 35))
    assert np.allclose(window[:, 15:35], cosines(0, 20).numpy()[:, 14:34])


def test_pixels_count_as_far_as_they_lie_in_the_window():
    assert cosines(0.25, 4)[0, 21:28].tolist() == pytest.approx([0, 0.1875, 0.25, 0.25, 0.25, 0.0625, 0])


def test_descriptors_ignore_gain_and_offset(photos):
    image = torch.from_numpy(middle(photos[:1]).copy()).float()
    a, b = (descriptors(pixels, 0, 0, 44) for pixels in (image, 0.4 * image + 70))
    assert torch.allclose(a, b, atol=1e-4)
    assert a.norm() == pytest.approx(1)


@pytest.mark.real
def test_near_copies_that_were_found_by_eye_are_found(real_fer4):
    faces = read_fer2013([real_fer4 / "Train_400.zip", real_fer4 / "Test_250.zip"])
    names = np.array([name.split(".")[0] for name in faces.ids])
    pairs = near_pairs(faces.images)
    found = {frozenset(pair) for pair in zip(names[pairs.first], names[pairs.second], strict=True)}
    assert found >= {frozenset(pair) for pair in KNOWN}


@pytest.mark.real
def test_nearly_all_planted_copies_of_real_faces_are_found(real_root):
    faces, random = read_fer2013([real_root]).images, np.random.default_rng(0)
    faces = faces[random.choice(len(faces), 1500, replace=False)]
    faces = faces[faces.std(axis=(1, 2)) > 1]
    planted = np.stack([changed_at_random(face, random) for face in faces[:200]])
    pairs = near_pairs(np.concatenate([faces, planted]))
    found = {tuple(sorted(pair)) for pair in zip(pairs.first, pairs.second, strict=True)}
    assert np.mean([(row, len(faces) + row) in found for row in range(200)]) >= 0.95


def changed_at_random(face, random):
    """One to four of: shift up to 2 pixels, mirror, JPEG of quality 60, 15 grey levels up or down."""
    x, y = random.integers(-2, 3, 2)
    changes = [
        lambda face: np.pad(face, 2, mode="edge")[2 - y : 50 - y, 2 - x : 50 - x],
        lambda face: face[:, ::-1],
        recompressed,
        lambda face: brighter(face, random.choice([-15, 15])),
    ]
    for change in random.permutation(4)[: random.integers(1, 5)]:
        face = changes[change](face)
    return face


def test_pairs_are_searched_once(photos, monkeypatch):
    images = np.stack([*middle(photos), resized(photos[7], 5)])
    first = cached_near_pairs(images)
    assert len(first.first) == 1
    monkeypatch.setattr("fer.data.near_duplicates.near_pairs", None)
    again = cached_near_pairs(images)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    with pytest.raises(TypeError):
        cached_near_pairs(images[::-1])  # other content, searched anew
