import pytest

from fer.errors import LONGEST, Setting, UserError, fail, one_line_errors
from fer.streams import printable


@pytest.mark.parametrize("text", ["", "plain", "größer: 顔.png — 48×48 😀", "x" * LONGEST])
def test_what_is_printable_and_short_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("code", [*range(32), *range(127, 161), 0x200E, 0x202E, 0x2028, 0x2066, 0xDC80, 0xDCFF, 0xFEFF])
def test_no_character_reaches_a_terminal_that_it_could_obey(code):
    text = printable(f"a{chr(code)}b")
    assert text.isprintable()
    assert text.startswith("a\\")
    text.encode()


@pytest.mark.parametrize("length", [LONGEST + 1, 500, 100_000])
def test_of_a_long_text_both_ends_are_kept(length):
    text = printable("what: " + "x" * length + "; what to do", LONGEST)
    assert len(text) == LONGEST
    assert text.startswith("what: x")
    assert text.endswith("x; what to do")
    assert " … " in text


def test_escapes_count_as_what_is_printed():
    assert len(printable("\x1b" * LONGEST, LONGEST)) == LONGEST


def test_every_error_for_the_user_is_one_printable_line(capsys):
    class Special(UserError):
        pass

    for kind in (UserError, Special):
        assert str(kind("a\x1b[2J\nb" + 900 * "x")).isprintable()
    assert fail("a\x1b[2J\nb") == 2
    assert capsys.readouterr().err == "error: a\\x1b[2J b\n"


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting("data.root"), "data.root"),
        (Setting("data.root", "PATH"), "data.root=PATH"),
        (Setting("labels.classes", ("happy", "sad")), "labels.classes=[happy,sad]"),
        (Setting("data", "synthetic", before="; ", after=" needs no download"), "; data=synthetic needs no download"),
    ],
)
def test_a_setting_reads_as_an_override(setting, text):
    assert str(UserError("see ", setting)) == f"see {text}"


def test_a_command_names_settings_in_its_own_way():
    error = UserError("no such path: data.root; check ", Setting("data.root"), Setting("data", before=" or "))
    rewritten = error.rewritten(lambda setting: "--data" if setting.key == "data.root" else "")
    assert str(rewritten) == "no such path: data.root; check --data"
    assert str(error) == "no such path: data.root; check data.root or data"


def test_a_deleted_folder_is_one_line(monkeypatch, capsys):
    def gone():
        raise FileNotFoundError

    monkeypatch.setattr("os.getcwd", gone)
    with pytest.raises(SystemExit) as stopped, one_line_errors():
        gone()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: the current folder was deleted; change to another one, with cd\n"
