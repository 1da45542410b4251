import pytest

from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.errors import UserError
from fer.evaluation.matching import counterpart, counterparts, matched, sentences

FOUR = ("angry", "happy", "sad", "neutral")


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [
        ("Happy", EMOTIONS, "happy"),
        ("happiness", ("Joy", "Anger"), "Joy"),
        ("3_ANGER", EMOTIONS, "angry"),
        ("contempt", EMOTIONS, None),
        ("Awake", ("awake", "asleep"), "awake"),
        ("awake", EMOTIONS, None),
    ],
)
def test_classes_are_matched_by_name(name, classes, expected):
    assert counterpart(name, classes) == expected


def test_merged_classes_of_the_training_are_merged_in_other_data():
    assert counterparts(("Disgusted", "anger"), FOUR, {"disgust": "angry"}) == {"Disgusted": "angry", "anger": "angry"}


@pytest.mark.parametrize(
    ("of_data", "of_network", "left_out"),
    [(WITH_CONTEMPT, EMOTIONS, {"contempt": 2}), (EMOTIONS, FOUR, {"disgust": 2, "fear": 2, "surprise": 2})],
)
def test_what_has_no_counterpart_is_counted_and_left_out(make_faces, of_data, of_network, left_out):
    faces = make_faces([*range(len(of_data))] * 2, classes=of_data)
    kept, counts = matched(faces, of_network)
    assert counts == left_out
    assert kept.classes == of_network
    names = [of_data[label] for label in faces.labels if of_data[label] in of_network]
    assert [of_network[label] for label in kept.labels] == names


def test_fewer_classes_in_the_data_keep_the_classes_of_the_network(make_faces):
    kept, counts = matched(make_faces([0, 1, 2, 3], classes=FOUR), EMOTIONS)
    assert counts == {}
    assert kept.labels.tolist() == [0, 3, 4, 6]


def test_data_without_any_class_of_the_network_is_one_line(make_faces):
    with pytest.raises(UserError, match=r"classes a, b, none of which the network knows \(angry"):
        matched(make_faces([0, 1], classes=("a", "b")), EMOTIONS)


def test_nothing_is_said_where_both_have_the_same_classes():
    assert sentences({}, [], EMOTIONS) == []
