"""The server's log: clients cannot fill it."""

import io
import logging

import pytest

from fer.serving.log import RateLimitedHandler


class Clock:
    """Tells the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO, RateLimitedHandler, Clock]:
    """A logger, the file that it writes to, its handler, and the handler's clock."""
    logger, file, clock = logging.Logger("a test"), io.StringIO(), Clock()
    handler = RateLimitedHandler(file, 60.0, clock)
    logger.addHandler(handler)
    return logger, file, handler, clock


def test_a_line_that_comes_again_and_again_is_counted(written):
    logger, file, handler, _ = written
    for number in range(5000):
        logger.warning("junk number %d", number)
    assert file.getvalue() == "junk number 0\n"
    handler.close()
    assert file.getvalue() == "junk number 0\n4,999 more like: junk number 0\n"


def test_a_minute_later_it_is_written_again_with_the_sum_of_those_between(written):
    logger, file, handler, clock = written
    for second in range(0, 120, 20):
        clock.now = second
        logger.warning("after %d s", second)
    handler.close()
    assert file.getvalue().splitlines() == [
        "after 0 s",
        "2 more like: after 0 s",
        "after 60 s",
        "2 more like: after 60 s",
    ]


def test_kinds_are_told_apart_by_where_they_come_from(written):
    logger, file, handler, _ = written
    logger.warning("the same text")
    logger.warning("the same text")
    handler.close()
    assert file.getvalue().splitlines() == ["the same text"] * 2


def test_a_traceback_is_written_once_for_each_place_that_raises(written):
    logger, file, handler, _ = written

    def fail(how: int) -> None:
        if how:
            raise ValueError("one place")
        raise ValueError("another place")

    for how in (0, 1, 0, 1, 1):
        try:
            fail(how)
        except ValueError:
            logger.exception("it failed")
    handler.close()
    text = file.getvalue()
    assert text.count("Traceback") == text.count("ValueError: one place") + text.count("ValueError: another place") == 2
    assert "1 more like: it failed" in text
    assert "2 more like: it failed" in text
