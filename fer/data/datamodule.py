"""FERDataModule: reads a source, picks classes, splits, and loads whole batches as slices of one tensor."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from fer.augment import Augment
from fer.data import official, splits
from fer.data.faces import Faces
from fer.data.ferplus import relabelled
from fer.data.resizing import Resizing
from fer.data.sources import checked, read_faces
from fer.data.splits import SPLITS
from fer.errors import UserError
from fer.pictures import MAX_PIXELS

STATISTICS = {"half": (0.5, 0.5), "unit": (0.0, 1.0)}
CHOICES = {
    "roles": ("official", "folders", None),
    "normalize": ("train", *STATISTICS),
    "balance": ("none", "sampler"),
}
PLACES = ("root", "held_out", "votes_file")


class Split(Dataset):
    """The faces of one split. Indexed with a batch (rows, seed, weight): images, labels, rows, seed, weight."""

    def __init__(self, images: Tensor, labels: Tensor, ids: np.ndarray, targets: Tensor | None = None):
        self.images = images  # (N, 1, 48, 48) uint8
        self.labels = labels  # (N,) int64
        self.ids = ids  # (N,) str
        self.targets = targets  # (N, C) float32: soft labels to train on

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, batch: tuple[Tensor, int, float]) -> tuple[Tensor, Tensor, Tensor, int, float]:
        rows, *rest = batch
        rows = rows.to(self.labels.device, non_blocking=True)
        return self.images[rows], self.labels[rows], rows, *rest

    def to(self, device: torch.device) -> "Split":
        targets = None if self.targets is None else self.targets.to(device)
        return Split(self.images.to(device), self.labels.to(device), self.ids, targets)

    def for_training(self) -> "Split":
        """The same faces with their soft labels, where there are some, in place of the hard ones."""
        return self if self.targets is None else Split(self.images, self.targets, self.ids)


class Batches(Sampler):
    """This rank's row numbers of every batch of an epoch, each with the seed of its step and its weight.

    Order and seeds follow from (seed, epoch, step, rank) alone, so a resumed run, a sweep and each process of a
    distributed run draw what they would have drawn in one piece. Rank r takes the rows r, r + world_size, … of each
    global batch. The weight is this rank's share of the step's images, 1 where all ranks have the same: losses that are
    means over a rank's images need it to average to the mean over all.
    `weights` (one a row) draws with replacement in proportion to them; without `shuffle` rows come in order. A last
    training batch that would leave a rank fewer than two images joins the one before, since BatchNorm has no variance
    to estimate from one. An epoch that was stopped midway is finished from step `start`; the next is whole again.
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
        """(N,) int64: the rows of this epoch, over all ranks."""
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


def derived_seed(*numbers: int) -> int:
    """A 63-bit seed from several integers; other integers, or more of them, give another seed."""
    digest = hashlib.blake2b(repr([int(number) for number in numbers]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class FERDataModule(pl.LightningDataModule):
    """Faces in three splits.

    Batches are (images, labels, rows, weight): images (B, 1, 48, 48), uint8 in 0–255 or, augmented, float32 in [0, 1];
    labels (B,) int64 or, soft or mixed in training, (B, C) float32; rows (B,) int64 into `splits[name].ids`; weight see
    `Batches`.

    source: "auto", "fer2013", "folder" or "synthetic"; root: path(s) for the first three, see `read_faces`, as for
    numbers and max_bytes.
    held_out: path(s) whose validation and test images take the place of the source's own.
    drop_train_copies: leaves out training images that are pixel-identical to a held-out one; drop_held_out_copies:
    held-out images that are exact or near copies of a training image.
    votes, votes_file: FER+ labels, see `relabelled`; "soft" ones are for training, evaluation meets hard ones.
    roles, val_fraction, test_fraction: see `assign_roles`. split_seed: for cuts and subsets, apart from `seed`, so
    that runs over several seeds see the same images. limit, per_class: see `limited` and `balanced_subset`.
    on_bad_row: "error" or "skip" for rows and pictures that cannot be used; max_pixels: the largest picture read.
    normalize: "train" (mean and standard deviation of the training pixels), "half" (0.5, 0.5) or "unit" (0, 1).
    balance: "none", or "sampler" to draw every class equally often. progressive_resizing: see `Resizing`. Raises
    UserError for data that cannot be used.
    """

    def __init__(
        self,
        source: str = "auto",
        root: str | Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        merge: Mapping[str, str] | None = None,
        numbers: str | Mapping[int, str | None] | None = None,
        votes: str = "none",
        votes_file: str | None = None,
        roles: str | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        held_out: str | Sequence[str] | None = None,
        drop_train_copies: bool = False,
        drop_held_out_copies: bool = False,
        per_class: Mapping[str, int | None] | None = None,
        limit: int | None = None,
        on_bad_row: str = "error",
        max_pixels: int = MAX_PIXELS,
        max_bytes: Mapping[str, int] | None = None,
        normalize: str = "train",
        balance: str = "none",
        batch_size: int = 64,
        eval_batch_size: int = 128,
        augment: Mapping[str, Any] | None = None,
        progressive_resizing: Mapping[int, int] | None = None,
        synthetic: Mapping[str, Any] | None = None,
        split_seed: int = 0,
        seed: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.resizing = Resizing(progressive_resizing)
        self.splits: dict[str, Split] = {}
        self.scored = SPLITS

    def setup(self, stage: str | None = None) -> None:
        """Reads and splits once; later calls return at once."""
        if self.splits:
            return
        options = self.hparams
        self._check()
        faces = self._faces()
        rows, self.official = self._rows(faces)
        self.official = self.official and not self.departures
        notes = [f"not FER2013's official split: {', '.join(self.departures)}"] if self.departures else []
        self.warnings = [*faces.notes, *notes, *splits.check(faces, rows)]
        self.layout, self.sources, self.fingerprint = faces.layout, faces.sources, faces.fingerprint
        self.classes = faces.classes
        self.splits = {split: _tensors(faces, rows[split]) for split in SPLITS}
        if faces.targets is not None:
            self.splits["train"].targets = torch.from_numpy(faces.targets[rows["train"]])
        self.counts = {split: class_counts(part.labels, faces.classes) for split, part in self.splits.items()}
        self.mean, self.std = STATISTICS.get(options.normalize) or pixel_statistics(self.splits["train"].images)
        self.augmentation: nn.Module = Augment(num_classes=len(self.classes), **(options.augment or {}))

    def _check(self) -> None:
        """Raises UserError for a choice that does not exist and for a place that is empty."""
        for name, choices in CHOICES.items():
            checked(f"data.{name}", self.hparams[name], choices)
        for name in PLACES:
            value = self.hparams[name]
            paths = value if isinstance(value, list | tuple) else [value]
            if not paths or "" in paths:
                raise UserError(f"data.{name} is empty; is a variable in it unset? Give a path, or null for none")

    def _read(self, source: str, root: str | Sequence[str] | None) -> tuple[Faces, str]:
        options = self.hparams
        faces, origin = read_faces(
            source,
            root,
            options.on_bad_row,
            options.synthetic,
            max_pixels=options.max_pixels,
            numbers=options.numbers,
            max_bytes=options.max_bytes,
        )
        return faces, origin

    def _faces(self) -> Faces:
        """All faces of the chosen classes; those of `held_out` in the place of what the source itself holds out."""
        options = self.hparams
        faces, self.origin = self._read(options.source, options.root)
        own, others = faces, None
        if options.source != "folder":
            faces = splits.without_contempt(faces, options.classes, options.merge)
        faces = relabelled(faces, options.votes, options.votes_file, options.on_bad_row)
        if options.votes != "none":
            self.origin += f" with FER+ labels ({options.votes})"
        faces = splits.choose_classes(faces, options.classes, options.merge)
        if options.held_out is not None:
            faces, others = self._with_held_out(faces)
        by_usage = splits.role_of(faces, options.roles)[1]
        self.departures = official.departures(own, others) if by_usage else []
        return faces

    def _with_held_out(self, faces: Faces) -> tuple[Faces, Faces]:
        """`faces` with the validation and test images of `held_out`, and all that was read there."""
        options = self.hparams
        if options.votes != "none":
            raise UserError("data.held_out has no FER+ labels; leave out one of data.held_out, labels.votes")
        others, origin = self._read("auto" if options.source == "synthetic" else options.source, options.held_out)
        self.origin += f", validated and tested on {origin}"
        chosen = others
        if options.source != "folder":
            chosen = splits.without_contempt(chosen, options.classes, options.merge)
        chosen = splits.choose_classes(chosen, options.classes, options.merge)
        return splits.with_held_out(faces, chosen, options.roles), others

    def _rows(self, faces: Faces) -> tuple[splits.Rows, bool]:
        options, seed = self.hparams, self.hparams.split_seed
        rows, official = splits.assign_roles(faces, options.roles, options.val_fraction, options.test_fraction, seed)
        if options.drop_train_copies:
            rows = splits.without_copies(faces, rows)
        for split, per_class in (options.per_class or {}).items():
            if per_class:
                rows[split] = splits.balanced_subset(faces, rows[split], per_class, split, seed)
        if options.limit:
            rows = {split: splits.limited(faces, mine, options.limit, split, seed) for split, mine in rows.items()}
        if options.drop_held_out_copies:
            rows = splits.without_seen(faces, rows)
        return rows, official

    @property
    def class_counts(self) -> list[int]:
        """Training images of each class, in the order of `classes`."""
        return list(self.counts["train"].values())

    def train_dataloader(self) -> DataLoader:
        options, weights = self.hparams, None
        if options.balance == "sampler":
            weights = 1 / torch.tensor(self.class_counts, dtype=torch.float64)[self.splits["train"].labels.cpu()]
        return self.loader("train", options.batch_size, shuffle=True, weights=weights)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val")

    def test_dataloader(self) -> DataLoader:
        return self.loader("test")

    def predict_dataloader(self) -> list[DataLoader]:
        """The splits in `scored`, all unless told otherwise, none augmented: what final figures are computed from."""
        return [self.loader(split) for split in self.scored]

    def loader(self, split: str, batch_size: int | None = None, **options: Any) -> DataLoader:
        """Batches of a split, in order unless told otherwise. The whole split moves to the trainer's device once."""
        rank, world_size = 0, 1
        if self.trainer is not None:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
            self.splits[split] = self.splits[split].to(self.trainer.strategy.root_device)
        part = self.splits[split]
        if options.get("shuffle") and len(part) < 2 * world_size:
            raise UserError(f"{len(part)} training images for {world_size} processes; use fewer, or more images")
        batches = Batches(
            len(part),
            batch_size or self.hparams.eval_batch_size,
            seed=self.hparams.seed,
            rank=rank,
            world_size=world_size,
            **options,
        )
        return DataLoader(part.for_training() if batches.shuffle else part, sampler=batches, batch_size=None)

    def on_after_batch_transfer(self, batch: tuple, dataloader_idx: int) -> tuple[Tensor, Tensor, Tensor, float]:
        """Augments and resizes training batches on their device. The step's seed is set here, just before augmentation
        and the forward pass, so that neither depends on what was drawn before."""
        images, labels, rows, seed, weight = batch
        if self.trainer.training:
            torch.manual_seed(seed)
            with torch.no_grad():
                images, labels = self.augmentation(images, labels)
                images = self.resizing(images, self.trainer.current_epoch)
        return images, labels, rows, weight

    def description(self) -> dict[str, Any]:
        """What metrics.json and the first lines of a run say about the data."""
        return {
            "origin": self.origin,
            "layout": self.layout,
            "path": list(self.sources),
            "official_split": self.official,
            "counts": self.counts,
            "fingerprint": self.fingerprint,
            "mean": self.mean,
            "std": self.std,
            "notes": self.warnings,
        }


def _tensors(faces: Faces, rows: np.ndarray) -> Split:
    return Split(torch.from_numpy(faces.images[rows])[:, None], torch.from_numpy(faces.labels[rows]), faces.ids[rows])


def class_counts(labels: Tensor, classes: Sequence[str]) -> dict[str, int]:
    return dict(zip(classes, torch.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def pixel_statistics(images: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of all pixels of uint8 `images`, in [0, 1] units; exact, by their histogram."""
    chunks = images.split(1024)  # bincount makes int64 of what it counts
    histogram = sum(torch.bincount(chunk.flatten(), minlength=256) for chunk in chunks).double()
    values, total = torch.arange(256, dtype=torch.float64), histogram.sum()
    mean = (histogram * values).sum() / total
    variance = (histogram * (values - mean) ** 2).sum() / total
    return mean.item() / 255, variance.sqrt().item() / 255
