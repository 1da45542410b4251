"""FERDataModule: reads a source, picks classes, splits, and loads whole batches as slices of one tensor."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer.augment import Augment
from fer.data import arguments, class_choice, official, soft_labels, splits, subsets
from fer.data.batches import Split
from fer.data.faces import Faces
from fer.data.ferplus import relabelled
from fer.data.folds import FOLD
from fer.data.normalisation import FIXED, pixel_statistics
from fer.data.resizing import Resizing
from fer.data.sources import read_faces
from fer.data.splits import SPLITS
from fer.data.whole_batches import WholeBatches
from fer.errors import UserError
from fer.pictures import MAX_PIXELS

OWN_CLASSES = ("folder", "own")
"""Sources whose classes are the user's, not FER2013's."""
FROM_DATA = ("classes", "class_counts", "counts", "mean", "std", "origin", "layout", "sources", "fingerprint",
             "official", "warnings", "soft_digest", "augmentation")  # fmt: skip
"""Attributes that `setup` sets."""


class FERDataModule(WholeBatches):
    """Faces in three splits and, with `fold`, a fourth one called "fold".

    A Trainer gets batches that unpack as `images, labels = batch`, see `Batch`: images (B, 1, 48, 48), uint8 in 0–255
    or, augmented, float32 in [0, 1]; labels (B,) int64 or, soft or mixed in training, (B, C) float32; `batch.rows`
    points into `splits[name].ids`. `train_dataset`, `val_dataset` and `test_dataset` have single faces. The data is
    read at the first use of an attribute that depends on it. Raises UserError for data that cannot be used.

    source: "auto", "fer2013", "folder", "synthetic" or "own"; or a path, short for root=PATH.
    root: path(s). root, numbers, rename, labels, columns, reader, align and max_bytes go to `read_faces`.
    classes, merge: the classes to keep, in the order of the logits, and classes that count as another, see
        `choose_classes`.
    held_out: path(s) whose validation and test images replace the source's own.
    drop_train_copies: leaves out training images that are pixel-identical to a held-out image.
    drop_held_out_copies: leaves out held-out images that are exact or near copies of a training image.
    votes, votes_file: FER+ labels, see `relabelled`. Soft votes are training targets; evaluation uses hard labels.
    soft: table(s) of class probabilities of training images, see `read_teachers`. soft_weight: their share w of the
        training target, in [0, 1]: (1 - w)·label + w·probabilities.
    fold: "k/n" cuts the training split into n parts (see `parts`), trains on the others and evaluates part k as the
        split "fold"; the test split is not scored.
    roles, val_fraction, test_fraction: see `assign_roles`.
    split_seed: for cuts and subsets; apart from `seed`, so that runs of several seeds use the same images.
    limit, per_class: see `limited` and `balanced_subset`.
    on_bad_row: "error" or "skip" for rows and pictures that cannot be used. max_pixels: the largest picture read.
    normalize: "train" (mean and standard deviation of the training pixels), "half" (0.5, 0.5) or "unit" (0, 1).
    balance: "none", or "sampler" to draw every class equally often. progressive_resizing: see `Resizing`.
    augment: arguments of `Augment`; None for none. synthetic: of `synthetic_faces`. seed: of the order of the batches.
    """

    def __init__(
        self,
        source: str = "auto",
        root: str | Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        merge: Mapping[str, str] | None = None,
        numbers: str | Mapping[int, str | None] | None = None,
        rename: str | Mapping[str, str | None] | None = None,
        labels: str | None = None,
        columns: str | Mapping[str, str] | None = None,
        reader: str | None = None,
        align: bool | str = False,
        votes: str = "none",
        votes_file: str | None = None,
        soft: str | Sequence[str] | None = None,
        soft_weight: float = 0.5,
        fold: str | None = None,
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
        eval_batch_size: int = 64,
        augment: Mapping[str, Any] | None = None,
        progressive_resizing: Mapping[int, int] | None = None,
        synthetic: Mapping[str, Any] | None = None,
        split_seed: int = 0,
        seed: int = 0,
    ):
        super().__init__()
        if arguments.is_path(source):
            if root is not None:
                raise UserError(f"FERDataModule({source!r}, root={root!r}): two places; give one")
            source, root = "auto", str(source)
        self.save_hyperparameters(logger=False)
        self.resizing = Resizing(progressive_resizing)
        self.splits: dict[str, Split] = {}
        self.scored: tuple[str, ...] = (*SPLITS[:2], FOLD) if fold else SPLITS

    def setup(self, stage: str | None = None) -> None:
        """Reads and splits the data at the first call; later calls do nothing."""
        if self.splits:
            return
        options: Any = self.hparams
        arguments.check(options)
        soft = soft_labels.read_teachers(options.soft) if options.soft else None
        faces = self._faces()
        rows, self.official = self._assigned(faces)
        rows = subsets.chosen(faces, rows, options)
        departures = [*self.departures, *(subsets.reductions(options) if self.official else [])]
        self.official = self.official and not departures
        notes = [f"not FER2013's official split: {', '.join(departures)}"] if departures else []
        self.warnings = [*faces.notes, *notes, *self._remarks(faces, rows)]
        self.layout, self.sources, self.fingerprint = faces.layout, faces.sources, faces.fingerprint
        self.classes = faces.classes
        self.soft_digest = soft.digest if soft else None
        self.splits = {split: _tensors(faces, of_split) for split, of_split in rows.items()}
        targets = None if faces.targets is None else faces.targets[rows["train"]]
        if soft:
            targets, note = soft_labels.targets(faces.take(rows["train"]), soft, options.merge, options.soft_weight)
            self.warnings.append(note)
        self.splits["train"].targets = None if targets is None else torch.from_numpy(targets)
        self.counts = {split: class_counts(part.labels, faces.classes) for split, part in self.splits.items()}
        self.mean, self.std = FIXED.get(options.normalize) or pixel_statistics(self.splits["train"].images)
        self.augmentation: nn.Module = Augment(num_classes=len(self.classes), **(options.augment or {}))

    def _read(self, source: str, root: str | Sequence[str] | None, labels: str | None = None) -> tuple[Faces, str]:
        options: Any = self.hparams
        faces, origin = read_faces(
            source,
            root,
            options.on_bad_row,
            options.synthetic,
            max_pixels=options.max_pixels,
            numbers=options.numbers,
            max_bytes=options.max_bytes,
            rename=options.rename,
            columns=options.columns,
            labels=labels,
            reader=options.reader,
            align=options.align,
        )
        return faces, origin

    def _faces(self) -> Faces:
        """All faces of the chosen classes; those of `held_out` replace what the source itself holds out."""
        options: Any = self.hparams
        faces, self.origin = self._read(options.source, options.root, options.labels)
        own, others = faces, None
        if options.source not in OWN_CLASSES and options.votes == "none":
            faces = class_choice.without_contempt(faces, options.classes, options.merge)
        faces = relabelled(faces, options.votes, options.votes_file, options.on_bad_row)
        if options.votes != "none":
            self.origin += f" with FER+ labels ({options.votes})"
        faces = class_choice.choose_classes(faces, options.classes, options.merge)
        if options.held_out is not None:
            faces, others = self._with_held_out(faces)
        by_usage = splits.role_of(faces, options.roles)[1]
        self.departures = official.departures(own, others) if by_usage else []
        return faces

    def _with_held_out(self, faces: Faces) -> tuple[Faces, Faces]:
        """`faces` with the validation and test images of `held_out`, and all faces read from there."""
        options: Any = self.hparams
        if options.votes != "none":
            raise UserError("data.held_out has no FER+ labels; leave out one of data.held_out, labels.votes")
        others, origin = self._read("auto" if options.source == "synthetic" else options.source, options.held_out)
        self.origin += f", validated and tested on {origin}"
        chosen = others
        if options.source not in OWN_CLASSES:
            chosen = class_choice.without_contempt(chosen, options.classes, options.merge)
        chosen = class_choice.choose_classes(chosen, options.classes, options.merge)
        return splits.with_held_out(faces, chosen, options.roles), others

    def _assigned(self, faces: Faces) -> tuple[splits.Rows, bool]:
        """Returns the rows of each split before any is left out, and whether the source itself says the splits."""
        options: Any = self.hparams
        held_out = (options.val_fraction, options.test_fraction, options.split_seed)
        return splits.assign_roles(faces, options.roles, *held_out)

    def _remarks(self, faces: Faces, rows: splits.Rows) -> list[str]:
        """Returns warnings on the splits. Raises UserError for splits that cannot be used."""
        return splits.check(faces, rows)

    def __getattr__(self, name: str) -> Any:
        """Reads the data for an attribute that `setup` sets."""
        if name not in FROM_DATA or not self.__dict__.get("_hparams"):
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        self.setup()
        return self.__dict__[name]

    @property
    def identity(self) -> str:
        """The identity of all that is read for training: the fingerprint and, where there are any, the soft labels."""
        if self.soft_digest is None:
            return self.fingerprint
        return hashlib.sha256(f"{self.fingerprint}\n{self.soft_digest}".encode()).hexdigest()[:16]

    @property
    def class_counts(self) -> list[int]:
        """Training images of each class, in the order of `classes`."""
        return list(self.counts["train"].values())

    def description(self) -> dict[str, Any]:
        """Returns the facts on the data that metrics.json keeps and the first lines of a run print."""
        known = {} if self.soft_digest is None else {"soft_labels": self.soft_digest}
        return known | {
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
