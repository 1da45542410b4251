import numpy as np
import pytest

from fer.prediction.tracking import MAX_GAP, MIN_OVERLAP, TIME_CONSTANT, Tracker, closeness, match, overlap

SURE, OTHER = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (10, 0, 10, 10), 0),
        ((0, 0, 10, 10), (5, 0, 10, 10), 1 / 3),
        ((0, 0, 10, 10), (2, 2, 5, 5), 0.25),
    ],
)
def test_overlap_is_intersection_over_union(a, b, share):
    assert overlap(a, b) == overlap(b, a) == pytest.approx(share)


def test_closeness_is_the_distance_in_sides():
    assert closeness((0, 0, 10, 10), (30, 40, 10, 10)) == pytest.approx(-5)
    assert closeness((0, 0, 10, 10), (0, 0, 20, 20)) == pytest.approx(-np.sqrt(50) / 20)


def test_boxes_are_matched_best_first_and_once():
    before, now = [(0, 0, 10, 10), (4, 0, 10, 10)], [(3, 0, 10, 10), (1, 0, 10, 10), (90, 0, 10, 10)]
    assert match(before, now, overlap, MIN_OVERLAP) == {0: 1, 1: 0}


def test_a_moving_face_keeps_its_number_and_another_gets_a_new_one():
    tracker = Tracker()
    for step in range(20):
        [track] = tracker([(4 * step, 0, 30, 30)], SURE, step / 25)
        assert track.number == 1
    [far] = tracker([(300, 0, 30, 30)], SURE, 1.0)
    assert far.number == 2


def test_numbers_stay_in_a_loop_of_frames():
    """Two faces move apart, are missed now and then, and jump back when the film starts again."""
    tracker, numbers = Tracker(), set()
    for step in range(90):
        place = step % 30
        boxes = [(200 - 2 * place, 50, 60, 60), (400 + 3 * place, 80, 70, 70)]
        for index, track in enumerate(tracker(boxes[: 1 + (step % 7 > 2)], np.eye(2)[: 1 + (step % 7 > 2)], step / 10)):
            numbers.add((index, track.number))
    assert numbers == {(0, 1), (1, 2)}


def test_a_face_that_appears_far_from_a_lost_one_is_new():
    tracker = Tracker()
    tracker([(0, 0, 30, 30)], SURE, 0)
    assert tracker([(0, 65, 30, 30)], SURE, 0.1)[0].number == 2


def test_two_faces_keep_their_numbers_when_their_order_changes():
    tracker = Tracker()
    left, right = (0, 0, 30, 30), (100, 0, 30, 30)
    tracker([left, right], np.concatenate([SURE, OTHER]), 0)
    assert [track.number for track in tracker([right, left], np.concatenate([OTHER, SURE]), 0.1)] == [2, 1]


def test_a_slow_server_gives_a_face_one_number():
    tracker, box = Tracker(), (0, 0, 30, 30)
    seen = [tracker([box], SURE, seconds) for seconds in (0, 3.1, 6.4)]
    tracker([], np.empty((0, 2)), 9.5)  # missed once
    assert [track.number for [track] in [*seen, tracker([box], SURE, 12.6)]] == [1] * 4


@pytest.mark.parametrize(("gap", "number"), [(MAX_GAP - 0.1, 1), (MAX_GAP + 0.1, 2)])
def test_a_face_lost_for_long_is_a_new_one(gap, number):
    tracker, box = Tracker(), (0, 0, 30, 30)
    tracker([box], SURE, 0)
    for part in (0.3, 0.6, 0.9):
        tracker([], np.empty((0, 2)), part * gap)
    assert tracker([box], SURE, gap)[0].number == number


@pytest.mark.parametrize("rate", [5, 25, 100])
def test_smoothing_takes_the_same_time_at_every_frame_rate(rate):
    tracker, box = Tracker(), (0, 0, 30, 30)
    tracker([box], SURE, 0)
    for step in range(1, rate + 1):
        [track] = tracker([box], OTHER, step / rate)
    assert track.probabilities[0] == pytest.approx(np.exp(-1 / TIME_CONSTANT))
    assert track.probabilities.sum() == pytest.approx(1)
