"""Reads `data=own`: the faces that a function of the user's returns."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fer.build import BuildError, reason, resolve
from fer.data.faces import Faces
from fer.errors import Setting, UserError

OPTION = "data.reader"
EXAMPLE = Setting(OPTION, "mymodule.read")
ARRAYS = (
    *(
        ".npy",
        ".npz",
        ".h5",
        ".hdf5",
        ".mat",
        ".pkl",
        ".pickle",
        ".p",
        ".bin",
        ".pt",
        ".pth",
        ".tfrecord",
        ".tfrecords",
    ),
    *(".joblib", ".lmdb", ".mdb", ".feather", ".rec", ".beton"),
)
"""Suffixes of files of arrays or records."""
FOR_ARRAYS = "a function of yours reads it, data=own data.reader=mymodule.read: see fer/data/README.md"
Root = str | Sequence[str] | None


def read_with(reader: str, root: Root = None) -> Faces:
    """Returns the faces that the function at the import path `reader` returns for `root`.

    root: `data.root` as typed, with `~` expanded: a path, a list of paths, or None. The function is called whenever the
    data is read; only its result counts for the fingerprint. Raises UserError, in one line, for a function that does
    not exist or fails, and for a result that is no valid `Faces`.
    """
    name = f"{OPTION}={reader}"
    try:
        function = resolve(reader)
    except BuildError as error:
        raise UserError(f"{OPTION}={error}") from error
    try:
        faces = function(_expanded(root))
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name}: {reason(error)}") from error
    if not isinstance(faces, Faces):
        raise UserError(f"{name} returned an object of type {type(faces).__name__}; expected fer.data.faces.Faces")
    problem = next(_problems(faces), "") if len(faces) else "no faces"
    if problem:
        raise UserError(f"{name}: {problem}")
    paths = [root] if isinstance(root, str) else list(root or ())
    return _exact(replace(faces, sources=faces.sources or tuple(paths) or (reader,))).stamped()


def _expanded(root: Root) -> Root:
    if root is None or isinstance(root, str):
        return root and os.path.expanduser(root)
    return [os.path.expanduser(path) for path in root]


def _problems(faces: Faces) -> Iterator[str]:
    """Yields what is wrong with the content of a record of at least one face."""
    if faces.images.dtype != np.uint8:
        yield f"images of {faces.images.dtype}, expected uint8 from 0 to 255"
    if len(set(faces.classes)) < max(2, len(faces.classes)) or not all(isinstance(c, str) for c in faces.classes):
        yield f"classes {', '.join(map(str, faces.classes))}; expected two or more different names"
    for name, largest in (("labels", len(faces.classes) - 1), ("usage", 2), ("folder", 2)):
        values = getattr(faces, name)
        if not np.issubdtype(values.dtype, np.integer) or values.min() < -1 or values.max() > largest:
            yield f"{name} of {values.dtype} from {values.min()} to {values.max()}, expected integers -1 to {largest}"
    ids, counts = np.unique(faces.ids.astype(str), return_counts=True)
    if counts.max() > 1:
        yield f"{counts.max()} faces have the id '{ids[counts.argmax()]}'; expected a different one for each"
    shape = (len(faces), len(faces.classes))
    if faces.targets is not None and faces.targets.shape != shape:
        yield f"targets {faces.targets.shape}, expected {shape}"


def _exact(faces: Faces) -> Faces:
    """Returns the record with the dtypes that `Faces` promises."""
    return replace(
        faces,
        labels=faces.labels.astype(np.int64),
        usage=faces.usage.astype(np.int8),
        folder=faces.folder.astype(np.int8),
        ids=faces.ids.astype(str),
        targets=None if faces.targets is None else faces.targets.astype(np.float32),
        persons=None if faces.persons is None else faces.persons.astype(str),
    )
