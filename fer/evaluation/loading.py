"""Loads a classifier together with the data on which it is evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fer import checkpoint
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule, Split
from fer.errors import UserError
from fer.evaluation import predictions, tta
from fer.evaluation.images import read_data
from fer.evaluation.other_data import OtherData
from fer.evaluation.predictions import Predictions
from fer.losses import log_prior


@dataclass(frozen=True)
class ClassifierWithData:
    """A classifier and the data set on which it is evaluated.

    classes: the classes to decide among, some or all of those of the network. tta: a key of `fer.tta.VIEWS`.
    logit_adjustment: τ; τ times the log prior of each class is subtracted from its logit.
    """

    classifier: Classifier
    datamodule: FERDataModule
    classes: tuple[str, ...]
    tta: str = "none"
    logit_adjustment: float = 0.0

    @property
    def other_data(self) -> OtherData | None:
        """The data module where --data names the data."""
        return self.datamodule if isinstance(self.datamodule, OtherData) else None

    def split(self, name: str) -> Split:
        """Returns the images of a split, with labels numbered as in the classifier."""
        part = self.datamodule.splits[name]
        codes = torch.tensor([self.classifier.classes.index(label) for label in self.datamodule.classes])
        return Split(part.images, codes[part.labels], part.ids)

    def logits(self, name: str) -> Tensor:
        """Returns (N, C) float32 for all classes of the classifier; -inf for those not in `classes`."""
        logits = tta.predict(self.classifier, self.split(name), self.tta)
        if self.logit_adjustment:
            logits -= self.logit_adjustment * log_prior(self.classifier.hparams["class_counts"])
        masked = [index for index, label in enumerate(self.classifier.classes) if label not in self.classes]
        logits[:, masked] = -torch.inf
        return logits

    def predictions(self, name: str, logits: Tensor) -> Predictions:
        """Returns the predictions of the split that follow from its `logits`."""
        part = self.datamodule.splits[name]
        columns = [self.classifier.classes.index(label) for label in self.classes]
        return predictions.from_logits(part.ids, part.labels.numpy(), logits[:, columns].numpy(), self.classes)


def load_classifier(
    path: Path,
    root: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    tta: str | None = None,
    numbers: Any = None,
    logit_adjustment: float = 0.0,
    typed: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> ClassifierWithData:
    """Loads the classifier of a checkpoint, and the data in `root`, by default the data it was trained on.

    classes: those to decide among, all by default; tta: by default the classifier's own setting; logit_adjustment: see
    `ClassifierWithData`; numbers, typed, everything: of the data in `root`, see `read_data`. Raises UserError for a
    file that is not a checkpoint of this package, and for data without any of its classes.
    """
    classifier = checkpoint.load(path)
    classes = tuple(predictions.require_classes(classes or classifier.classes, classifier.classes))
    if logit_adjustment and 0 in classifier.hparams["class_counts"]:
        raise UserError(f"{path}: --logit-adjustment needs training images of every class")
    options = (classifier.hparams.get("experiment") or {}).get("data")
    if options is None and root is None:
        raise UserError(f"{path} does not say which data it was trained on; name some with --data PATH")
    try:
        datamodule = read_data(options or {}, root, classes, numbers, typed, everything)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    used = tta or classifier.hparams["tta"]
    return ClassifierWithData(classifier.to(device), datamodule, classes, used, logit_adjustment)
