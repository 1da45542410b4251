"""Knows the folders of configs and runs, and resolves paths as typed: `~`, empty ones, `latest` for the newest run."""

import os
from contextlib import suppress
from pathlib import Path

from fer.errors import UserError

HERE = Path(__file__).resolve().parent
CONF = next(path for path in (HERE / "conf", HERE.parent / "conf") if (path / "train.yaml").is_file())
"""Inside the package when installed from a wheel, beside it in a checkout."""
RUNS = Path("runs")
"""Where runs are written unless output_dir says otherwise."""
WRITTEN = ("dirpath", "save_dir", "path", "default_root_dir", "root_dir", "log_dir", "dir")
"""Arguments of callbacks, loggers and the Trainer that are folders or files to write."""
LATEST = "latest"
POINTER = ".latest"


def remember(folder: Path) -> None:
    """Writes into runs/.latest that the run in `folder` is the newest; does nothing where that is impossible."""
    base = RUNS.absolute()
    inside = folder.absolute().is_relative_to(base)
    text = str(folder.absolute().relative_to(base) if inside else folder.absolute())
    partial = RUNS / f"{POINTER}.{os.getpid()}"
    with suppress(OSError, ValueError):
        RUNS.mkdir(exist_ok=True)
        partial.write_text(f"{text}\n", encoding="utf-8", errors="surrogateescape")
        os.replace(partial, RUNS / POINTER)


def latest() -> Path:
    """Returns the folder of the newest run that was started in the current folder. Raises UserError without one."""
    pointer = RUNS / POINTER
    try:
        text = pointer.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n")
    except (OSError, ValueError):
        text = ""
    if not text:
        raise UserError(f"{LATEST}: no run was started here ({pointer} is missing); name the folder of a run")
    folder = RUNS / text
    if not folder.is_dir():
        raise UserError(f"{LATEST}: {folder} is gone, which was the newest run; name the folder of a run")
    return folder


def typed(text: str) -> Path:
    """Returns the path as typed, with `~` expanded. Raises UserError for an empty one, as of an unset variable."""
    if not text.strip():
        raise UserError("an empty path; give one, or leave the option out (is a shell variable unset?)")
    return Path(os.path.expanduser(text))


def run(text: str) -> Path:
    """Returns the path of a run's folder or of a file in it, as typed: `latest`, or a path."""
    return latest() if text == LATEST else typed(text)
