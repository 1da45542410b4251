"""Writes files atomically, and recognises full disks."""

import errno
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
"""Ending of a file that is being written. Its name starts with a dot."""
DAMAGED = ".damaged"
"""Ending of the new name of a file that is not whole."""
UNABLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""Error numbers of file systems that know no fsync."""


class Unwritable(UserError):
    """A file cannot be written, for example since the disk is full."""


@contextmanager
def atomic(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` that replaces `path` at the end.

    mode: "w" for text in UTF-8, "wb" for bytes. Whatever goes wrong, `path` keeps its content and the temporary file is
    removed; after a kill `remove_partial` does so. Raises Unwritable where the file cannot be written; errors of the
    caller's own pass.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name[:200]}.{uuid4().hex[:8]}{PARTIAL}")
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": READABLE, "newline": ""}
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
    """As UTF-8, in one step."""
    with atomic(path) as file:
        file.write(text)


def save_figure(figure: Any, path: Path, colours: int | None = None, **options: Any) -> None:
    """The matplotlib figure as a picture, in one step.

    colours: at most so many in a PNG, up to 256, which makes it a third as large. options: those of `Figure.savefig`.
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
    """Makes the system write out what it holds of the file, so that a power cut after the replacement loses nothing."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in UNABLE:
            raise


def writing_error(error: BaseException, partial: Path) -> OSError | None:
    """The OSError behind a failed write to `partial`; None where something else failed, such as reading a file."""
    full = full_disk(error)
    if full is not None:
        return full
    names = (None, str(partial))
    return error if isinstance(error, OSError) and error.filename in names else None


def full_disk(error: BaseException | None) -> OSError | None:
    """The OSError of a full disk, or None: `error` itself or, as torch.save hides it in a RuntimeError, its context."""
    if isinstance(error, UserError | Interrupted):
        return None
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


def unwritable(path: str | Path, cause: OSError) -> Unwritable:
    """What the user reads: which file, why, what to do."""
    fix = "make the folder writable or choose another one"
    if cause.errno in FULL:
        fix = "make room there and go on"
    return Unwritable(f"{path}: cannot be written ({cause.strerror or cause}); {fix}")


def explained(error: BaseException, folder: Path) -> BaseException:
    """`error` itself or, where a full disk is behind it, an Unwritable that names the file or else `folder`."""
    cause = full_disk(error)
    if cause is None:
        return error
    explanation = unwritable(cause.filename or folder, cause)
    return explanation


def put_aside(path: Path) -> Path:
    """Renames a damaged file or folder, which may be another program's, to NAME.damaged; returns the new path."""
    number, aside = 1, path.with_name(f"{path.name}{DAMAGED}")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}{DAMAGED}-{number}")
    with suppress(FileNotFoundError):
        path.rename(aside)
    return aside


def remove_partial(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`. Only for a folder that nobody else uses."""
    for partial in folder.glob(f".*{PARTIAL}"):
        with suppress(OSError):
            partial.unlink()


@contextmanager
def quiet_threads() -> Iterator[None]:
    """Threads print no traceback of a full disk: TensorBoard's writer raises it again in the thread that asks."""
    before = threading.excepthook

    def hook(arguments: Any) -> None:
        if full_disk(arguments.exc_value) is None:
            before(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
