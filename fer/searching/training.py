"""Trains the runs of a trial and checks their data."""

import signal
import threading

import optuna
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from fer import validation
from fer.console import quieten
from fer.errors import Interrupted, UserError
from fer.searching import trials
from fer.searching.callback import TrialCallback
from fer.searching.plan import Plan
from fer.training import experiment
from fer.training.building import build_datamodule

POLL = 2.0
"""Seconds between looks at a run that another process trains."""
DATA = "data"
"""Attribute of a study: the fingerprint of its data."""


def train(plan: Plan, options: list[str], seed: int, trial: optuna.Trial, stopping: threading.Event) -> float:
    """Trains one run and returns its monitored figure. Only the epochs of the first seed are reported.

    Raises Interrupted once `stopping` is set, and TrialStopped as `TrialCallback` does.
    """
    cfg = compose(plan, plan.run_options(options, seed))
    validation.check(cfg)
    reports = seed == plan.seed and not plan.spread
    callback = TrialCallback(trial if reports else None, plan.monitor, stopping)
    while True:
        record = experiment.run(cfg, [callback])
        trial.set_user_attr(trials.RUN, record["config"]["output_dir"])
        if record["status"] == "finished":
            return float(record[plan.monitor])
        if stopping.wait(POLL):  # another process trains the same run
            raise Interrupted(signal.SIGTERM)


def check_data(plan: Plan, study: optuna.Study) -> None:
    """Raises UserError for data that cannot be used, or that differ from those of the study."""
    quieten()
    datamodule = build_datamodule(compose(plan, plan.run_options(plan.base, plan.seed)))
    datamodule.setup()
    if DATA not in study.user_attrs:
        study.set_user_attr(DATA, datamodule.fingerprint)
    stored = study.user_attrs[DATA]
    if stored != datamodule.fingerprint:
        message = f"the data (fingerprint {datamodule.fingerprint}) are not those of the search ({stored})"
        raise UserError(f"{message}; set data.root, or name this search study=NAME")


def compose(plan: Plan, options: list[str]) -> DictConfig:
    """Composes the config of a run and sets Hydra's own for it, so that the run records its options."""
    cfg = plan.compose(options, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg
