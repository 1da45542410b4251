"""Whole runs on a few synthetic faces."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from sklearn.metrics import accuracy_score, f1_score, log_loss
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fer import checkpoint
from fer.config import CONF, compose_config
from fer.errors import UserError
from fer.hardware import has_compiler
from fer.models.cnn import CNN
from fer.train import train

TINY = [
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "data.batch_size=32",
    "model=cnn",
    "model.blocks=[[8],[16]]",
    "model.head=[16]",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]


def run(folder: Path, *overrides: str) -> dict:
    return train(compose_config([*TINY, f"output_dir={folder}", *overrides]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, dict]:
    """One finished run: its folder and what `train` returned."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, run(folder)


def weights(folder: Path, name: str = "best") -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


def test_a_run_leaves_everything_in_its_folder(finished):
    left = {path.name for path in finished[0].iterdir()}
    expected = {
        "config.yaml",
        "metrics.json",
        "predictions.csv",
        "results.png",
        "curves.png",
        "confusion.png",
        "faces.png",
        "checkpoints",
    }
    assert expected | {"metrics.csv"} <= left
    assert any(name.startswith("events.out.tfevents") for name in left)


def test_metrics_json_tells_what_was_done_on_what(finished):
    folder, returned = finished
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics | {"folder": str(folder)} == returned
    assert metrics["status"] == "finished"
    assert {"versions", "hardware", "commit", "seconds", "identity", "resolved"} <= set(metrics)
    assert metrics["data"]["official_split"] is False
    assert metrics["data"]["counts"]["train"] == dict.fromkeys(metrics["data"]["counts"]["val"], 10)
    assert "SYNTHETIC" in metrics["data"]["origin"]
    for split in ("train", "val", "test"):
        assert {f"{split}/{name}" for name in ("loss", "accuracy", "balanced_accuracy", "macro_f1")} <= set(metrics)


def test_predictions_agree_with_the_figures(finished):
    folder, metrics = finished
    table = pd.read_csv(folder / "predictions.csv")
    classes = list(table.columns[4:])
    for split, rows in table.groupby("split"):
        assert accuracy_score(rows["true"], rows["predicted"]) == pytest.approx(metrics[f"{split}/accuracy"])
        f1 = f1_score(rows["true"], rows["predicted"], average="macro")
        assert f1 == pytest.approx(metrics[f"{split}/macro_f1"])
        order = sorted(classes)
        probabilities = rows[order].div(rows[order].sum(axis=1), axis=0)  # the file rounds them
        assert log_loss(rows["true"], probabilities, labels=order) == pytest.approx(metrics[f"{split}/loss"], abs=1e-3)
    assert np.allclose(table[classes].sum(axis=1), 1, atol=1e-3)
    assert (table[classes].idxmax(axis=1) == table["predicted"]).all()


def test_predictions_name_each_held_out_face_once(finished):
    table = pd.read_csv(finished[0] / "predictions.csv")
    assert table["split"].value_counts().to_dict() == {"val": 35, "test": 35}
    assert table["id"].is_unique


def test_the_config_in_the_folder_repeats_the_run(finished, tmp_path):
    from omegaconf import OmegaConf

    cfg = OmegaConf.load(finished[0] / "config.yaml")
    assert cfg.found.fingerprint == finished[1]["data"]["fingerprint"]
    again = train(OmegaConf.merge(cfg, {"output_dir": str(tmp_path / "again")}))
    assert again["val/loss"] == finished[1]["val/loss"]


def test_the_same_seed_ends_with_the_same_weights(finished, tmp_path):
    torch.rand(123)  # what was drawn before must not matter
    run(tmp_path / "again")
    assert same(weights(finished[0]), weights(tmp_path / "again"))


def test_another_seed_ends_elsewhere(finished, tmp_path):
    run(tmp_path / "other", "seed=1")
    assert not same(weights(finished[0]), weights(tmp_path / "other"))


def test_every_step_draws_from_its_own_seed(finished, tmp_path, monkeypatch):
    """Random numbers drawn between two steps change nothing."""
    monkeypatch.setattr("fer.training.callbacks.Throughput.on_train_batch_end", lambda *_: torch.rand(99))
    run(tmp_path / "run")
    assert same(weights(finished[0]), weights(tmp_path / "run"))


def test_the_best_epoch_is_scored_not_the_last(tmp_path):
    growing = ("scheduler=exponential", "scheduler.gamma=8", "optimizer.lr=0.02")  # a rate that spoils the last epochs
    metrics = run(tmp_path / "run", "trainer.max_epochs=4", "monitor=val/loss", *growing)
    curve = pd.read_csv(tmp_path / "run" / "metrics.csv")["val/loss"].dropna()
    assert curve.min() < curve.iloc[-1]
    assert metrics["val/loss"] == pytest.approx(curve.min(), rel=1e-4)


def test_the_moving_average_is_what_is_scored(tmp_path):
    folder = tmp_path / "run"
    metrics = run(folder, "average=ema", "callbacks.ema.decay=0.5", "callbacks.checkpoint.monitor=null")
    averaged = checkpoint.load(folder / metrics["checkpoint"]).state_dict()
    content = torch.load(folder / metrics["checkpoint"], weights_only=True)
    raw = content["current_model_state"]
    assert not all(averaged[name].equal(raw[name]) for name in averaged)
    curve = pd.read_csv(folder / "metrics.csv")["val/loss"].dropna()
    assert metrics["val/loss"] == pytest.approx(curve.iloc[-1], rel=1e-4)


def test_a_taken_folder_is_not_written_into(finished, capsys):
    before = (finished[0] / "metrics.json").read_bytes()
    run(finished[0], "trainer.max_epochs=1")
    assert (finished[0] / "metrics.json").read_bytes() == before
    assert (finished[0].with_name("run-2") / "metrics.json").is_file()
    assert "already exists, so this run writes elsewhere" in capsys.readouterr().out


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tmp_path):
    with pytest.raises(UserError) as error:
        run(tmp_path / "run", "optimizer.lr=1e20", "scheduler=constant", "trainer.max_epochs=5")
    assert all(word in str(error.value) for word in ("step", "learning rate 1e+20", "try optimizer.lr="))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["status"] == "failed"
    assert str(error.value) in metrics["error"]
    assert "test/accuracy" not in metrics


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.activation=rellu"],
        ["model.blocks=[[8],[8],[8],[8],[8],[8],[8]]"],
        ["+augment.crop={_target_: fer.augment.Crop, size: 40}"],
    ],
)
def test_what_cannot_be_built_fails_before_data_is_read(overrides, tmp_path, monkeypatch):
    monkeypatch.setattr("fer.data.datamodule.read_faces", lambda *_: pytest.fail("data was read"))
    with pytest.raises(UserError, match="model") as error:
        run(tmp_path / "run", *overrides)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_tensorboard_holds_scalars_pictures_and_hyperparameters(finished):
    events = EventAccumulator(str(finished[0]), size_guidance={"images": 0}).Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"val/accuracy", "train/loss", "lr", "train/loss_step", "val/macro_f1", "val/accuracy/happy"} <= scalars
    assert {"predictions", "predictions, counted", "training faces"} <= set(events.Tags()["images"])
    assert any("hparams" in name for name in events.summary_metadata)


def test_first_and_last_lines_say_what_matters(tmp_path, capsys):
    run(tmp_path / "run", "trainer.max_epochs=1")
    printed = capsys.readouterr().out
    for words in ("SYNTHETIC FACES", "fingerprint", "official split: no", "next: ", f"wrote {tmp_path / 'run'}"):
        assert words in printed


@pytest.mark.full
@pytest.mark.parametrize(
    "overrides",
    [
        ["+augment.mixup={_target_: fer.augment.Mixup, alpha: 0.2}", "loss=focal"],
        ["augment=strong", "loss=l2_svm", "loss.class_weights=balanced"],
        ["augment=none", "data.balance=sampler", "data.normalize=half"],
        ["labels=fer4", "trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1"],
        ["trainer.precision=bf16-mixed", "channels_last=true", "classifier.tta=flip"],
        ["optimizer=muon", "scheduler=onecycle", "classifier.decay_biases_and_norms=false"],
        ["monitor=val/loss", "scheduler=plateau", "callbacks.pictures.histograms=true"],
        ["trainer.precision=bf16-true"],
        ["trainer.precision=64-true"],
    ],
)
def test_options_go_together(overrides, tmp_path):
    assert run(tmp_path / "run", "trainer.max_epochs=1", *overrides)["status"] == "finished"


@pytest.mark.parametrize(
    "option",
    [
        "trainer.accelerator=abacus",
        "+trainer.nonsense=3",
        "callbacks.timer.duration=oops",
        "+callbacks.hello={_target_: nosuchmodule.Hello}",
        "logger.tensorboard._target_=os.getcwd",
        "scheduler.warmup=1",
        "scheduler.min_lr_ratio=2",
    ],
)
def test_parts_that_cannot_be_built_are_refused_before_data_is_read(tmp_path, monkeypatch, option):
    monkeypatch.setattr("fer.training.experiment.build_datamodule", lambda _: pytest.fail("data was read"))
    with pytest.raises(UserError) as error:
        run(tmp_path / "run", option)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


LOSS = """
from torch import nn
class Rows(nn.CrossEntropyLoss):
    def __init__(self):
        super().__init__(reduction="none")
class Flat(nn.Module):
    def forward(self, images):
        return images.flatten(1)
class Bigger(nn.Module):
    def forward(self, images, labels):
        return images, labels[:1]
"""


@pytest.mark.parametrize(
    ("option", "said"),
    [("loss", "Rows"), ("model", "Flat"), ("augment.bigger", "Bigger")],
)
def test_own_parts_that_break_their_contract_are_told_before_data_is_read(tmp_path, monkeypatch, option, said):
    (tmp_path / "breaking.py").write_text(LOSS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("fer.training.experiment.build_datamodule", lambda _: pytest.fail("data was read"))
    cfg = compose_config([*TINY, f"output_dir={tmp_path / 'run'}"])
    OmegaConf.set_struct(cfg, False)
    OmegaConf.update(cfg, option, {"_target_": f"breaking.{said}"}, merge=False)
    with pytest.raises(UserError, match=f"{option.split('.')[0]}: .*expected"):
        train(cfg)


def test_compiling_without_a_compiler_is_told_before_data_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler"):
        run(tmp_path / "run", "compile=true")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_trains_and_its_checkpoint_loads_without_compiling(tmp_path):
    metrics = run(tmp_path / "run", "compile=true", "trainer.max_epochs=1")
    assert checkpoint.load(tmp_path / "run" / metrics["checkpoint"]).classes[0] == "angry"


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("model", [path.stem for path in sorted((CONF / "model").glob("*.yaml"))])
def test_every_model_trains_three_epochs_on_real_faces_without_a_warning(model, real_root, tmp_path, recwarn):
    data = ["data=fer2013", f"data.root={real_root}", "data.limit=70", "data.batch_size=32"]
    cfg = compose_config([*data, f"model={model}", "trainer.max_epochs=3", f"output_dir={tmp_path / 'run'}"])
    recwarn.clear()
    metrics = train(cfg)
    assert (metrics["status"], metrics["epochs"]) == ("finished", 3)
    assert [str(warning.message) for warning in recwarn] == []


def test_pictures_grow_from_epoch_to_epoch_and_validation_sees_whole_ones(tmp_path, monkeypatch):
    seen = set()
    plain = CNN.forward

    def forward(self, images):
        seen.add((self.training, int(images.shape[-1])))
        return plain(self, images)

    monkeypatch.setattr(CNN, "forward", forward)
    run(tmp_path, "data.progressive_resizing={0: 24, 1: 36}", "model.head_pool=1")
    assert seen == {(True, 24), (True, 36), (True, 48), (False, 48)}  # 48 in training: the rehearsal


def test_a_network_for_one_size_is_not_given_others(tmp_path):
    with pytest.raises(UserError, match="training pictures of 24×24 do not fit the model"):
        run(tmp_path, "data.progressive_resizing={0: 24}")


@pytest.mark.parametrize(
    "options",
    [
        ["trainer.max_steps=2"],
        ["trainer.check_val_every_n_epoch=3"],
        ["trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=7"],
        ["trainer.max_steps=1", "trainer.val_check_interval=0.7"],
    ],
)
def test_early_stopping_that_would_never_see_a_validation_is_refused_before_training(tmp_path, options):
    with pytest.raises(UserError, match="before the first validation"):  # an epoch has three steps here, a run six
        run(tmp_path, *options)


@pytest.mark.full
@pytest.mark.parametrize(
    "options",
    [
        ["trainer.max_steps=2", "callbacks.early_stopping=null"],
        ["trainer.max_steps=3"],
        ["trainer.max_steps=1", "trainer.val_check_interval=0.5"],
        ["trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=6"],
    ],
)
def test_runs_whose_first_validation_comes_in_time_end_well(tmp_path, options):
    assert run(tmp_path, *options)["status"] == "finished"
