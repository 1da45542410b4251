import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.quoting import is_plain, quoted, read, split, unquoted

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).filter(lambda t: "${" not in t)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_hydra_reads_quoted_text_as_it_was(text):
    assert read(quoted(text)) == text
    assert is_plain(text) == (quoted(text) == text)
    if not is_plain(text):
        assert unquoted(quoted(text)) == text


@pytest.mark.parametrize("text", ["5", "true", "null", "a,b", "a=b", "it's", "", "[a]", "{a: 1}"])
def test_text_that_hydra_would_read_differently_is_quoted(text):
    assert quoted(text)[0] == quoted(text)[-1] == "'"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ("[a,b],c", ["[a,b]", "c"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("x(1,2),{a: 1, b: 2}", ["x(1,2)", "{a: 1, b: 2}"]),
        ("it's,that's", ["it's", "that's"]),
        (")a,b", [")a", "b"]),
        ("", [""]),
    ],
)
def test_commas_inside_quotes_and_brackets_do_not_split(text, parts):
    assert list(split(text)) == parts
