import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.data.duplicates import copies
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
