import logging

import pytest

from fer.log_levels import log_level


def speak_in_a_block() -> None:
    with log_level(logging.ERROR, "fer.one", "fer.two"):
        logging.getLogger("fer.two").warning("too quiet to be heard")
        raise KeyError


def test_levels_are_those_of_before_after_the_block_and_after_an_error(caplog):
    logging.getLogger("fer.one").setLevel(logging.INFO)
    with pytest.raises(KeyError):
        speak_in_a_block()
    assert caplog.records == []
    assert logging.getLogger("fer.one").level == logging.INFO
    assert logging.getLogger("fer.two").level == logging.NOTSET
