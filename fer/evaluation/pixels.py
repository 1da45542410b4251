"""Finds the network and the images that predictions came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fer import checkpoint
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule, Split
from fer.errors import UserError
from fer.evaluation import predictions, tta
from fer.evaluation.predictions import Predictions
from fer.losses import log_prior

FLAGS = {
    "labels.classes: no class": "no class",
    "labels.classes=": "--labels=",
    "data.root=[PATH,…]": "--data PATH, once for each",
    "data.root": "--data",
    "; data=synthetic needs no download": "",
    "labels.numbers": "--numbers",
    ", or raise the limit with data.max_bytes.file=BYTES": "",
    ", or raise the limit with data.max_bytes.total=BYTES": "",
}
"""Options as the data module's messages name them -> as `fer.evaluate` names them."""


@dataclass(frozen=True)
class Pixels:
    """Images in splits and perhaps the classifier that is asked about them, among `classes` alone."""

    datamodule: FERDataModule
    classes: tuple[str, ...]
    classifier: Classifier | None = None
    tta: str = "none"
    logit_adjustment: float = 0.0  # τ: τ·log prior is subtracted from the logits

    def split(self, name: str) -> Split:
        """Returns the images of a split, with labels numbered as in the classifier."""
        part = self.datamodule.splits[name]
        number = torch.tensor([self.classifier.classes.index(label) for label in self.datamodule.classes])
        return Split(part.images, number[part.labels], part.ids)

    def logits(self, name: str) -> Tensor:
        """Returns (N, C) float32 for all classes of the classifier; -inf for those not in `classes`."""
        logits = tta.predict(self.classifier, self.split(name), self.tta)
        if self.logit_adjustment:
            logits -= self.logit_adjustment * log_prior(self.classifier.hparams.class_counts)
        masked = [index for index, label in enumerate(self.classifier.classes) if label not in self.classes]
        logits[:, masked] = -torch.inf
        return logits

    def predict(self, name: str, logits: Tensor) -> Predictions:
        """Returns the predictions of the split that follow from its `logits`."""
        part, columns = self.datamodule.splits[name], [self.classifier.classes.index(label) for label in self.classes]
        return predictions.from_logits(part.ids, part.labels.numpy(), logits[:, columns].numpy(), self.classes)


def from_checkpoint(
    path: Path,
    root: Sequence[str] | None,
    classes: Sequence[str] | None,
    views: str | None,
    numbers: Any = None,
    logit_adjustment: float = 0.0,
) -> Pixels:
    """Loads the classifier of a checkpoint and the data in `root`, by default those of its own experiment.

    classes: those to tell apart, all by default; views: test-time augmentation, the classifier's own by default;
    numbers: what class folders that are numbers stand for, as in the experiment by default;
    logit_adjustment: see `Pixels`.
    Raises UserError for a file that is not a checkpoint of this package, and for data without its classes.
    """
    classifier = checkpoint.load(path)
    classes = tuple(predictions.require_classes(classes or classifier.classes, classifier.classes))
    if logit_adjustment and 0 in classifier.hparams.class_counts:
        raise UserError(f"{path}: --logit-adjustment needs training images of every class")
    options = (classifier.hparams.get("experiment") or {}).get("data")
    if options is None and root is None:
        raise UserError(f"{path} does not say which data it was trained on; name some with --data PATH")
    try:
        datamodule = read_data(options or {}, root, classes, numbers)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    return Pixels(datamodule, classes, classifier.to(device), views or classifier.hparams.tta, logit_adjustment)


def read_data(
    options: Mapping[str, Any], root: Sequence[str] | None, classes: Sequence[str] | None, numbers: Any = None
) -> FERDataModule:
    """Returns the data module of an experiment, set up; `root`, `classes` and `numbers` override its own.

    Raises UserError, naming the options of this command, if data cannot be read or lack one of `classes`.
    """
    options = {name: value for name, value in options.items() if not name.startswith("_")}
    options |= {"classes": classes and list(classes), "augment": None, "soft": None}
    if numbers is not None:
        options["numbers"] = numbers
    if root:
        named = options.get("source", "auto")
        options |= {"root": list(root), "source": "auto" if named == "synthetic" else named, "fold": None}
    try:
        datamodule = FERDataModule(**options)
        datamodule.setup()
    except TypeError as error:
        raise UserError(f"its experiment names an option of the data that this code lacks ({error})") from error
    except UserError as error:
        text = str(error)
        for theirs, ours in FLAGS.items():
            text = text.replace(theirs, ours)
        raise UserError(text) from error
    return datamodule


def faces(datamodule: FERDataModule, ids: np.ndarray) -> np.ndarray:
    """Returns the (N, 48, 48) uint8 images with `ids`, from any split. Raises UserError if one is missing."""
    import pandas as pd

    all_ids = np.concatenate([part.ids for part in datamodule.splits.values()])
    rows = pd.Index(all_ids).get_indexer(ids)
    if (rows < 0).any():
        place = ", ".join(datamodule.sources)
        raise UserError(
            f"{place} lacks {(rows < 0).sum():,} of the {len(ids):,} images that were predicted, {ids[rows < 0][0]} "
            "among them; name the data of the predictions with --data PATH"
        )
    images = torch.cat([part.images for part in datamodule.splits.values()])
    return images[torch.from_numpy(rows), 0].numpy()
