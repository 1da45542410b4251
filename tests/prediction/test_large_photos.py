import pytest

from fer.prediction.predictor import Detection


@pytest.fixture
def photos(load_script):
    return load_script("faces_in_scenes/photos.py")


def detection(boxes) -> Detection:
    return Detection(4032, 3024, boxes, boxes, None)


def test_boxes_belong_to_the_faces_that_they_lie_on(photos):
    (left, top, side), *_ = photos.LARGE
    boxes = [(5, 2000, 300, 300), (left + 20, top - 20, side, side)]
    assert photos.matched(boxes, photos.LARGE) == {0: 1}


def test_boxes_agree_whose_sides_differ_by_two_percent_at_most(photos):
    (left, top, side), (other_left, other_top, other_side), *_ = photos.LARGE
    first = detection([(left, top, side, side), (other_left, other_top, other_side, other_side)])
    near, far = round(side * 1.015), round(other_side * 1.05)
    second = detection([(left, top, near, near), (other_left, other_top, far, far)])
    assert photos.agreement([first], [first], photos.LARGE) == 1
    assert photos.agreement([first], [second], photos.LARGE) == 0.5
