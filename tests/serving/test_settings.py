import re

import pytest

from fer.errors import UserError
from fer.serving.settings import Limits, described, limits_of, origin_of, token_of


def test_limits_are_changed_by_name():
    assert limits_of(["faces=3", "pixels=1e6", "seconds=0.5"]) == Limits(faces=3, pixels=1_000_000, seconds=0.5)


@pytest.mark.parametrize(
    "option", ["face=3", "faces", "faces=", "faces=x", "faces=0", "faces=-1", "faces=nan", "faces=inf", "faces=0.5"]
)
def test_a_limit_that_is_none_is_refused(option):
    with pytest.raises(UserError, match=re.escape(option)):
        limits_of([option])


def test_every_limit_is_described_with_its_unit():
    assert len(described()) == 15
    assert "faces=32           faces of a picture, the largest ones" in described()


@pytest.mark.parametrize("token", ["", "short", "with a space in the middle", "umlauts-ä-are-no-header-text"])
def test_a_token_that_is_none_is_refused(token):
    with pytest.raises(UserError, match="--token"):
        token_of(token)


def test_a_token_is_optional():
    assert token_of(None) is None
    assert token_of("0123456789abcdef") == "0123456789abcdef"


@pytest.mark.parametrize("origin", ["*", "example.org", "https://example.org/", "ftp://example.org", "https://*.org"])
def test_an_origin_that_is_none_is_refused(origin):
    with pytest.raises(UserError, match="--cors"):
        origin_of(origin)
