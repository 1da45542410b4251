import pytest

from fer.studies import redaction


def record(**changes) -> dict:
    return {"config": {"data": {"root": "my/pictures"}}, "data": {"path": ["my/pictures/train"]}} | changes


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/data",
        "cannot read /home/me/a.jpg",
        "~/faces",
        "C:\\faces\\a.jpg",
        "[/home/me/a,/home/me/b]",
        "in my/pictures",
    ],
)
def test_places_go(text):
    clean = redaction.without_paths(record(error=text))["error"]
    assert "PATH" in clean
    assert not any(trace in clean for trace in ("me", "faces", "my"))


@pytest.mark.parametrize(
    "text", ["val/accuracy", "3 / 4 images", "fer.models.cnn.CNN", "AMD EPYC (AVX512-BF16 or AMX)", ""]
)
def test_what_is_no_place_stays(text):
    assert redaction.without_paths(record(note=text))["note"] == text


def test_places_go_by_their_key_whatever_they_look_like():
    clean = redaction.without_paths(record(output_dir="private", checkpoint={"dirpath": "a b", "monitor": "val/loss"}))
    assert clean["output_dir"] == "PATH"
    assert clean["checkpoint"] == {"dirpath": "PATH", "monitor": "val/loss"}
    assert clean["config"]["data"]["root"] == "PATH"
    assert clean["data"]["path"] == ["PATH"]


def test_an_unknown_root_stays_unknown():
    assert redaction.without_paths(record(config={"data": {"root": None}}))["config"]["data"]["root"] is None


def test_a_command_keeps_all_but_its_places():
    mine = "python -m fer.train --config-dir={} 'data.root={}' 'data.per_class={{train:2,val:1}}' output_dir={} w={}"
    typed = mine.format("c", "/my place/x", "a/b", "/w.pt") + " labels.votes_file=v seed=0"
    kept = mine.replace("'data.root={}'", "data.root={}").format(*["PATH"] * 4) + " labels.votes_file=PATH seed=0"
    assert redaction.command_without_paths(typed) == kept
    assert redaction.command_without_paths(kept) == kept
