import subprocess
import sys

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from fer import places
from fer.config import CONF, compose_config, explain
from fer.errors import UserError
from fer.monitor import mode_of
from fer.resolvers import effective_lr, scaled_lr
from fer.validation import check


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimizer.lr=0", "optimizer.lr=0: expected a number > 0"),
        ("optimizer.lr=-1", "optimizer.lr=-1"),
        ("optimizer.lr=fast", "optimizer.lr=fast"),
        ("optimizer.weight_decay=-1", "optimizer.weight_decay"),
        ("optimizer.momentum=1", "optimizer.momentum"),
        ("model.dropout=1", "model.dropout=1: expected a number in [0, 1)"),
        ("model.head_dropout=-0.1", "model.head_dropout"),
        ("model.kernel_size=0", "model.kernel_size"),
        ("model.kernel_size=[3,0]", "model.kernel_size"),
        ("model.blocks=[[32],[0]]", "model.blocks=0"),
        ("data.batch_size=0", "data.batch_size=0: expected a positive integer"),
        ("data.batch_size=1.5", "data.batch_size=1.5"),
        ("data.limit=0", "data.limit"),
        ("data.per_class.train=0", "data.per_class.train"),
        ("data.val_fraction=1", "data.val_fraction"),
        ("data.roles=kaggle", "data.roles=kaggle: expected one of official, folders, null"),
        ("data.normalize=imagenet", "data.normalize"),
        ("loss.class_weights=yes", "loss.class_weights"),
        ("trainer.max_epochs=0", "trainer.max_epochs"),
        ("trainer.precision=bf8", "trainer.precision"),
        ("augment.flip.p=2", "augment.flip.p"),
        ("labels.classes=[happy]", "labels.classes"),
        ("seed=-1", "seed=-1"),
        ("monitor=val/acc", "expected a metric of the validation split: val/loss, val/accuracy"),
        ("monitor=test/accuracy", "monitor=test/accuracy"),
        ("callbacks.early_stopping.monitor=train/loss", "callbacks.early_stopping.monitor=train/loss"),
    ],
)
def test_values_out_of_range_are_one_clear_line(override, words):
    with pytest.raises(UserError) as error:
        check(compose_config([override]))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("override", ["optimizer.lr=10", "model.dropout=0", "seed=0", "monitor=val/accuracy/sad"])
def test_values_at_the_edge_are_taken(override):
    check(compose_config([override]))


def said(*overrides: str) -> str:
    with pytest.raises(HydraException) as error:
        compose_config(list(overrides))
    return explain(error.value, "train", overrides)


def test_an_unknown_key_names_the_alternatives():
    assert said("optimizer.lrr=1") == (
        "no option 'optimizer.lrr'. Did you mean optimizer.lr? In optimizer: lr, weight_decay, momentum, nesterov"
    )


def test_an_unknown_choice_names_the_alternatives():
    expected = "optimizer=sdg: no such choice. Did you mean optimizer=sgd? In conf/optimizer: adagrad, adam, adamw, "
    assert said("optimizer=sdg").startswith(expected)


def test_an_unknown_group_names_the_alternatives():
    assert "Did you mean optimizer.lr?" in said("optimiser.lr=1")


@pytest.mark.parametrize("override", ["data.root=''", "data.held_out=[]", "resume=''", "output_dir=''", "study=''"])
def test_what_is_empty_in_a_config_is_an_error(override):
    name, _, value = override.partition("=")
    cfg = compose_config()
    OmegaConf.update(cfg, name, [] if value == "[]" else "")
    with pytest.raises(UserError, match=f"{name} is empty"):
        check(cfg)


@pytest.mark.full
def test_no_study_is_called_latest():
    with pytest.raises(UserError, match="study=latest"):
        check(compose_config(["study=latest"]))


@pytest.mark.full
def test_a_monitored_loss_is_minimised_and_all_else_maximised():
    assert [mode_of(name) for name in ("val/loss", "val/accuracy", "val/macro_f1")] == ["min", "max", "max"]
    assert compose_config(["monitor=val/loss"]).callbacks.checkpoint.mode == "min"


@pytest.mark.full
def test_command_line_errors_are_one_line_and_load_nothing_heavy():
    code = "import sys, fer.train as t; sys.argv[1:] = ['optimizer=sdg']; t.config.run_command(t.main, 'train')"
    watch = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {code}"
    result = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout.strip() == "False"


def test_help_loads_nothing_heavy():
    code = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules)); import fer.train as t; t.main()"
    result = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("False")
    assert "optimizer: adagrad, adam" in result.stdout


def test_configs_are_found_beside_the_package_or_inside_it():
    assert (CONF / "train.yaml").is_file()
    assert CONF.parent in (places.HERE, places.HERE.parent)


def test_learning_rates_follow_momentum_and_batch_size():
    assert effective_lr(0.1, 0.9) == 0.01
    assert scaled_lr(0.001, 128, 32, 0.5) == 0.002
    assert scaled_lr(0.1, 512, 128, 1) == 0.4
