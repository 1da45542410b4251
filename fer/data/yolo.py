"""Reads pictures whose faces are marked by boxes as YOLO has them."""

from typing import Any

import yaml

from fer.data.decoding import Box
from fer.data.emotions import emotion_of
from fer.data.files import Files
from fer.data.list_files import listing_of, named
from fer.data.listings import Listing, entry_of
from fer.data.places import image_names
from fer.data.reading import brief
from fer.errors import UserError

NAMES = r"classes\.txt|obj\.names|_darknet\.labels"
"""Files with the name of a class in each line, as a pattern."""


def listing(files: Files) -> Listing | None:
    """Pictures with boxes as YOLO has them: `train/images/x.jpg`, `train/labels/x.txt` with rows such as
    `5 0.5 0.5 1 1`, or the text beside the picture; and data.yaml or classes.txt with the names of the classes, some of
    them emotions."""
    settings = named(files, r"(data|dataset|affectnet\w*)\.ya?ml") or named(files, NAMES)
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)} if settings else {}
    texts = {path: _picture(path, pictures) for path in files.names if path.endswith(".txt")}
    tables = {path: picture for path, picture in texts.items() if picture}
    classes = _yolo_names(files, settings[0]) if tables else {}
    if not any(map(emotion_of, classes.values())):
        return None
    entries = []
    for path, content in files.read(tables):
        for line in content.decode("utf-8", "replace").splitlines():
            row = line.split()
            if len(row) < 5 or row[0] not in classes:
                raise UserError(
                    f"{files.path(path)}: '{line[:40]}': expected CLASS X Y WIDTH HEIGHT, a class of {settings[0]}; "
                    "correct or remove the line"
                )
            x, y, width, height = map(float, row[1:5])
            box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2, fractions=True)
            entries.append(entry_of(tables[path], classes[row[0]], box))
    return listing_of(
        files, list(tables), "pictures with boxes (YOLO)", entries, f"classes and boxes as in {settings[0]}"
    )


def _picture(path: str, pictures: dict[str, str]) -> str | None:
    """Returns the picture whose boxes are in the text at `path`, or None."""
    above, labels, below = path.removesuffix(".txt").rpartition("labels/")
    return pictures.get(f"{above}images/{below}" if labels else below)


def _yolo_names(files: Files, path: str) -> dict[str, str]:
    """Returns number -> name of the classes; {} for a file without them. Raises UserError for no YAML."""
    _, content = next(iter(files.read([path])))
    if not path.lower().endswith(("yml", "yaml")):
        return {str(number): name.strip() for number, name in enumerate(content.decode("utf-8", "replace").split("\n"))}
    try:
        settings: Any = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise UserError(f"{files.path(path)}: not YAML ({brief(error)}); correct it or remove it") from error
    names = settings.get("names") if isinstance(settings, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    return {str(number): str(name) for number, name in names.items()} if isinstance(names, dict) else {}
