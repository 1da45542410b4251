"""Averages the weights of the last epochs of a run.

It uses the averaged model that Lightning's WeightAveraging keeps; tested with Lightning 2.6.
"""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging

from fer.errors import UserError


class LastEpochs(WeightAveraging):
    """Mean of the weights and BatchNorm statistics at the ends of the last epochs: a soup (Wortsman et al. 2022).

    arXiv:2203.05482. Validation, test and checkpoints use the mean; before the last `epochs` epochs, the weights of the
    epoch itself. Raises UserError for fewer than one epoch, and for a run whose epochs are not limited.
    """

    def __init__(self, epochs: int = 5):
        super().__init__()
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
            raise UserError(f"callbacks.soup.epochs={epochs}: expected a positive integer")
        self.epochs = epochs

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.max_epochs is None or trainer.max_epochs < 0:
            raise UserError("average=soup counts epochs from the end; give their number with trainer.max_epochs")

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Never by Lightning's own count: `on_train_batch_end` updates, before the validation of the epoch."""
        return False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Adds the weights to the mean, or starts it again, after the last batch of an epoch."""
        average, last = self._average_model, trainer.max_epochs
        assert average is not None
        assert last is not None
        if not trainer.is_last_batch:
            return
        if trainer.current_epoch <= last - self.epochs:
            average.n_averaged.zero_()  # the next update copies
        average.update_parameters(pl_module)
