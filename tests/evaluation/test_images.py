import pytest

from fer.data.datamodule import FERDataModule
from fer.errors import Setting, UserError
from fer.evaluation.images import flag, read_data
from fer.evaluation.options import parse_numbers


@pytest.mark.parametrize(("typed", "code"), [("{1: surprise}", 5), ("{1: anger}", 0), ("{1: sad, 2: null}", 4)])
def test_numbers_say_what_class_folders_of_other_data_mean(typed, code, tmp_path, make_faces, write_pictures):
    numbered = make_faces([1] * 20, classes=("0", "1", "2"))
    options = {"classes": None, "numbers": "fer2013"}
    root = str(write_pictures(tmp_path, numbered, "{emotion}/{row}.png"))
    module = FERDataModule("fer2013", root, numbers=parse_numbers(typed))
    assert parse_numbers("rafdb") == "rafdb"
    assert set(module._faces().labels) == {code}
    with pytest.raises(UserError, match="training holds no image"):
        read_data(options, [root], None, parse_numbers(typed))
    with pytest.raises(UserError, match=r"are numbers; .*type --numbers=fer2013"):
        read_data({}, [root], None, None)


@pytest.mark.parametrize("typed", ["nonsense", "{1: hapy}", "{1: happy", "7"])
def test_numbers_that_are_none_are_one_line(typed, tmp_path):
    with pytest.raises(UserError, match=r"^--numbers") as error:
        read_data({}, [str(tmp_path)], None, parse_numbers(typed))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (Setting("data.root"), "--data"),
        (Setting("data.root", "PATH"), "--data=PATH"),
        (Setting("data.root", ("PATH", "…")), "--data=PATH, once for each"),
        (
            Setting("labels.classes", ("happy", "sad"), before="choose "),
            "choose --labels=happy,sad",
        ),
        (Setting("data.max_bytes.file", "BYTES", before=", or raise the limit with "), ""),
        (Setting("labels.merge"), "labels.merge"),
    ],
)
def test_settings_are_named_as_flags(setting, expected):
    assert flag(setting) == expected
