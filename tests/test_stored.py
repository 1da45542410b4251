"""Records beside a report: in one file, the same bytes for the same runs."""

import gzip
import json

import pytest

from fer import stored
from fer.errors import UserError

RECORDS = {"b-seed-1": {"status": "finished", "x": 0.25}, "a-seed-0": {"status": "failed", "é": [1, None]}}


def test_what_is_written_is_read(tmp_path):
    stored.write(tmp_path, RECORDS)
    assert stored.read(tmp_path) == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == [stored.NAME]


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path):
    stored.write(tmp_path, RECORDS)
    first = (tmp_path / stored.NAME).read_bytes()
    stored.write(tmp_path, dict(reversed(RECORDS.items())))
    assert (tmp_path / stored.NAME).read_bytes() == first


def test_nothing_is_stored_in_an_empty_folder(tmp_path):
    assert stored.read(tmp_path) == {}
    assert stored.read(tmp_path / "none") == {}


def test_records_of_earlier_versions_join(tmp_path, capsys):
    stored.write(tmp_path, RECORDS)
    (tmp_path / "c-seed-0.json").write_text(json.dumps({"status": "finished"}))
    (tmp_path / "d-seed-0.json").write_text("{")
    found = stored.read(tmp_path)
    assert found == RECORDS | {"c-seed-0": {"status": "finished"}}
    assert "d-seed-0.json" in capsys.readouterr().err
    stored.write(tmp_path, found)
    assert stored.read(tmp_path) == found
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("content", ["no gzip", "cut short", "{", "[1]", "{}"])
def test_a_damaged_file_is_one_line(content, tmp_path):
    packed = content.encode() if content == "no gzip" else gzip.compress(content.encode())
    (tmp_path / stored.NAME).write_bytes(packed[:-9] if content == "cut short" else packed)
    with pytest.raises(UserError, match="damaged") as error:
        stored.read(tmp_path)
    assert "\n" not in str(error.value)
