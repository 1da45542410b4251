"""Labels stand inside the picture, beside their boxes, and on no other label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.prediction.detect import shared_area
from fer.prediction.labels import fits, place_labels

TEXTS = [(100, 20), (60, 20), (20, 20)]
"""Sizes of a label's three texts."""


def boxes_of(places) -> list[tuple[int, int, int, int]]:
    return [place.box for place in places]


def overlaps(boxes) -> int:
    return sum(shared_area(a, b) > 0 for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_label_stands_above_its_box():
    [place] = place_labels([(100, 100, 50, 50)], [TEXTS], (400, 300))
    assert place == (0, (100, 80, 100, 20))


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        ((100, 5, 50, 50), (100, 55)),  # at the upper edge: below
        ((340, 100, 50, 50), (290, 80)),  # at the right edge: to the left
        ((0, 0, 400, 300), (0, 0)),  # all of the picture: inside
    ],
)
def test_a_label_at_an_edge_stays_inside_the_picture(box, corner):
    [place] = place_labels([box], [TEXTS], (400, 300))
    assert place == (0, (*corner, 100, 20))


def test_a_label_keeps_off_other_faces_and_notes():
    boxes = [(100, 100, 50, 50), (100, 40, 50, 55)]
    places = boxes_of(place_labels(boxes, [TEXTS] * 2, (400, 300), taken=[(0, 0, 400, 35)]))
    assert not any(shared_area(place, box) for place, box in zip(places, reversed(boxes), strict=True))
    assert not any(shared_area(place, (0, 0, 400, 35)) for place in places)


def test_where_long_texts_leave_others_a_number_only_all_are_short():
    boxes = [(10 + 70 * column, 10 + 75 * row, 60, 50) for row in range(4) for column in range(6)]
    places = place_labels(boxes, [TEXTS] * len(boxes), (440, 310))
    assert {place.text for place in places} == {1}
    assert overlaps(boxes_of(places)) == 0


def test_a_wide_text_is_shortened():
    [place] = place_labels([(5, 5, 30, 30)], [TEXTS], (80, 80))
    assert place.text == 1


def test_without_room_the_shortest_text_covers_as_little_as_it_can():
    places = place_labels([(0, 0, 20, 20)] * 5, [TEXTS] * 5, (40, 20))
    assert [place.text for place in places] == [2] * 5
    assert all(fits(place.box, (40, 20)) for place in places)


@given(
    st.lists(st.tuples(*[st.integers(0, 900)] * 2, st.integers(24, 300)), min_size=1, max_size=12),
    st.integers(13, 30),
)
def test_labels_of_any_faces_are_inside_and_near_their_boxes(squares, height):
    canvas = (1200, 1200)
    boxes = [(left, top, side, side) for left, top, side in squares]
    sizes = [(8 * height, height), (4 * height, height), (height, height)]
    for box, place in zip(boxes, boxes_of(place_labels(boxes, [sizes] * len(boxes), canvas)), strict=True):
        assert fits(place, canvas)
        left, top, width, height_ = box
        assert shared_area(place, (left - 1, top - 1, width + 2, height_ + 2)) > 0


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_separate_faces_never_overlap(seed):
    rng, step = np.random.default_rng(seed), 100
    cells = [(x, y) for x in range(0, 1000, step) for y in range(0, 700, step)]
    boxes = [(x + int(rng.integers(0, 30)), y + int(rng.integers(0, 30)), 65, 65) for x, y in cells]
    places = place_labels(boxes, [[(150, 26), (90, 26), (30, 26)]] * len(boxes), (1000, 700))
    assert overlaps(boxes_of(places)) == 0


def test_boxes_may_have_different_numbers_of_texts():
    texts = [[(200, 13), (120, 13), (60, 13), (13, 13)], [(90, 13), (60, 13), (13, 13)]]
    places = place_labels([(0, 0, 40, 40), (40, 0, 40, 40)], texts, (80, 40))
    assert [place.text for place in places] == [3, 2]
