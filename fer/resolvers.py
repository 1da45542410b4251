"""Functions that the YAML files in conf/ call, such as `${mode_of:${monitor}}`."""

from collections.abc import Sequence

from omegaconf import OmegaConf

from fer.monitor import mode_of
from fer.naming import run_name


def effective_lr(effective: float, momentum: float) -> float:
    """Returns the learning rate of SGD with momentum whose steps sum to `effective` under a constant gradient."""
    return round(effective * (1 - momentum), 10)


def scaled_lr(lr: float, batch_size: int, reference: int, exponent: float) -> float:
    """Returns `lr`, which suits batches of `reference` images, for batches of `batch_size`.

    exponent: 1 for SGD (Goyal et al. 2017), 0.5 for Adam.
    """
    return round(lr * (batch_size / reference) ** exponent, 10)


def epochs_at(share: float, max_epochs: int) -> int:
    """Returns the number of epochs in `share` of a run, at least 1; where max_epochs is -1, of 30 epochs."""
    return max(1, round(share * (30 if max_epochs == -1 else max_epochs)))


def folder_name(overrides: Sequence[str], given: str = ".") -> str:
    """Returns the name that a sweep has given a run, else the name by its overrides: see `fer.naming`."""
    return run_name(overrides) if given == "." else given


def register_resolvers() -> None:
    """Makes the functions known to OmegaConf."""
    OmegaConf.register_new_resolver("run_name", folder_name, replace=True)
    for resolver in (mode_of, effective_lr, scaled_lr, epochs_at):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
