"""Pictures in a folder per class, with or without train/validation/test above -> `Faces`."""

import io
import re
from collections import Counter
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from rich.progress import track

from fer.data.emotions import EMOTIONS, USAGES, emotion_of
from fer.data.faces import SIZE, Faces
from fer.data.files import Files
from fer.errors import UserError
from fer.preprocess import to_face

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
ROLES = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev", "publictest"), 1),
    **dict.fromkeys(("test", "testing", "privatetest"), 2),
}
OFFICIAL_NAME = re.compile(rf"({'|'.join(USAGES)})_\d+$")
MANY = 2000  # pictures from which on a progress bar is worth its line


class NothingFound(UserError):
    """The place exists but holds nothing that can be read as faces."""


def image_names(files: Files) -> list[str]:
    return [name for name in files.names if name.lower().endswith(PICTURES)]


def known_class(name: str) -> str | None:
    """The emotion that the folder around the picture `name` stands for, or None."""
    return emotion_of(PurePosixPath(name).parent.name)


def read_folders(files: Files, names: list[str], on_bad_row: str = "error", own_classes: bool = False) -> Faces:
    """The pictures `names`, labelled by the folder around them.

    FER2013's classes and order, or with `own_classes` the folders' names (in any case, sorted). The role is that of
    the nearest folder above called train, validation, test or the like; the official one is read off file names such
    as `PublicTest_123.jpg`. Raises UserError for an unknown class folder or, unless `on_bad_row` is "skip", an
    unreadable picture.
    """
    inside = [name for name in names if len(PurePosixPath(name).parts) > 1]
    classes = _own_classes(inside) if own_classes else EMOTIONS
    code = {name.casefold(): index for index, name in enumerate(classes)}
    if not own_classes:
        _refuse_unknown(files, inside)
    images, kept, bad = [], [], 0
    for name, data in track(
        files.read(inside), f"reading {files.root}", len(inside), transient=True, disable=len(inside) < MANY
    ):
        try:
            images.append(to_face(Image.open(io.BytesIO(data))))
            kept.append(PurePosixPath(name))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if on_bad_row != "skip":
                fix = "replace or remove it, or drop such pictures with data.on_bad_row=skip"
                raise UserError(f"{files.path(name)}: unreadable picture ({str(error)[:80]}); {fix}") from error
            bad += 1
    notes = [f"{files.root}: {bad} unreadable pictures skipped"] * bool(bad)
    notes += [f"{files.root}: {len(names) - len(inside)} pictures outside of class folders not used"] * (
        len(inside) < len(names)
    )
    label = [code[(path.parent.name if own_classes else known_class(str(path))).casefold()] for path in kept]
    return Faces(
        images=np.array(images, dtype=np.uint8).reshape(-1, SIZE, SIZE),
        labels=np.array(label, dtype=np.int64),
        usage=np.array([_usage(path.stem) for path in kept], dtype=np.int8),
        folder=np.array([_role(path, files.root.name) for path in kept], dtype=np.int8),
        ids=np.array([path.stem if _usage(path.stem) >= 0 else str(path.with_suffix("")) for path in kept], dtype=str),
        classes=classes,
        layout="class folders",
        sources=(str(files.root),),
        notes=tuple(notes),
    )


def _own_classes(names: list[str]) -> tuple[str, ...]:
    spelled = {}
    for name in names:
        folder = PurePosixPath(name).parent.name
        spelled.setdefault(folder.casefold(), folder)
    return tuple(spelled[key] for key in sorted(spelled))


def _refuse_unknown(files: Files, names: list[str]) -> None:
    unknown = Counter(str(PurePosixPath(name).parent) for name in names if not known_class(name))
    for folder, count in unknown.items():
        raise UserError(
            f"{files.path(folder)}: unknown class folder ({count} pictures); known: {', '.join(EMOTIONS)} and their "
            "usual aliases. Rename or remove it, or train on your own classes with data=folder"
        )


def _usage(stem: str) -> int:
    match = OFFICIAL_NAME.match(stem)
    return USAGES.index(match[1]) if match else -1


def _role(path: PurePosixPath, root: str) -> int:
    """The role of the nearest folder above the class folder, the root's own name included; -1 without."""
    above = [root, *path.parent.parts[:-1]]
    return next((ROLES[part.casefold()] for part in reversed(above) if part.casefold() in ROLES), -1)
