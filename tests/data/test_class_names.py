import pytest

from fer.data.class_names import parse_renames, rename_option, suggestion
from fer.errors import UserError


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        *(("Suprise", "surprise"), ("natural", "neutral"), ("happyness", "happy"), ("Ärger", "angry")),
        *(("tristeza", "sad"), ("colère", "angry"), ("0_Angst", "fear"), ("惊讶", "surprise"), ("digust", "disgust")),
        *(("smile", "happy"), ("Ahegao", None), ("cat", None), ("", None)),
    ],
)
def test_a_misspelt_or_foreign_name_has_one_suggestion(name, emotion):
    assert suggestion(name) == emotion


def test_the_option_to_type_can_be_read_again():
    names = ["Suprise", "Ahegao", "a: b", "it's sad", "Ärger"]
    option = rename_option(names)
    assert option.startswith("labels.rename='{Suprise: surprise, Ahegao: null, ")
    assert set(parse_renames("{Suprise: surprise, Ahegao:null, Ärger: angry, No: sad}")) == {
        *("suprise", "ahegao", "ärger", "no")
    }


def test_renames_take_every_usual_name_of_an_emotion():
    assert parse_renames({"Wut": "Anger", "x": None}) == {"wut": "angry", "x": None}
    assert parse_renames({"Wut": "Anger"}, own_classes=True) == {"wut": "Anger"}
    assert parse_renames(None) == {}


@pytest.mark.parametrize("value", ["nonsense", "{", "[a]", [], 3, {"x": "hapy"}, "{x: dog}"])
def test_anything_else_is_refused(value):
    with pytest.raises(UserError, match=r"^labels\.rename.*expected"):
        parse_renames(value)
