"""Writes files atomically, and recognises full disks."""

import errno
import gzip
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from fer.errors import FULL, Interrupted, UserError
from fer.streams import READABLE

PARTIAL = ".partial"
"""Suffix of a file that is being written. Its name starts with a dot."""
DAMAGED = ".damaged"
"""Suffix that a damaged file gets."""
UNABLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""Error numbers of file systems without fsync."""


class Unwritable(UserError):
    """A file cannot be written, for example since the disk is full."""


@contextmanager
def atomic(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` that replaces `path` when the block ends.

    mode: "w" for text in UTF-8, "wb" for bytes. On any error `path` keeps its content and the temporary file is
    removed; after a kill, `remove_partial` removes it. Raises Unwritable where the file cannot be written. Errors that
    the block raises pass through.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name[:200]}.{uuid4().hex[:8]}{PARTIAL}")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "errors": READABLE, "newline": ""}
    try:
        with open(partial, mode, **text) as file:
            yield file
            file.flush()
            to_disk(file)
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        cause = writing_error(error, partial)
        if cause is None:
            raise
        raise unwritable(path, cause) from error


def write_text(path: str | Path, text: str) -> None:
    """Writes text as UTF-8, atomically."""
    with atomic(path) as file:
        file.write(text)


def write_gzip(path: Path, text: str) -> None:
    """Writes text as a gzip file, atomically. The same text gives the same bytes."""
    with atomic(path, "wb") as file:
        file.write(gzip.compress(text.encode(), mtime=0))


def save_figure(figure: Any, path: Path, colours: int | None = None, **options: Any) -> None:
    """Writes a matplotlib figure as a picture, atomically.

    colours: the number of colours that a PNG is reduced to, up to 256, which makes it about a third as large.
    options: those of `Figure.savefig`.
    """
    with atomic(path, "wb") as file:
        if colours is None:
            figure.savefig(file, format=path.suffix[1:], **options)
        else:
            from PIL import Image

            drawn = io.BytesIO()
            figure.savefig(drawn, format="png", **options)
            every = Image.open(drawn, formats=["PNG"]).convert("RGB")
            few = every.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
            few.save(file, "PNG", optimize=True)


def to_disk(file: IO[Any]) -> None:
    """Makes the system write its buffers of the file to disk, so that a power cut after the rename loses nothing."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in UNABLE:
            raise


def writing_error(error: BaseException, partial: Path) -> OSError | None:
    """Returns the OSError behind a failed write to `partial`; None for other errors, such as a failed read."""
    full = full_disk(error)
    if full is not None:
        return full
    names = (None, str(partial))
    return error if isinstance(error, OSError) and error.filename in names else None


def full_disk(error: BaseException | None) -> OSError | None:
    """Returns the OSError of a full disk that is `error` or its cause (torch.save raises a RuntimeError), or None."""
    if isinstance(error, UserError | Interrupted):
        return None
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


def unwritable(path: str | Path, cause: OSError) -> Unwritable:
    """Returns the error for the user: which file, why, what to do."""
    fix = "make the folder writable or choose another one"
    if cause.errno in FULL:
        fix = "make room there and go on"
    return Unwritable(f"{path}: cannot be written ({cause.strerror or cause}); {fix}")


def explained(error: BaseException, folder: Path) -> BaseException:
    """Returns `error` itself or, if a full disk caused it, an Unwritable that names the file, else `folder`."""
    cause = full_disk(error)
    return error if cause is None else unwritable(cause.filename or folder, cause)


def put_aside(path: Path) -> Path:
    """Renames a damaged file or folder to NAME.damaged, or the next free NAME.damaged-2 …; returns the new path."""
    number, aside = 1, path.with_name(f"{path.name}{DAMAGED}")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}{DAMAGED}-{number}")
    with suppress(FileNotFoundError):
        path.rename(aside)
    return aside


def remove_partial(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`, which no other process may use."""
    for partial in folder.glob(f".*{PARTIAL}"):
        with suppress(OSError):
            partial.unlink()


@contextmanager
def quiet_threads() -> Iterator[None]:
    """Keeps threads from printing tracebacks of a full disk: TensorBoard raises the error again in the main thread."""
    previous = threading.excepthook

    def hook(arguments: Any) -> None:
        if full_disk(arguments.exc_value) is None:
            previous(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = previous
