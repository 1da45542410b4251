import pytest

from fer.errors import UserError
from fer.evaluation import options


def test_labels_are_a_file_or_a_list():
    assert options.parse_classes("fer4") == ("angry", "happy", "sad", "neutral")
    assert options.parse_classes("happy, sad") == options.parse_classes("[happy,sad]") == ("happy", "sad")
    assert options.parse_classes("fer7") is options.parse_classes(None) is None
    with pytest.raises(UserError, match=r"--labels=fer5: expected one of fer4, fer7"):
        options.parse_classes("fer5")
