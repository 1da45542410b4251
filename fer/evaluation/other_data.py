"""Reads the data set that --data names, which may be another one than the network was trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer.counting import counted
from fer.data import official, splits
from fer.data.class_names import UnknownClass
from fer.data.datamodule import FERDataModule
from fer.data.faces import Faces
from fer.data.ferplus import relabelled
from fer.errors import UserError
from fer.evaluation.matching import counterparts, matched, sentences
from fer.evaluation.options import ALL

KEPT = ("on_bad_row", "max_pixels", "max_bytes", "merge", "votes", "votes_file", "roles", "val_fraction")
KEPT += ("test_fraction", "split_seed")
"""Arguments of FERDataModule that are taken from the training; others describe its own data set."""

OF_TRAINING = ("held_out", "fold", "soft", "soft_weight")
OF_SPLITS = ("per_class", "drop_train_copies", "drop_held_out_copies")


class OtherData(FERDataModule):
    """Splits of a data set with the classes of a network, `hparams.classes`.

    Classes are matched by name; faces whose class has no counterpart are left out, and classes of the network may be
    without images. Nothing is cut off where the data have no training images.

    everything: adds a split "all", and leaves the others empty. left_out: class of the data -> images left out.
    absent: classes without images. remarks: sentences on these. is_fer2013: whether they are FER2013, with its splits.
    """

    everything = False
    is_fer2013 = False
    left_out: Mapping[str, int]
    remarks: Sequence[str]

    @property
    def absent(self) -> list[str]:
        labels = np.concatenate([part.labels.numpy() for part in self.splits.values()])
        return [name for code, name in enumerate(self.classes) if code not in labels]

    def _faces(self) -> Faces:
        options: Any = self.hparams
        faces, self.origin = self._first_with_classes()
        try:
            faces = relabelled(faces, options.votes, options.votes_file, options.on_bad_row)
        except UserError as error:
            faces = faces.noting([f"labels of the data themselves, not FER+ votes as in training ({error})"])
        self.is_fer2013 = splits.role_of(faces, options.roles)[1] and self.origin == "FER2013"
        self.departures = official.departures(faces) if self.is_fer2013 else []
        faces, self.left_out = matched(faces, options.classes, options.merge)
        return faces

    def _first_with_classes(self) -> tuple[Faces, str]:
        """Returns the faces as FER2013's emotions or as own classes, whichever the network's classes are found in."""
        options: Any = self.hparams
        if options.source not in ("auto", "folder"):
            return self._read(options.source, options.root, options.labels)
        if options.source == "folder":
            try:
                faces, origin = self._read("folder", options.root, options.labels)
                if any(counterparts(faces.classes, options.classes, options.merge).values()):
                    return faces, origin
            except UserError:
                pass
            return self._read("auto", options.root, options.labels)
        try:
            return self._read("auto", options.root, options.labels)
        except UnknownClass:  # it is left out, and counted
            return self._read("folder", options.root, options.labels)

    def _assigned(self, faces: Faces) -> tuple[splits.Rows, bool]:
        role, official = splits.role_of(faces, self.hparams["roles"])
        rows = {split: np.flatnonzero(role == index) for index, split in enumerate(splits.SPLITS)}
        if self.everything:
            return {"train": rows["train"][:0], ALL: np.arange(len(faces))}, False
        return super()._assigned(faces) if len(rows["train"]) else (rows, official)

    def _remarks(self, faces: Faces, rows: splits.Rows) -> list[str]:
        role = splits.role_of(faces, self.hparams["roles"])[0]
        absent = [name for code, name in enumerate(faces.classes) if code not in faces.labels]
        several = not self.everything and len(np.unique(role)) > 1
        remarks = sentences(self.left_out, absent, faces.classes, several)
        if not self.everything and (role == 0).any() and not (role == 1).any():
            others = (
                "--split test and --split all evaluate others"
                if (role == 2).any()
                else "--split all evaluates every image"
            )
            cut = counted(len(rows["val"]), "image was", "images were")
            remarks.append(f"The data have no validation split: {cut} cut off; {others}.")
        self.remarks = remarks
        return remarks


def read_other(
    options: Mapping[str, Any],
    root: Sequence[str] | None,
    classes: Sequence[str] | None,
    typed: Mapping[str, Any],
    everything: bool = False,
) -> FERDataModule:
    """Returns the module of the data in `root`, which reads them at its setup.

    options: arguments of FERDataModule in the training, of which KEPT are used. classes: those of the network; None
    takes all classes of the data, as they are. typed: arguments of FERDataModule that replace others. Raises UserError
    for those that only a training has, and with `everything` for those that need splits.
    """
    for name in typed:
        if name in OF_TRAINING or (everything and name in OF_SPLITS):
            reason = "goes with splits, not with --split all" if name in OF_SPLITS else "belongs to a training"
            group = "labels" if name.startswith("soft") else "data"
            raise UserError(f"{group}.{name} {reason}; leave it out")
    kept = {name: value for name, value in options.items() if name in KEPT}
    source = "folder" if options.get("source") == "folder" else "auto"
    kept |= {"source": source, "root": list(root) if root else None, "normalize": "unit", **typed}
    if classes is None:
        return FERDataModule(**kept)
    datamodule = OtherData(classes=list(classes), **kept)
    datamodule.everything = everything
    return datamodule
