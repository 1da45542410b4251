import pytest

from fer.data.emotions import ALIASES, EMOTIONS, WITH_CONTEMPT, emotion_of


def test_codes_are_those_of_fer2013():
    assert dict(enumerate(EMOTIONS)) == {
        0: "angry", 1: "disgust", 2: "fear", 3: "happy", 4: "sad", 5: "surprise", 6: "neutral"
    }  # fmt: skip


@pytest.mark.parametrize("emotion", WITH_CONTEMPT)
def test_an_emotion_is_known_by_name_and_alias_in_any_case(emotion):
    for name in (emotion, *ALIASES[emotion]):
        for spelled in (name, name.upper(), name.capitalize(), f" {name} "):
            assert emotion_of(spelled) == emotion


@pytest.mark.parametrize("name", ["anger", "happiness", "sadness", "surprised", "fearful", "disgusted"])
def test_usual_aliases_are_known(name):
    assert emotion_of(name) in EMOTIONS


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("code", [0, 3, 12])
def test_a_number_before_the_name_does_not_matter(emotion, code):
    for name in (f"{code}_{emotion}", f"{code} {emotion}", f"{code}-{emotion.upper()}", f"{code}.{emotion}"):
        assert emotion_of(name) == emotion


@pytest.mark.parametrize("name", ["", *map(str, range(11)), "00", "3_", "class_3", "train", "_", "happysad"])
def test_other_names_are_unknown(name):
    assert emotion_of(name) is None


def test_no_alias_stands_for_two_emotions():
    names = [name for emotion in WITH_CONTEMPT for name in (emotion, *ALIASES[emotion])]
    assert len(set(names)) == len(names)
