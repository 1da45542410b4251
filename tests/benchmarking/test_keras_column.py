import sys

import pytest

from fer.benchmarking import keras_column
from fer.config import compose_config
from fer.errors import UserError


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model=resnet18", "only fer.models.cnn.CNN"),
        ("optimizer=muon", "fer.optimizers.Muon has no"),
        ("model.head_pool=2", "model.head_pool=2"),
        ("model.activation=hardswish", "model.activation=hardswish"),
        ("model=cnn3", None),
    ],
)
def test_keras_says_what_it_cannot_build(monkeypatch, override, words):
    monkeypatch.setattr(keras_column, "find_spec", lambda name: object())
    reason = keras_column.reason_to_skip(compose_config([override], name="benchmark"))
    assert reason is None if words is None else words in reason


ECHO = """
import json, sys
request = json.loads(sys.stdin.readline())
print("a library says something")
print(json.dumps({"parameters": request["batch_size"], "library": "Keras 3"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"images_per_s": json.loads(line)["steps"]}), flush=True)
"""


def test_keras_answers_block_by_block_from_its_own_process(monkeypatch, tiny):
    monkeypatch.setattr(keras_column, "COMMAND", [sys.executable, "-c", ECHO])
    keras = keras_column.Keras(tiny(), 7)
    assert keras.parameters == 35
    assert keras.how.startswith("Keras 3: ")
    assert [keras.block(2, steps) for steps in (3, 4)] == [3, 4]
    keras.close()
    assert keras.process.returncode == 0


@pytest.mark.parametrize(("code", "words"), [("", "no message"), ("raise OSError('full')", "OSError: full")])
def test_a_keras_that_ends_is_one_clear_line(monkeypatch, code, words, tiny):
    monkeypatch.setattr(keras_column, "COMMAND", [sys.executable, "-c", code])
    with pytest.raises(UserError, match=rf"keras: its process ended \({words}\)"):
        keras_column.Keras(tiny(), 7)
