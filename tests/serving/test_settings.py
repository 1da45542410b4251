import re

import pytest

from fer.errors import UserError
from fer.serving.settings import Limits, limit_lines, parse_limits, parse_origin, parse_token


def test_limits_are_changed_by_name():
    assert parse_limits(["faces=3", "pixels=1e6", "seconds=0.5"]) == Limits(faces=3, pixels=1_000_000, seconds=0.5)


@pytest.mark.parametrize(
    "option", ["face=3", "faces", "faces=", "faces=x", "faces=0", "faces=-1", "faces=nan", "faces=inf", "faces=0.5"]
)
def test_a_limit_that_is_none_is_refused(option):
    with pytest.raises(UserError, match=re.escape(option)):
        parse_limits([option])


def test_every_limit_is_described_with_its_unit():
    assert len(limit_lines()) == 15
    assert "faces=32           faces of a picture, the largest ones" in limit_lines()


@pytest.mark.parametrize("token", ["", "short", "with a space in the middle", "umlauts-ä-are-no-header-text"])
def test_a_token_that_is_none_is_refused(token):
    with pytest.raises(UserError, match="--token"):
        parse_token(token)


def test_a_token_is_optional():
    assert parse_token(None) is None
    assert parse_token("0123456789abcdef") == "0123456789abcdef"


@pytest.mark.parametrize("origin", ["*", "example.org", "https://example.org/", "ftp://example.org", "https://*.org"])
def test_an_origin_that_is_none_is_refused(origin):
    with pytest.raises(UserError, match="--cors"):
        parse_origin(origin)
