"""Claims, locks and finds the folders of runs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fer import files, runs
from fer.errors import UserError


def claim(folder: Path) -> tuple[Path, FileLock]:
    """Takes `folder`, or the next free `folder-2`, `folder-3` …; returns it and its lock against other processes.

    A folder is taken once its config file is there, or while a process holds its lock. Raises UserError where nothing
    can be written.
    """
    number, candidate = 1, folder
    while True:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            if (lock := hold(candidate)) and not (candidate / runs.CONFIG).exists():
                return candidate, lock
        except FileExistsError:
            raise UserError(f"{candidate} is a file; choose another folder with output_dir=PATH") from None
        except OSError as error:
            fix = "choose another folder with output_dir=PATH"
            raise UserError(f"{candidate}: cannot be written ({error.strerror}); {fix}") from error
        if lock:
            lock.release()
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")


def reopen(folder: Path) -> tuple[Path, FileLock]:
    """Returns the folder of an earlier start and its lock; UserError while another process works in it."""
    if lock := hold(folder):
        return folder, lock
    raise UserError(f"{folder}: another process works on this run; wait for it or stop it first")


def hold(folder: Path) -> FileLock | None:
    """Returns the folder's lock, which ends with the process at the latest; None where another process holds it."""
    lock = FileLock(folder / runs.LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except NotImplementedError:  # some network file systems know no locks
        pass
    return lock


def earlier(folder: Path, study: str, name: str) -> tuple[Path, dict[str, Any]] | None:
    """Returns folder and record of an earlier start of the run with identity `name`: a finished one, else the last.

    Searches the study's folder around `folder`, whatever the runs in it are called, and `folder`, `folder-2` ….
    None without one.
    """
    found = []
    for candidate in dict.fromkeys((*siblings(folder), *inside(study_folder(folder, study)))):
        record = known(candidate)
        if record and record.get("identity") == name:
            saved = (candidate / runs.METRICS).stat().st_mtime
            found.append((record.get("status") == "finished", saved, candidate, record))
    if not found:
        return None
    _, _, candidate, record = max(found, key=lambda start: start[:2])
    return candidate, record


def siblings(folder: Path) -> Iterator[Path]:
    """Yields `folder`, `folder-2`, `folder-3` … as far as runs have taken them."""
    number, candidate = 1, folder
    while (candidate / runs.CONFIG).exists():
        yield candidate
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")


def study_folder(folder: Path, study: str) -> Path | None:
    """Returns the folder above a run's that has the name of its study; None where the run lies elsewhere."""
    return next((above for above in folder.parents if above.name and above.name == Path(study).name), None)


def inside(place: Path | None) -> Iterator[Path]:
    """Yields the folders of runs in `place`, in a fixed order; folders inside of a run's are skipped."""
    for base, folders, names in os.walk(place or ""):
        if runs.CONFIG in names and runs.METRICS in names:
            folders.clear()
            yield Path(base)
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def known(folder: Path) -> dict[str, Any] | None:
    """Returns the run's record; None, and a line on stderr, where both of its files are damaged."""
    try:
        return runs.read_record(folder)
    except UserError as error:
        runs.say_once(f"{error}; the folder is left as it is")
        return None


def remove_partial(folder: Path) -> None:
    """Removes the partial files of a killed process, in a folder whose lock this process holds."""
    for place in (folder, folder / runs.LAST.parent):
        files.remove_partial(place)
