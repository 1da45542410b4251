import pytest

from fer.data.class_numbers import KNOWN, emotions_in, number_of, parse
from fer.data.emotions import EMOTIONS
from fer.errors import UserError

PUBLISHED = {
    "fer2013": "0 angry 1 disgust 2 fear 3 happy 4 sad 5 surprise 6 neutral",
    "affectnet": "0 neutral 1 happy 2 sad 3 surprise 4 fear 5 disgust 6 angry 7 contempt 8 - 9 - 10 -",
    "rafdb": "1 surprise 2 fear 3 disgust 4 happy 5 sad 6 angry 7 neutral",
    "ckplus": "0 angry 1 disgust 2 fear 3 happy 4 sad 5 surprise 6 neutral 7 contempt",
    "ferplus": "0 neutral 1 happy 2 surprise 3 sad 4 angry 5 disgust 6 fear 7 contempt",
}
"""As the papers and readers of these data sets have them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_known_numbers_are_those_published(name):
    words = PUBLISHED[name].split()
    expected = {
        int(number): None if word == "-" else word for number, word in zip(words[::2], words[1::2], strict=True)
    }
    assert parse(name) == parse(name.upper()) == expected


def test_every_known_data_set_is_checked():
    assert set(KNOWN) == set(PUBLISHED)


@pytest.mark.parametrize("number", [0, 3, 10, 2013])
def test_a_number_may_be_padded_or_follow_a_word(number):
    for pattern in ("{}", "0{}", "000{}", " {} ", "class_{}", "Class {}", "label-0{}", "emotion{}", "EXPRESSION_{}"):
        assert number_of(pattern.format(number)) == number


@pytest.mark.parametrize(
    "name", ["", "-1", "3.0", "1e3", "3_happy", "happy3", "fold_3", "³", "٣", "0x1", "1 2", "1" * 10, "class", "_3"]
)
def test_other_names_are_no_numbers(name):
    assert number_of(name) is None


def test_own_numbers_take_every_usual_name_of_an_emotion():
    typed = {0: "Anger", "1": "HAPPINESS", 2: "contempt", 9: None}
    assert parse(typed) == {0: "angry", 1: "happy", 2: "contempt", 9: None}
    assert parse({0: "Cat", 1: None}, own_classes=True) == {0: "Cat", 1: None}


@pytest.mark.parametrize(
    "value", ["nonsense", "", 7, True, [], {}, ["happy"], {0: "hapy"}, {0: 3}, {0: ""}, {-1: "happy"}, {"x": "happy"},
              {True: "happy"}, {0.5: "happy"}]
)  # fmt: skip
def test_anything_else_is_refused_with_an_example_or_what_is_known(value):
    with pytest.raises(UserError, match=r"^labels\.numbers.*expected"):
        parse(value)


@pytest.mark.parametrize("value", [{0: ""}, {0: 3}, {0: ["cat"]}])
def test_own_classes_need_names(value):
    with pytest.raises(UserError, match=r"^labels\.numbers"):
        parse(value, own_classes=True)


@pytest.mark.parametrize("folders", [["0", "1"], ["happy", "3"], ["07"], ["class_1", "sad"]])
def test_numbers_without_a_mapping_name_every_known_one_in_a_line_that_is_not_cut(folders):
    with pytest.raises(UserError) as error:
        emotions_in(folders, None, "/some/place/of/a/user" * 7)
    message = str(error.value)
    assert len(message) < 400
    assert "/some/place" in message
    assert "labels.numbers=" in message
    assert all(name in message for name in KNOWN)
    for name in ("fer2013", "affectnet", "rafdb"):
        first, second = [f"{number} {emotion}" for number, emotion in KNOWN[name].items() if emotion][:2]
        assert f"{name} ({first} {second} …)" in message


@pytest.mark.parametrize("name", KNOWN)
def test_with_a_mapping_each_number_has_its_emotion(name):
    numbers = KNOWN[name]
    folders = {f"0{number}": emotion for number, emotion in numbers.items()}
    assert emotions_in(folders, numbers, "here") == folders


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("other", KNOWN)
def test_the_mapping_of_a_data_set_with_other_numbers_is_refused(name, other):
    """But for those that have all numbers of the other's seven emotions and no more."""
    folders = [str(number) for number, emotion in KNOWN[name].items() if emotion]
    needed = {str(number) for number, emotion in KNOWN[other].items() if emotion in EMOTIONS}
    if needed <= set(folders) <= set(map(str, KNOWN[other])):
        assert len(emotions_in(folders, KNOWN[other], "here")) == len(folders)
    else:
        with pytest.raises(UserError, match=r"here: .*labels\.numbers"):
            emotions_in(folders, KNOWN[other], "here")


def test_own_numbers_may_lack_emotions():
    assert emotions_in(["1", "sad"], {1: "happy", 2: "fear"}, "here") == {"1": "happy", "sad": "sad"}


@pytest.mark.parametrize(("name", "folder"), [("rafdb", "0"), ("fer2013", "7"), ("affectnet", "11")])
def test_a_number_that_the_mapping_lacks_is_refused(name, folder):
    with pytest.raises(UserError, match=f"here: .*has no entry for class folders {folder};"):
        emotions_in(["1", folder], KNOWN[name], "here")


def test_a_number_beside_a_name_must_agree_with_the_mapping():
    for name, numbers in KNOWN.items():
        agreeing = [f"{number}_{emotion}" for number, emotion in numbers.items() if emotion]
        assert emotions_in(agreeing, numbers, name) == {folder: folder.split("_")[1] for folder in agreeing}
    assert emotions_in(["1_surprise", "0 angry"], None, "here") == {"1_surprise": "surprise", "0 angry": "angry"}
    for folder, numbers in (("1_surprise", KNOWN["fer2013"]), ("0 angry", KNOWN["affectnet"]), ("8-sad", {8: None})):
        with pytest.raises(UserError, match=f"here: class folder '{folder}' says"):
            emotions_in([folder], numbers, "here")
