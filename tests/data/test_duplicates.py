from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fer.data.duplicates import COLUMNS, SPLITS, audit, copies
from fer.data.fer2013 import read_fer2013


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30))
def test_two_rows_share_a_number_exactly_if_their_images_are_identical(kinds):
    images = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)[kinds]
    number = copies(images)
    same = (images[:, None] == images[None]).all(axis=(2, 3))
    assert np.array_equal(number[:, None] == number[None], same)


def test_many_images_are_told_apart():
    images = np.random.default_rng(0).integers(0, 256, (5000, 48, 48), dtype=np.uint8)
    assert copies(images).tolist() == list(range(5000))


def test_one_pixel_makes_another_image():
    images = np.zeros((2, 48, 48), np.uint8)
    images[1, 47, 47] = 1
    assert len(set(copies(images))) == 2


def test_the_layout_in_memory_does_not_matter():
    image = np.random.default_rng(0).integers(0, 256, (1, 48, 48), dtype=np.uint8)
    strided = np.repeat(image, 2, axis=2)[:, :, ::2]
    assert len(set(copies(np.concatenate([image, np.asfortranarray(image), strided])))) == 1


@pytest.mark.real
def test_the_copies_across_the_official_splits_are_those_published(real_root):
    faces = read_fer2013([real_root])
    training, public, private = (copies(faces.images)[faces.usage == usage] for usage in range(3))
    assert np.isin(private, training).sum() == 288
    assert np.isin(private, np.concatenate([training, public])).sum() == 314
    assert np.isin(public, training).sum() == 280


NOISE = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)


@pytest.fixture(scope="module")
def photos():
    """(8, 54, 54) uint8: clouds, all different."""
    noise = np.random.default_rng(0).normal(size=(8, 54, 54))
    clouds = sum(width * ndimage.gaussian_filter(noise, (0, width, width)) for width in (1, 2, 4))
    return np.clip(128 + 45 * clouds / clouds.std(axis=(1, 2), keepdims=True), 0, 255).astype(np.uint8)


def ids(images):
    return np.array([f"face_{row:03}" for row in range(len(images))])


def audited(kinds, labels, splits, **options):
    images = NOISE[np.array(kinds, dtype=np.int64)]
    return audit(images, np.array(labels, dtype=np.int64), np.array(splits, dtype=str), ids(images), **options)


FACE = st.tuples(st.integers(0, 5), st.integers(-1, 2), st.sampled_from(SPLITS))


@settings(max_examples=50, deadline=None)
@given(st.lists(FACE, max_size=20), st.booleans())
def test_the_figures_of_identical_images_are_those_of_plain_loops(faces, near):
    found = audited(*zip(*faces, strict=True), near=near) if faces else audited([], [], [], near=near)
    inside = {split: [kind for kind, _, mine in faces if mine == split] for split in SPLITS}
    kinds = [kind for kind, _, _ in faces]
    labels = [{label for other, label, _ in faces if other == kind and label >= 0} for kind in set(kinds)]
    assert {name: count for name, count in found.figures.items() if not name.startswith("near")} == {
        "test_in_train": sum(kind in inside["train"] for kind in inside["test"]),
        "test_in_train_or_val": sum(kind in inside["train"] + inside["val"] for kind in inside["test"]),
        "val_in_train": sum(kind in inside["train"] for kind in inside["val"]),
        "groups": sum(kinds.count(kind) > 1 for kind in set(kinds)),
        "conflicting": sum(len(mine) > 1 for mine in labels),
        "blank": 0,
    }
    assert len(found.groups) == sum(kinds.count(kind) > 1 for kind in kinds)


def test_blank_images_have_one_grey_level():
    images = np.zeros((4, 48, 48), np.uint8)
    images[1] = 255
    images[2, 0, 0] = 1
    images[3] = NOISE[0]
    assert audit(images, np.zeros(4, int), np.array(["train"] * 4), ids(images)).figures["blank"] == 2


def test_groups_list_each_copy_with_the_row_it_came_from():
    found = audited([3, 1, 3, 2, 3], [0, 1, 0, 1, 2], ["test", "train", "val", "train", "train"])
    expected = [
        (1, "exact", "train", "face_004", 2, "", 1.0, 4),
        (1, "exact", "val", "face_002", 0, "same", 1.0, 2),
        (1, "exact", "test", "face_000", 0, "same", 1.0, 0),
    ]
    assert list(found.groups) == COLUMNS
    assert list(found.groups.itertuples(index=False, name=None)) == expected


def test_near_and_identical_copies_make_one_group(photos):
    face, moved = photos[0, 3:51, 3:51], photos[0, 1:49, 4:52]
    images = np.stack([photos[1, :48, :48], face, moved, moved])
    found = audit(images, np.array([0, 1, 1, 1]), np.array(["train", "train", "val", "test"]), ids(images))
    assert found.groups["how"].tolist() == ["", "shifted (-1, 2)", "shifted (-1, 2)"]
    assert found.groups["row"].tolist() == [1, 2, 3]
    assert set(found.groups["kind"]) == {"near"}
    assert found.figures["groups"] == found.figures["near_pairs"] == found.figures["near_groups"] == 1


def test_without_near_only_identical_images_count(photos):
    images = np.stack([photos[0, 3:51, 3:51], photos[0, 1:49, 4:52]])
    found = audit(images, np.array([0, 1]), np.array(["train", "test"]), ids(images), near=False)
    assert not len(found.groups)
    assert not [name for name in found.figures if name.startswith("near")]


@pytest.fixture
def mixture(photos):
    """Images, labels, splits and ids of 60 faces: views of 8 photos and blank ones."""
    random = np.random.default_rng(3)
    views = [(random.integers(8), *random.integers(1, 6, 2), random.integers(2)) for _ in range(56)]
    images = [photos[n, y : y + 48, x : x + 48][:, :: 1 - 2 * mirror] for n, y, x, mirror in views]
    images = np.stack([*images, *np.zeros((4, 48, 48), np.uint8)])
    labels, splits = random.integers(-1, 3, 60), np.array(SPLITS)[random.integers(0, 3, 60)]
    return images, labels, splits, ids(images), np.array([n for n, *_ in views] + [8] * 4)


def test_near_figures_are_those_of_plain_loops(mixture):
    images, labels, splits, names, photo = mixture
    found = audit(images, labels, splits, names)
    same = np.array([[np.array_equal(a, b) for b in images] for a in images])
    near = (photo[:, None] == photo) & ~same
    groups = [group for _, group in found.groups.groupby("group")]
    assert {frozenset(group["row"]) for group in groups} == {frozenset(np.flatnonzero(photo == n)) for n in range(9)}

    def leak(split, others):
        seen = np.isin(splits, others)
        return sum(
            bool((near[row] & seen).any() and not (same[row] & seen).any()) for row in np.where(splits == split)[0]
        )

    assert found.figures["near_groups"] == 8
    assert found.figures["near_conflicting"] == sum(len({*labels[photo == n]} - {-1}) > 1 for n in range(8))
    assert found.figures["near_test_in_train"] == leak("test", ["train"])
    assert found.figures["near_test_in_train_or_val"] == leak("test", ["train", "val"])
    assert found.figures["near_val_in_train"] == leak("val", ["train"])
    different = [rows for rows in combinations(range(60), 2) if near[rows]]
    assert 0 < found.figures["near_pairs"] <= len(different)


def test_the_order_of_the_rows_does_not_matter(mixture):
    *columns, _ = mixture
    order = np.random.default_rng(4).permutation(60)
    plain, shuffled = audit(*columns), audit(*(column[order] for column in columns))
    assert shuffled.figures == plain.figures
    pd.testing.assert_frame_equal(shuffled.groups.assign(row=order[shuffled.groups["row"]]), plain.groups)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("near", [True, False])
def test_hardly_any_images_are_audited_too(count, near):
    found = audited([0] * count, [1] * count, ["train", "test"][:count], near=near)
    assert len(found.groups) == (2 if count == 2 else 0)
    assert found.figures["test_in_train"] == found.figures["groups"] == (count == 2)


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="holdout"):
        audited([0], [0], ["holdout"])


def real_audit(root, **options):
    faces = read_fer2013([root])
    return audit(faces.images, faces.labels, np.array(SPLITS)[faces.usage], faces.ids, **options)


@pytest.mark.real
def test_the_identical_images_of_fer2013(real_root):
    assert real_audit(real_root, near=False).figures == {
        "test_in_train": 288,
        "test_in_train_or_val": 314,
        "val_in_train": 280,
        "groups": 1516,
        "conflicting": 57,
        "blank": 12,
    }


@pytest.mark.real
@pytest.mark.slow
def test_near_copies_leak_more_of_fer2013_than_identical_ones(real_root):
    found = real_audit(real_root)
    assert found.figures["near_pairs"] == pytest.approx(5900, rel=0.02)
    assert found.figures["near_test_in_train"] == pytest.approx(512, rel=0.02)
    assert found.groups.groupby("group").size().max() < 40
