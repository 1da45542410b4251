"""A network is shipped with its card and its sums, and only one that may be."""

import numpy as np
import pytest

from fer import shipped
from fer.config import compose_config
from fer.errors import UserError
from fer.exporting import ship
from fer.train import train

GOOD = {"status": "finished", "data": {"origin": "FER2013", "official_split": True}, "parameters": 9}


def test_a_good_run_passes(tmp_path):
    ship.check(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "interrupted"}, "not a finished run"),
        ({"parameters": 600_000}, "600,000 parameters, more than"),
        ({"data": {"origin": "FER2013", "official_split": False}}, "official split"),
        ({"data": {"origin": "SYNTHETIC FACES", "official_split": True}}, "trained on SYNTHETIC FACES"),
    ],
)
def test_what_may_not_ship_is_refused_in_one_line(tmp_path, change, words):
    with pytest.raises(UserError, match=words):
        ship.check(tmp_path, GOOD | change)


@pytest.mark.slow
def test_a_run_is_shipped_and_found_with_its_card(tmp_path, make_faces, write_csv, monkeypatch):
    monkeypatch.setattr("fer.data.official.departures", lambda *_: [])  # a miniature of FER2013
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data" / "fer2013.csv", make_faces(np.tile(np.arange(7), 12), usage=np.repeat([0, 1, 2], 28)))
    tiny = ["model=cnn", "model.blocks=[[4]]", "model.head=[4]", "trainer.max_epochs=1", "data.batch_size=14"]
    train(compose_config(["data=fer2013", f"data.root={tmp_path / 'data'}", *tiny, f"output_dir={tmp_path / 'run'}"]))
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "older.onnx").write_bytes(b"what was shipped before")
    paths = ship.ship(tmp_path / "run", "tiny", "python -m fer.exporting.ship run --name tiny", weights)
    assert sorted(path.name for path in paths) == sorted(path.name for path in weights.iterdir())
    assert shipped.network_path(weights) == weights / "tiny.onnx"
    card = (weights / "tiny.md").read_text()
    assert str(tmp_path) not in card
    for words in ("PrivateTest", "parameters", "## Use", "## Licence", "| sad |", "python -m fer.exporting.ship"):
        assert words in card
