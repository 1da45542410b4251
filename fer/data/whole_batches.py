"""Serves the splits of a data module as single faces and as whole batches, augmented on their device."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fer.data.batches import Batch, Batches, RepeatedBatches, Split
from fer.data.resizing import Resizing
from fer.errors import UserError


class WholeBatches(pl.LightningDataModule):
    """A data module that loads batches as slices of one tensor. A subclass reads the data in `setup`."""

    splits: dict[str, Split]
    scored: tuple[str, ...]

    @property
    def class_counts(self) -> list[int]:
        """Training images of each class."""
        raise NotImplementedError

    augmentation: nn.Module
    resizing: Resizing

    @property
    def train_dataset(self) -> Split:
        """Single training faces: `train_dataset[0]` is an image, (1, 48, 48) uint8, and its label."""
        return self._split("train")

    @property
    def val_dataset(self) -> Split:
        return self._split("val")

    @property
    def test_dataset(self) -> Split:
        return self._split("test")

    def _split(self, name: str) -> Split:
        self.setup("fit")
        return self.splits[name]

    def train_dataloader(self) -> DataLoader:
        options: Any = self.hparams
        weights = None
        if options.balance == "sampler":
            weights = 1 / torch.tensor(self.class_counts, dtype=torch.float64)[self._split("train").labels.cpu()]
        return self.loader("train", options.batch_size, shuffle=True, weights=weights)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val")

    def test_dataloader(self) -> DataLoader:
        return self.loader("test")

    def predict_dataloader(self) -> list[DataLoader]:
        """The splits in `scored`, none augmented: the final figures are computed from these."""
        return [self.loader(split) for split in self.scored]

    def loader(self, split: str, batch_size: int | None = None, **options: Any) -> DataLoader:
        """Batches of a split. Moves the whole split to the trainer's device, once.

        options: further arguments of `Batches`. Raises UserError where training has fewer than two images a process.
        """
        rank, world_size, kind = 0, 1, Batches
        trainer: Any = self.trainer
        if trainer is not None:
            kind = RepeatedBatches if trainer.overfit_batches else Batches
            rank, world_size = trainer.global_rank, trainer.world_size
            self.splits[split] = self._split(split).to(trainer.strategy.root_device)
        part = self._split(split)
        if options.get("shuffle") and len(part) < 2 * world_size:
            raise UserError(f"{len(part)} training images for {world_size} processes; use fewer, or more images")
        batches = kind(
            len(part),
            batch_size or self.hparams["eval_batch_size"],
            seed=self.hparams["seed"],
            rank=rank,
            world_size=world_size,
            **options,
        )
        return DataLoader(part.for_training() if batches.shuffle else part, sampler=batches, batch_size=None)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augments and resizes training batches on their device.

        Sets the step's seed just before augmentation and forward pass, so that neither depends on earlier draws. What
        is no batch of this module, such as the example of a model summary, is returned as it is.
        """
        if not isinstance(batch, Batch):
            return batch
        images, labels = batch
        trainer: Any = self.trainer
        if trainer.training:
            torch.manual_seed(batch.seed)
            with torch.no_grad():
                images, labels = self.augmentation(images, labels)
                images = self.resizing(images, trainer.current_epoch)
        return Batch(images, labels, batch.rows, batch.seed, batch.weight)
