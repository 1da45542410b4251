"""Every argument of Lightning's Trainer works, or is refused in a line that says why; so do Lightning's callbacks."""

import inspect
import json
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar
from omegaconf import OmegaConf

from fer import checkpoint, options, validation
from fer.config import CONF, compose_config
from fer.errors import UserError
from fer.train import train
from fer.training import experiment

TINY = [
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "data.batch_size=16",
    "model=cnn",
    "model.blocks=[[4],[8]]",
    "model.head=[8]",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]


def run(*overrides: str) -> dict:
    return train(compose_config([*TINY, "output_dir=run", *overrides]))


def left() -> list[str]:
    """What a run has left in the current folder, besides the cache."""
    return [path.name for path in Path().iterdir() if path.name != ".cache"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Watcher(Callback):
    """Keeps batches, weights at the end of epochs, and learning rates of each step."""

    def __init__(self):
        self.rows, self.weights, self.rates = [], [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.rows.append((trainer.current_epoch, batch.rows.tolist()))
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    def on_train_epoch_end(self, trainer, pl_module):
        self.weights.append({name: value.detach().clone() for name, value in pl_module.model.named_parameters()})


def watched(*overrides: str) -> Watcher:
    watcher = Watcher()
    experiment.run(compose_config([*TINY, "output_dir=run", *overrides]), [watcher])
    return watcher


def test_every_argument_of_the_trainer_is_a_key():
    keys = OmegaConf.load(CONF / "trainer" / "default.yaml").keys() - {"_target_"}
    assert keys == set(inspect.signature(pl.Trainer).parameters)


def test_keys_have_the_trainers_defaults_or_those_of_the_first_runs():
    cfg = compose_config(["output_dir=x"]).trainer
    defaults = {name: p.default for name, p in inspect.signature(pl.Trainer).parameters.items()}
    changed = {name for name, value in cfg.items() if name != "_target_" and value != defaults[name]}
    ours = {"max_epochs", "devices", "sync_batchnorm", "precision", "use_distributed_sampler", "num_sanity_val_steps"}
    assert changed == ours | {"log_every_n_steps", "enable_model_summary"}


def test_new_keys_do_not_change_the_identity_of_earlier_runs():
    names = [
        name for name in inspect.signature(pl.Trainer).parameters if options.row(f"trainer.{name}").name != "trainer"
    ]
    assert {"fast_dev_run", "max_time", "profiler", "deterministic"} <= set(names)


@pytest.mark.parametrize("value", ["true", "3"])
def test_a_trial_leaves_nothing_and_scores_nothing(value, capsys):
    assert run(f"trainer.fast_dev_run={value}") == {"status": "trial"}
    assert left() == []
    out = capsys.readouterr().out
    assert "a trial" in out
    assert "test" not in [line.split()[0] for line in out.splitlines() if line.strip()]


def test_a_trial_fails_as_a_run_does():
    with pytest.raises(UserError, match="loss is"):
        run("trainer.fast_dev_run=5", "optimizer.lr=1e30")
    assert left() == []


@pytest.mark.full
def test_overfitting_repeats_the_same_batches():
    rows = watched("trainer.overfit_batches=2").rows
    assert [epoch for epoch, _ in rows] == [0, 0, 1, 1]
    assert rows[0][1] == rows[2][1]
    assert rows[1][1] == rows[3][1]
    assert rows[0][1] != rows[1][1]


@pytest.mark.full
def test_without_validation_the_last_weights_are_scored(capsys):
    record = run("trainer.limit_val_batches=0")
    assert record["checkpoint"] == "checkpoints/last.ckpt"
    assert not Path("run/checkpoints/best.ckpt").exists()
    assert "no early stopping" in capsys.readouterr().out


@pytest.mark.full
def test_part_of_the_batches_is_trained_on():
    assert len(watched("trainer.limit_train_batches=0.5").rows) == 4


@pytest.mark.full
@pytest.mark.parametrize("option", ["trainer.max_time=00:00:00:01", "trainer.max_time={seconds: 1}"])
def test_time_ends_a_run(option):
    assert run(option, "trainer.max_epochs=2000", "callbacks.early_stopping=null")["epochs"] < 2000


@pytest.mark.full
@pytest.mark.parametrize("name", ["simple", "advanced", "pytorch"])
def test_a_profile_is_printed_and_kept(name, capsys):
    run(f"trainer.profiler={name}", "trainer.max_epochs=1")
    text = Path("run/fit-profile.txt").read_text()
    assert "training_step" in text or "Self CPU time total" in text
    assert text.strip()[:200] in capsys.readouterr().out


@pytest.mark.full
def test_progress_can_be_switched_off(capsys):
    run("trainer.enable_progress_bar=false")
    assert "epoch 1/2" not in capsys.readouterr().out


@pytest.mark.full
@pytest.mark.parametrize("option", ["logger=none", "logger=null", "logger=false", "logger=[]", "trainer.logger=false"])
def test_without_loggers_the_history_stays(option):
    run(option, "trainer.max_epochs=1")
    assert Path("run/metrics.csv").is_file()
    assert not list(Path("run").glob("events*"))


def test_callbacks_can_be_left_out(capsys):
    record = run("callbacks=null")
    assert record["checkpoint"] == "checkpoints/last.ckpt"
    assert record["fit_seconds"] >= 0
    assert "epoch 2/2" in capsys.readouterr().out


@pytest.mark.full
@pytest.mark.parametrize(
    "option",
    [
        "trainer.deterministic=true",
        "trainer.deterministic=warn",
        "trainer.benchmark=true",
        "trainer.detect_anomaly=true",
        "trainer.inference_mode=false",
        "trainer.gradient_clip_val=0.5 trainer.gradient_clip_algorithm=value",
        "trainer.min_epochs=1",
        "trainer.reload_dataloaders_every_n_epochs=1",
        "trainer.plugins=[{_target_: lightning.pytorch.plugins.environments.LightningEnvironment}]",
        "trainer.val_check_interval=0.5",
        "trainer.accumulate_grad_batches=2",
        "trainer.num_sanity_val_steps=2",
        "trainer.enable_model_summary=true",
        "trainer=cpu",
    ],
)
def test_what_the_trainer_takes_works(option):
    words = [option] if "{" in option else option.split()
    assert run(*words, "trainer.max_epochs=1")["status"] == "finished"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("trainer.barebones=true", "fer.benchmark"),
        ("trainer.enable_checkpointing=false", "callbacks.checkpoint=null"),
        ("trainer.limit_test_batches=1", "whole splits"),
        ("trainer.limit_predict_batches=1", "whole splits"),
        ("trainer.default_root_dir=x", "output_dir"),
        ("trainer.callbacks=[{_target_: lightning.pytorch.Callback}]", "callbacks.NAME"),
        ("trainer.logger={_target_: x.Y}", "logger="),
        ("trainer.deterministic=yes", "expected one of true, false, warn, null"),
        ("trainer.profiler=fast", "simple, advanced, pytorch"),
        ("+trainer.nonsense=3", "unexpected keyword argument 'nonsense'"),
        ("trainer=gpu", "gpu"),
        ("trainer=mps", "mps|MPS"),
    ],
)
def test_what_is_impossible_is_refused_before_data_is_read(option, message):
    if option == "trainer=gpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    overrides = [option for option in TINY if "accelerator" not in option]
    with pytest.raises(UserError, match=message) as error:
        train(compose_config([*overrides, "output_dir=run", option, "data.root=missing", "data=fer2013"]))
    assert "missing" not in str(error.value)
    assert left() == []


def test_a_plateau_schedule_needs_validation():
    with pytest.raises(UserError, match="plateau"):
        validation.check(compose_config(["output_dir=x", "scheduler=plateau", "trainer.limit_val_batches=0"]))


SWA = "_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.1, swa_epoch_start: 2"


@pytest.mark.full
def test_the_averaged_weights_of_swa_are_scored(monkeypatch):
    monkeypatch.setattr(experiment, "score", lambda classifier, *_: scored.append(classifier) or {"val/accuracy": 0.5})
    scored: list = []
    weights = watched(f"+callbacks.swa={{{SWA}}}", "trainer.max_epochs=4", "test=false").weights
    averaged = weights[:3]  # those at the start of the second, third and fourth epoch
    for name, value in scored[0].model.named_parameters():
        torch.testing.assert_close(value, torch.stack([w[name] for w in averaged]).mean(0), rtol=1e-4, atol=1e-6)
    assert json.loads(Path("run/metrics.json").read_text())["checkpoint"] == "checkpoints/last.ckpt"


@pytest.mark.full
def test_the_backbone_can_be_unfrozen_later():
    node = "{_target_: lightning.pytorch.callbacks.BackboneFinetuning, unfreeze_backbone_at_epoch: 1}"
    watcher = watched(f"+callbacks.finetuning={node}", "trainer.max_epochs=3")
    first, second = watcher.weights[0], watcher.weights[2]
    moved = {name for name in first if not first[name].equal(second[name])}
    assert "blocks.0.0.weight" in moved
    groups = [len(rates) for rates in watcher.rates]
    assert (groups[0], groups[-1]) == (1, 2)
    assert watcher.rates[-2][1] < watcher.rates[-2][0]


@pytest.mark.full
def test_unfreezing_goes_from_the_last_layers_to_the_first():
    watcher = watched("callbacks=finetune", "callbacks.unfreezing.epochs=2", "trainer.max_epochs=3")
    weights = watcher.weights
    changes = [
        {name for name in weights[0] if not weights[epoch][name].equal(weights[epoch + 1][name])} for epoch in (0, 1)
    ]
    assert "blocks.0.0.weight" not in changes[0]
    assert "output.weight" in changes[0]
    assert "blocks.0.0.weight" in changes[1]


@pytest.mark.full
@pytest.mark.parametrize("scheduler", ["constant", "cosine", "onecycle"])
def test_the_learning_rate_that_the_finder_finds_is_used(scheduler, capsys):
    node = "{_target_: lightning.pytorch.callbacks.LearningRateFinder, num_training_steps: 60, min_lr: 0.0001}"
    watcher = Watcher()
    cfg = compose_config(
        [*TINY, "output_dir=run", f"+callbacks.finder={node}", f"scheduler={scheduler}", "data.batch_size=8"]
    )
    record = experiment.run(cfg, [watcher])
    found = record["found"]["optimizer.lr"]
    assert found != 0.05
    assert max(rate for [rate] in watcher.rates) == pytest.approx(found, rel=0.2)
    assert "was found by a callback and used" in capsys.readouterr().out


@pytest.mark.full
@pytest.mark.parametrize(
    "node",
    [
        "{_target_: lightning.pytorch.callbacks.DeviceStatsMonitor}",
        "{_target_: lightning.pytorch.callbacks.GradientAccumulationScheduler, scheduling: {1: 2}}",
        "{_target_: lightning.pytorch.callbacks.RichModelSummary}",
        "{_target_: lightning.pytorch.callbacks.BatchSizeFinder, max_trials: 1, steps_per_trial: 1}",
    ],
)
def test_other_callbacks_of_lightning_work(node):
    assert run(f"+callbacks.other={node}")["status"] == "finished"


@pytest.mark.full
def test_the_summary_counts_flops(capsys):
    run("+callbacks.summary={_target_: lightning.pytorch.callbacks.RichModelSummary}", "trainer.max_epochs=1")
    flops = next(line for line in capsys.readouterr().out.splitlines() if "Total FLOPs" in line)
    assert not flops.strip().endswith(" 0")


@pytest.mark.full
def test_the_example_input_is_in_no_checkpoint():
    run("trainer.max_epochs=1")
    names = checkpoint.read("run/checkpoints/best.ckpt")["state_dict"]
    assert not any("example" in name for name in names)


def test_time_alone_ends_a_run(capsys):
    record = run("trainer.max_epochs=-1", "trainer.max_time={seconds: 1}", "scheduler=constant", "callbacks=none")
    assert record["epochs"] >= 1
    assert "as time allows" in capsys.readouterr().out


def test_a_plateau_schedule_follows_the_epochs_that_are_validated():
    watcher = watched("scheduler=plateau", "trainer.check_val_every_n_epoch=2")
    assert [rates[0] for rates in watcher.rates] == [0.01] * 10


def test_an_optimizer_without_a_learning_rate_of_its_own_is_recorded():
    assert "found" not in run("optimizer={_target_: torch.optim.Adadelta}", "trainer.max_epochs=1", "callbacks=none")


def test_a_progress_bar_of_ones_own_replaces_the_default():
    from fer.training.trainer import build_callbacks

    cfg = compose_config([*TINY, "+callbacks.bar={_target_: lightning.pytorch.callbacks.TQDMProgressBar}"])
    bars = [callback for callback in build_callbacks(cfg, Path()) if isinstance(callback, ProgressBar)]
    assert [type(bar).__name__ for bar in bars] == ["TQDMProgressBar"]
