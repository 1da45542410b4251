"""Starts the training that a config describes."""

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from fer import trust, validation
from fer.training import resume


def train(cfg: DictConfig, command: str | None = None, typed: Sequence[str] | None = None) -> dict[str, Any]:
    """Fits, reloads the best checkpoint, scores every split once; returns what metrics.json holds and the folder.

    command: the command line that does the same, for the record; by default that of this process, if it has one.
    typed: the overrides that `cfg` was composed of; by default those of this process. Raises UserError for a config or
    data that cannot be used, and for a loss that became NaN or infinite.
    """
    trust.allow(cfg.trust)
    checkpoint = None
    if cfg.resume:
        cfg, checkpoint = resume.resumed(cfg, typed)
    validation.check(cfg, stored=checkpoint is not None)
    from fer.training import experiment  # imports torch, which waits until the options have been checked

    return experiment.run(cfg, checkpoint=checkpoint, command=command)
