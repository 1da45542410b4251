"""Trains a network from its last layers to its first ones."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from fer import layers
from fer.errors import UserError


class GradualUnfreezing(Callback):
    """Trains only the output layer at first, and further layers from the top with every epoch (Howard & Ruder 2018).

    epochs: after this many epochs all layers train, at least 1. All parameters are in the optimizer from the start, so
    schedules see them; optimizers skip parameters without gradients. What `model.freeze` names stays frozen.
    """

    def __init__(self, epochs: int = 5):
        if epochs < 1:
            raise UserError(f"callbacks.unfreezing.epochs={epochs}: expected a positive integer")
        self.epochs = epochs
        self.depths: dict[str, int] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.world_size > 1:
            raise UserError(
                "gradual unfreezing works on one device, since DistributedDataParallel needs all gradients; "
                "type trainer.devices=1"
            )
        trainable = {name for name, parameter in pl_module.model.named_parameters() if parameter.requires_grad}
        self.depths = {name: depth for name, depth in layers.depths(pl_module.model).items() if name in trainable}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        top = max(self.depths.values(), default=0)
        lowest = round(top * max(0.0, 1 - trainer.current_epoch / self.epochs))
        for name, parameter in pl_module.model.named_parameters():
            if name in self.depths:
                parameter.requires_grad = self.depths[name] >= lowest
        pl_module.train()  # which leaves the statistics of frozen norms

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        for name, parameter in pl_module.model.named_parameters():
            parameter.requires_grad = parameter.requires_grad or name in self.depths
