"""Slices one split into whole batches, in an order that follows from seed, epoch, step and rank."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, SequentialSampler


class Batch:
    """A batch of faces, which unpacks into its two fields: `images, labels = batch`.

    images: (B, 1, 48, 48), uint8 in 0–255 or float32 in [0, 1]. labels: (B,) int64 or (B, C) float32. rows: (B,) int64,
    of the split. seed, weight: see `Batches`. It is no tuple, because DistributedDataParallel takes tuples apart.
    """

    def __init__(self, images: Tensor, labels: Tensor, rows: Tensor, seed: int = 0, weight: float = 1.0):
        self.images, self.labels, self.rows, self.seed, self.weight = images, labels, rows, seed, weight

    def to(self, device: torch.device, non_blocking: bool = False) -> "Batch":
        parts = (self.images, self.labels, self.rows)
        images, labels, rows = (part.to(device, non_blocking=non_blocking) for part in parts)
        return Batch(images, labels, rows, self.seed, self.weight)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.images, self.labels))

    def __getitem__(self, index: int) -> Tensor:
        return (self.images, self.labels)[index]

    def __len__(self) -> int:
        return 2


class Split(Dataset):
    """The faces of one split. The item (rows, seed, weight) is a Batch.

    The item of an integer is one face: image (1, 48, 48) uint8, label.
    """

    def __init__(self, images: Tensor, labels: Tensor, ids: np.ndarray, targets: Tensor | None = None):
        self.images = images  # (N, 1, 48, 48) uint8
        self.labels = labels  # (N,) int64
        self.ids = ids  # (N,) str
        self.targets = targets  # (N, C) float32: soft labels to train on

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, batch: tuple[Tensor, int, float] | int) -> Batch | tuple[Tensor, int]:
        if isinstance(batch, int):
            return self.images[batch], int(self.labels[batch])
        rows, seed, weight = batch
        rows = rows.to(self.labels.device, non_blocking=True)
        return Batch(self.images[rows], self.labels[rows], rows, seed, weight)

    def to(self, device: torch.device) -> "Split":
        targets = None if self.targets is None else self.targets.to(device)
        return Split(self.images.to(device), self.labels.to(device), self.ids, targets)

    def for_training(self) -> "Split":
        """The same faces with the soft labels, if there are any, in place of the hard ones."""
        return self if self.targets is None else Split(self.images, self.targets, self.ids)


class Batches(Sampler):
    """Yields (rows, seed of the step, weight) for every batch of this rank in an epoch.

    Order and seeds follow from (seed, epoch, step, rank) alone, so that a resumed run draws what an uninterrupted one
    draws. Rank r takes the rows r, r + world_size, … of each global batch. The weight is the rank's number of images
    over the mean of all ranks: losses that are means over a rank's images, times the weight, average to the mean over
    all images.

    size: rows of the split. batch_size: rows a rank and step. shuffle: for training; without it rows come in order.
    weights: (size,); draws rows with replacement in proportion to them. A last training batch that would leave a rank
        fewer than two images joins the batch before, since BatchNorm cannot estimate a variance from one image.

    An epoch starts at step `start`, which is 0 again for the next epoch.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        shuffle: bool = False,
        weights: Tensor | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.size, self.batch_size, self.shuffle, self.weights = size, batch_size, shuffle, weights
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.epoch = self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def order(self) -> Tensor:
        """Returns the rows of this epoch over all ranks, (N,) int64."""
        generator = torch.Generator().manual_seed(derived_seed(self.seed, self.epoch))
        if self.weights is not None:
            return torch.multinomial(self.weights, self.size, replacement=True, generator=generator)
        return torch.randperm(self.size, generator=generator) if self.shuffle else torch.arange(self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, int, float]]:
        first, self.start = self.start, 0
        order, size = self.order(), self.batch_size * self.world_size
        for step in range(first, len(self)):
            everyone = order[step * size : self.size if step + 1 == len(self) else (step + 1) * size]
            rows = everyone[self.rank :: self.world_size]
            seed = derived_seed(self.seed, self.epoch, step, self.rank)
            yield rows, seed, len(rows) * self.world_size / len(everyone)

    def __len__(self) -> int:
        if not self.shuffle:
            return len(range(self.rank, self.size, self.world_size * self.batch_size))
        whole, left = divmod(self.size, self.batch_size * self.world_size)
        return max(1, whole + (left >= 2 * self.world_size))


class RepeatedBatches(Batches, SequentialSampler):
    """The same batches and augmentation in every epoch, for `trainer.overfit_batches`.

    It is a SequentialSampler because Lightning replaces every other sampler there.
    """

    def set_epoch(self, epoch: int) -> None:
        pass


def derived_seed(*numbers: int) -> int:
    """Returns a 63-bit seed made of several integers; different tuples give different seeds."""
    digest = hashlib.blake2b(repr([int(number) for number in numbers]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
