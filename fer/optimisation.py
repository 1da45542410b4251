"""OptimisedModule, the part of a classifier that builds its optimizer and its learning-rate schedule."""

from typing import Any

import lightning.pytorch as pl
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer import parameter_groups, parts
from fer.errors import UserError


class OptimisedModule(pl.LightningModule):
    """LightningModule whose hyperparameters `optimizer` and `scheduler` are nodes that `fer.parts` builds.

    The hyperparameters `monitor`, `mode`, `layer_decay` and `decay_biases_and_norms` are those of `fer.Classifier`.
    """

    hparams: Any
    model: nn.Module
    """The network."""
    done = (0, 0)
    """Optimizer steps and epochs of the run that a prolonged one goes on from, over which no schedule is planned."""

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = parts.optimizer(self.hparams.optimizer, self.parameter_groups())
        scheduler, interval = self.schedule(optimizer)
        watched = self.watched() if isinstance(scheduler, ReduceLROnPlateau) else {}
        schedule = {"scheduler": scheduler, "interval": interval, "name": "lr", **watched}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def watched(self) -> dict[str, Any]:
        """Returns what a plateau schedule follows: the monitored figure, in the epochs that are validated."""
        return {
            "monitor": self.hparams.monitor,
            "frequency": self.trainer.check_val_every_n_epoch or 1,
            "strict": self.trainer.check_val_every_n_epoch is not None,
        }

    def schedule(self, optimizer: Optimizer) -> tuple[parts.Schedule, str]:
        """Returns the learning-rate schedule over the run, without what `done` has of it, and its interval."""
        steps, epochs = self.done
        whole = self.trainer.max_epochs

        def remaining_steps() -> int:
            total = int(self.trainer.estimated_stepping_batches)
            if total > steps or not whole:
                return total - steps
            return max(1, total * (whole - epochs) // whole)  # a callback found another batch size

        return parts.scheduler(
            self.hparams.scheduler,
            optimizer,
            total_steps=remaining_steps,
            epochs=whole - epochs if whole and whole > 0 else whole,
            mode=self.hparams.mode,
        )

    def parameter_groups(self) -> list[Any]:
        """Returns the trainable parameters in one group; without decay of biases and norms, in two: matrices, the rest.

        With `layer_decay`, each layer has separate groups.
        """
        decay_all, layer_decay = self.hparams.decay_biases_and_norms, self.hparams.layer_decay
        if layer_decay is not None:
            if self.lr is None:
                raise UserError("classifier.layer_decay multiplies the learning rate; type optimizer.lr=VALUE")
            return parameter_groups.by_layer(self.model, self.lr, layer_decay, decay_all)
        parameters = [p for p in self.parameters() if p.requires_grad]
        return parameters if decay_all else parameter_groups.without_decay(parameters)

    @property
    def lr(self) -> float | None:
        """The optimizer's learning rate, which Lightning's learning-rate finder replaces; None for one without."""
        return parts.learning_rate(self.hparams.optimizer)

    @lr.setter
    def lr(self, value: float) -> None:
        factor = value / self.lr if self.lr else 1.0
        self.hparams.optimizer = {**self.hparams.optimizer, "lr": value}
        if self._trainer is not None:
            for config in self._trainer.lr_scheduler_configs:
                parts.rescale(config.scheduler, factor)

    def lr_scheduler_step(self, scheduler: parts.Schedule, metric: Any) -> None:
        """As in Lightning, also for parameter groups that a callback has added."""
        parts.cover_new_groups(scheduler)
        super().lr_scheduler_step(scheduler, metric)
