"""A network is shipped with its card and its sums, and only one that may be."""

import numpy as np
import pytest

from fer import shipped
from fer.config import compose_config
from fer.containers import plain
from fer.errors import UserError
from fer.exporting import ship
from fer.exporting.card import training_command
from fer.train import train

GOOD = {"status": "finished", "data": {"origin": "FER2013", "official_split": True}, "parameters": 9}


def test_a_good_run_passes(tmp_path):
    ship.check(tmp_path, GOOD, ship.LIMITS["tiny"])


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
        ship.check(tmp_path, GOOD | change, ship.LIMITS["pocket"])


@pytest.mark.slow
def test_a_run_is_shipped_and_found_with_its_card(tmp_path, make_faces, write_csv, monkeypatch):
    monkeypatch.setattr("fer.data.official.departures", lambda *_: [])  # a miniature of FER2013
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data" / "fer2013.csv", make_faces(np.tile(np.arange(7), 12), usage=np.repeat([0, 1, 2], 28)))
    tiny = ["model=cnn", "model.blocks=[[4]]", "model.head=[4]", "trainer.max_epochs=1", "data.batch_size=14"]
    runs = [tmp_path / f"seed-{seed}" for seed in (0, 1)]
    for seed, run in enumerate(runs):
        train(
            compose_config(
                ["data=fer2013", f"data.root={tmp_path / 'data'}", *tiny, f"seed={seed}", f"output_dir={run}"]
            )
        )
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "older.onnx").write_bytes(b"another network")
    (weights / "SHA256SUMS").write_text("00  older.onnx\n00  tiny.onnx\n")
    ship.main([*map(str, runs), "--name", "tiny", "--out", str(weights)])
    files = ["older.onnx", "tiny.int8.onnx", "tiny.onnx", "tiny.pt"]
    assert {path.name for path in weights.iterdir()} == {*files, "tiny.md", "SHA256SUMS"}
    assert list(shipped.read_sums(weights / "SHA256SUMS")) == files
    assert shipped.network_path("tiny", weights) == weights / "tiny.onnx"
    card = (weights / "tiny.md").read_text()
    assert str(tmp_path) not in card
    words = [
        "PrivateTest",
        "parameters",
        "## Seeds",
        "## Robustness",
        "ms on one core",
        "## Use",
        "## Licence",
        "| sad |",
    ]
    assert [word for word in words if word not in card] == []


def test_files_that_are_too_large_are_deleted(tmp_path):
    path = tmp_path / "tiny.pt"
    path.write_bytes(bytes(200_000))
    with pytest.raises(UserError, match="200,000 bytes, more than 160,000"):
        ship.check_sizes([path], ship.LIMITS["tiny"])
    assert not path.exists()


@pytest.mark.parametrize(
    ("config", "data", "command"),
    [
        ([], {}, "python -m fer.train experiment=tiny data=fer2013 data.root=PATH seed=2"),
        (["optimizer.lr=0.02"], {}, "python -m fer.train --config-dir=PATH experiment=mine"),
        ([], {"soft_labels": "0a"}, "python -m fer.train --config-dir=PATH experiment=mine"),
    ],
)
def test_the_card_names_the_experiment_that_repeats_the_run(config, data, command):
    cfg = compose_config(["experiment=tiny", "data=fer2013", "output_dir=y", "study=mine", "seed=2", *config])
    record = {"config": plain(cfg), "data": data, "command": "python -m fer.train --config-dir=/a/b experiment=mine"}
    assert training_command(record, "tiny") == command
