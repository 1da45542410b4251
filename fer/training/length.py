"""Refuses shares of batches that are none, and validation that comes too late, once the data are known."""

from typing import Any

from omegaconf import DictConfig

from fer.counting import counted
from fer.data.datamodule import FERDataModule
from fer.errors import UserError


def check_batches(cfg: DictConfig, datamodule: FERDataModule) -> None:
    """Raises UserError where the options of the Trainer leave no batch to train on or to validate on.

    Several devices share the batches in a way that Lightning decides, so nothing is checked there.
    """
    options: Any = cfg.trainer
    if options.get("fast_dev_run") or options.get("devices", 1) not in (1, "auto") or options.get("num_nodes", 1) > 1:
        return
    training, validation = len(datamodule.train_dataloader()), len(datamodule.val_dataloader())
    overfitted = options.get("overfit_batches") or None
    used = taken("overfit_batches" if overfitted else "limit_train_batches", options, training, "training")
    if overfitted:
        taken("overfit_batches", options, validation, "validation")
    elif options.get("limit_val_batches") != 0:
        taken("limit_val_batches", options, validation, "validation")
    interval = options.get("val_check_interval")
    if isinstance(interval, int) and interval > used and options.get("check_val_every_n_epoch", 1) is not None:
        raise UserError(
            f"trainer.val_check_interval={interval}: an epoch has {counted(used, 'batch', 'batches')}; with "
            "trainer.check_val_every_n_epoch=null the interval goes on across epochs"
        )


def taken(name: str, options: Any, batches: int, split: str) -> int:
    """Returns how many of the batches the option `name` takes. Raises UserError for none."""
    limit = options.get(name)
    if limit is None:
        return batches
    count = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    if count < 1:
        raise UserError(
            f"trainer.{name}={limit}: that is none of the {counted(batches, f'{split} batch', f'{split} batches')}; "
            "type a number of batches, such as 2, a larger share, or a smaller data.batch_size"
        )
    return count
