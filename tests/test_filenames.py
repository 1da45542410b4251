import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.filenames import escaped, spelled, unspelled

NAMES = st.binary(min_size=1, max_size=20).map(os.fsdecode) | st.text(alphabet="\\udcae9 05\udce9é", max_size=12)


@given(NAMES)
def test_a_spelled_name_is_valid_and_is_turned_back(name):
    spelled(name).encode("utf-8")
    assert unspelled(spelled(name)) == name


@given(NAMES)
def test_json_with_escaped_names_is_valid_and_reads_back(name):
    data = escaped(json.dumps({"picture": name}, ensure_ascii=False)).encode("utf-8")
    assert json.loads(data) == {"picture": name}


@pytest.mark.parametrize("name", ["a.jpg", "é/ж.png", r"C:\users\me\a.png"])
def test_usual_names_stay_as_they_are(name):
    assert spelled(name) == name
