"""Loggers beside the history: several at once, Weights & Biases and MLflow without a network."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from fer.config import compose_config
from fer.training.start import train

from .test_trainer import TINY


def run(*overrides: str) -> dict:
    return train(compose_config([*TINY, "output_dir=run", "trainer.max_epochs=1", *overrides]))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.typed
def test_weights_and_biases_offline(monkeypatch, require):
    if find_spec("wandb") is None:
        require("wandb", "wandb is not installed (pip install 'fer-lightning[wandb]')")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert run("logger=[tensorboard,wandb]", "logger.wandb.offline=true")["status"] == "finished"
    assert list(Path("run/wandb").glob("offline-run-*/*.wandb"))
    assert list(Path("run").glob("events*"))
    assert Path("run/metrics.csv").is_file()


@pytest.mark.typed
def test_mlflow_in_a_file(require):
    if find_spec("mlflow") is None:
        require("mlflow", "mlflow is not installed (pip install 'fer-lightning[mlflow]')")
    import mlflow

    assert run("logger=mlflow", "study=mine")["status"] == "finished"
    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    [found] = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert "val/accuracy" in found.data.metrics


@pytest.mark.parametrize(("name", "package"), [("wandb", "wandb"), ("mlflow", "mlflow")])
def test_a_logger_that_is_not_installed_is_named(name, package, monkeypatch):
    from lightning.pytorch import loggers

    from fer.errors import UserError

    def missing(*_, **__):
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)

    monkeypatch.setattr(loggers, {"wandb": "WandbLogger", "mlflow": "MLFlowLogger"}[name], missing)
    with pytest.raises(UserError, match=package):
        run(f"logger={name}")
    assert not Path("run").exists()
