"""Parts of the training split for cross-fitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.data.folds import cut_fold, image_families, parse_fold, parts
from fer.errors import UserError


@pytest.mark.parametrize(("fold", "expected"), [("1/5", (1, 5)), ("5/5", (5, 5)), ("2/10", (2, 10))])
def test_a_fold_is_part_and_number_of_parts(fold, expected):
    assert parse_fold(fold) == expected


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", "1", "a/b", "1/5/2", "-1/5", "1.0/5", 0.2, "1/5 "])
def test_any_other_fold_is_an_error(fold):
    with pytest.raises(UserError, match="expected k/n"):
        parse_fold(fold)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=40), st.integers(2, 5))
def test_parts_are_stratified_and_of_similar_size(labels, count):
    labels = np.array(labels)
    part = parts(pictures(len(labels)), labels, count)
    for label in np.unique(labels):
        sizes = np.bincount(part[labels == label], minlength=count)
        assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount(part, minlength=count)
    assert sizes.max() - sizes.min() <= len(np.unique(labels))


def test_parts_do_not_depend_on_the_order_of_the_images():
    images, labels = pictures(60), np.arange(60) % 4
    order = np.random.default_rng(1).permutation(60)
    assert np.array_equal(parts(images[order], labels[order], 5), parts(images, labels, 5)[order])


def smooth(count: int) -> np.ndarray:
    """Images with structure that near-duplicate search recognises."""
    from PIL import Image

    coarse = np.random.default_rng(3).integers(0, 256, (count, 12, 12), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((48, 48), Image.Resampling.BICUBIC)) for c in coarse])


def test_exact_and_near_copies_stay_in_one_part():
    images = smooth(30)
    moved = np.roll(images[:5], 1, axis=2)
    everything = np.concatenate([images, images[5:9], moved, moved[:, :, ::-1]])
    labels = np.arange(len(everything)) % 3  # copies carry different labels
    family = image_families(everything)
    assert np.array_equal(family[30:34], family[5:9])
    assert np.array_equal(family[34:39], family[:5])
    assert np.array_equal(family[39:], family[:5])
    part = parts(everything, labels, 5)
    assert all(len(set(part[family == number])) == 1 for number in family)


def test_every_training_row_is_in_one_fold_and_order_is_kept(make_faces):
    faces = make_faces(np.tile(np.arange(7), 6), usage=np.repeat([0, 1, 2], 14))
    rows = np.flatnonzero(faces.usage == 0)
    own = []
    for k in (1, 2, 3):
        others, part = cut_fold(faces, rows, f"{k}/3")
        assert np.array_equal(np.sort(np.concatenate([others, part])), rows)
        assert np.array_equal(others, np.sort(others))
        assert np.array_equal(part, np.sort(part))
        own.append(part)
    assert np.array_equal(np.sort(np.concatenate(own)), rows)


def test_more_parts_than_images_are_an_error(make_faces):
    with pytest.raises(UserError, match="too few for 20 parts"):
        cut_fold(make_faces([0, 1, 2]), np.arange(3), "20/20")
