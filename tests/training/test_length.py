"""Options that leave no batch, or no time for a validation, are refused once the data are known."""

import pytest

from fer.config import compose_config
from fer.data.datamodule import FERDataModule
from fer.errors import UserError
from fer.training.length import check_batches


@pytest.fixture(scope="module")
def datamodule() -> FERDataModule:
    """Five training batches and one of validation."""
    return FERDataModule("synthetic", synthetic={"train": 70, "val": 35, "test": 35}, batch_size=14)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("limit_train_batches=0", "none of the 5 training batches"),
        ("limit_train_batches=0.1", "none of the 5 training batches"),
        ("limit_val_batches=0.5", "none of the 1 validation batch;"),
        ("overfit_batches=0.5", "none of the 1 validation batch;"),
        ("val_check_interval=6", "an epoch has 5 batches; with trainer.check_val_every_n_epoch=null"),
    ],
)
def test_options_that_leave_nothing_are_refused(datamodule, option, message):
    with pytest.raises(UserError, match=f"^trainer.{option}: .*{message}"):
        check_batches(compose_config([f"trainer.{option}"]), datamodule)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["limit_train_batches=0.2"],
        ["limit_val_batches=0"],
        ["limit_val_batches=1.0"],
        ["overfit_batches=1"],
        ["val_check_interval=5"],
        ["val_check_interval=6", "check_val_every_n_epoch=null"],
        ["fast_dev_run=true", "limit_train_batches=0.1"],
    ],
)
def test_others_are_not(datamodule, options):
    check_batches(compose_config([f"trainer.{option}" for option in options]), datamodule)
