from pathlib import Path

import pytest

from fer.studies import records


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("a/seed-0", "a"),
        ("a/seed-10-2", "a"),
        ("seed-1", "defaults"),
        ("a/b/seed-0", "a,b"),
        ("a", "a"),
        (".", "defaults"),
    ],
)
def test_a_run_is_named_by_what_differs(folder, name):
    assert records._folder_name(Path(folder)) == name
