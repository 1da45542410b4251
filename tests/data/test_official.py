from dataclasses import replace

import numpy as np
import pytest

from fer.data import official
from fer.data.emotions import EMOTIONS
from fer.data.fer2013 import read_fer2013
from fer.data.official import COUNTS, departures


def test_the_counts_are_those_published():
    assert COUNTS.sum(1).tolist() == [28709, 3589, 3589]
    assert COUNTS.sum(0).tolist() == [4953, 547, 5121, 8989, 6077, 4002, 6198]


@pytest.fixture
def whole(make_faces, monkeypatch):
    """A small data set that stands for all of FER2013: 3 to 9 images of each emotion for each Usage."""
    counts = np.array([[9, 3, 4, 5, 6, 7, 8], [3, 4, 5, 6, 7, 8, 9], [4, 3, 5, 6, 7, 9, 8]])
    monkeypatch.setattr(official, "COUNTS", counts)
    monkeypatch.setattr(official, "DISTINCT", counts.sum())
    usage = np.repeat([0, 1, 2], counts.sum(1))
    return make_faces(np.concatenate([np.repeat(np.arange(7), row) for row in counts]), usage=usage)


def test_the_whole_in_any_order_departs_in_nothing(whole):
    for seed in range(3):
        assert departures(whole.take(np.random.default_rng(seed).permutation(len(whole)))) == []


def test_classes_count_by_name_not_by_place(whole):
    order = [3, 0, 6, 5, 4, 2, 1]
    renamed = replace(whole, classes=tuple(EMOTIONS[i] for i in order), labels=np.argsort(order)[whole.labels])
    assert departures(renamed) == []
    assert departures(replace(whole, classes=renamed.classes))


@pytest.mark.parametrize(("role", "name"), [*enumerate(("Training", "PublicTest", "PrivateTest"))])
@pytest.mark.parametrize("lost", [1, 10])
def test_missing_images_are_counted_in_their_role(role, name, lost, whole):
    rows = np.flatnonzero(whole.usage == role)
    kept = np.setdiff1d(np.arange(len(whole)), rows[-lost:])
    assert departures(whole.take(kept)) == [f"{lost} of {len(rows)} {name} images missing"]


def test_each_role_that_falls_short_is_said(whole):
    assert len(departures(whole.take(whole.usage == 0))) == 2
    assert len(departures(whole.take(np.arange(0, len(whole), 2)))) == 3


def test_images_more_than_fer2013_has_are_counted(whole):
    again = whole.take(np.append(np.arange(len(whole)), 0))
    assert departures(again) == [f"1 Training image more than {(whole.usage == 0).sum()}"]


def test_another_label_is_seen(whole):
    labels = whole.labels.copy()
    labels[0] = 1
    found = departures(replace(whole, labels=labels))
    assert found == ["8 Training images of angry, not 9", "4 Training images of disgust, not 3"]


def test_exchanged_roles_of_the_same_size_are_seen(whole):
    assert departures(replace(whole, usage=np.array([0, 2, 1], np.int8)[whole.usage]))


def test_an_image_that_took_the_place_of_another_is_seen(whole):
    rows = np.arange(len(whole))
    rows[1] = 0  # of the same emotion and role
    assert departures(whole.take(rows)) == [
        f"only {len(whole) - 1} different images, so some repeat in place of others"
    ]


def test_held_out_images_may_come_from_a_second_copy(whole):
    train, held = whole.take(whole.usage == 0), whole.take(whole.usage > 0)
    assert departures(train, held) == departures(train, whole) == departures(whole, held) == []
    assert len(departures(held, whole)) == 1
    assert len(departures(whole, train)) == 2


@pytest.mark.real
def test_the_real_fer2013_departs_in_nothing_but_by_what_it_lost(real_root):
    faces = read_fer2013([real_root])
    assert departures(faces) == []
    assert departures(faces.take(np.arange(35_000))) == ["887 of 3,589 PrivateTest images missing"]
