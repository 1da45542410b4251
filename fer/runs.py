"""A run and its folder: who it is, where it writes, what it leaves behind."""

import copy
import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from fer import options
from fer.errors import UserError

CONFIG, METRICS, PREDICTIONS, LOCK = "config.yaml", "metrics.json", "predictions.csv", ".lock"
LAST = Path("checkpoints") / "last.ckpt"
BY_MACHINE = ("trainer.precision", "trainer.sync_batchnorm", "channels_last")
"""Options whose `auto` a run replaces by what suits its machine."""


def identity(cfg: DictConfig, fingerprint: str) -> str:
    """16 hex digits that two runs share if and only if they do the same on the same data.

    Hashes the configuration as typed (`auto` unresolved), with what `fer.options` says of each option.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.output_dir = ""  # the loggers' and callbacks' places are below it
    for key in ("hydra", "launcher"):
        cfg.pop(key, None)  # they interpolate what is known in a command only
    content = options.hashed(OmegaConf.to_container(cfg, resolve=True))
    if csv := (content.get("logger") or {}).get("csv"):
        csv["_target_"] = "lightning.pytorch.loggers.CSVLogger"  # that of the first runs
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()[:16]


def setting(record: dict[str, Any]) -> str:
    """16 hex digits that the runs of one configuration share over their seeds, by what they wrote to metrics.json.

    What a run decides by its machine (`auto`) counts only where it was typed.
    """
    content = options.hashed(copy.deepcopy(record.get("config") or {}))
    content.pop("logger", None)
    for name in ("seed", "data.seed", *BY_MACHINE):
        above, key = options.parent(content, name)
        if above is not None:
            above.pop(key, None)
    content = options.told_apart(content)
    words = shlex.split(record.get("command") or "")
    typed = sorted(word for word in words if options.name_of(word) in BY_MACHINE)
    text = json.dumps([content, typed, (record.get("data") or {}).get("fingerprint")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def claim(folder: Path) -> tuple[Path, FileLock]:
    """`folder`, or the next free `folder-2`, `folder-3` …, and the lock that keeps other processes out of it.

    A folder is taken once its config file is there, or while a process holds its lock. Raises UserError where nothing
    can be written.
    """
    number, candidate = 1, folder
    while True:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            if (lock := hold(candidate)) and not (candidate / CONFIG).exists():
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


def earlier(folder: Path, study: str, name: str) -> tuple[Path, dict[str, Any]] | None:
    """An earlier start of the run with identity `name`, and its record; a finished one if there is one, else the last.

    Looks in the study's folder around `folder`, whatever the runs in it are called, and in `folder`, `folder-2` ….
    """
    found = []
    for candidate in dict.fromkeys((*siblings(folder), *inside(study_folder(folder, study)))):
        record = record_or_none(candidate)
        if record and record.get("identity") == name:
            found.append((record.get("status") == "finished", (candidate / METRICS).stat().st_mtime, candidate, record))
    if not found:
        return None
    _, _, candidate, record = max(found, key=lambda start: start[:2])
    return candidate, record


def siblings(folder: Path) -> Iterator[Path]:
    """`folder`, `folder-2`, `folder-3` … as far as runs have taken them."""
    number, candidate = 1, folder
    while (candidate / CONFIG).exists():
        yield candidate
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")


def study_folder(folder: Path, study: str) -> Path | None:
    """The folder above a run's that bears the name of its study; None where the run lies elsewhere."""
    return next((above for above in folder.parents if above.name and above.name == Path(study).name), None)


def inside(place: Path | None) -> Iterator[Path]:
    """The folders of runs in `place`, in a fixed order; nothing that lies in a run's own folder is looked at."""
    for base, folders, files in os.walk(place or ""):
        if CONFIG in files and METRICS in files:
            folders.clear()
            yield Path(base)
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def record_or_none(folder: Path) -> dict[str, Any] | None:
    """The record of a run, None where it is damaged."""
    try:
        record = read_record(folder)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def read_record(folder: Path) -> dict[str, Any]:
    """What the run wrote to metrics.json when it was last started or stopped."""
    return json.loads((folder / METRICS).read_text())


def reopen(folder: Path) -> tuple[Path, FileLock]:
    """The folder of an earlier start and its lock; UserError while another process works on it."""
    if lock := hold(folder):
        return folder, lock
    raise UserError(f"{folder}: another process works on this run; wait for it or stop it first")


def hold(folder: Path) -> FileLock | None:
    """The folder's lock, which ends with the process at the latest; None where another process holds it."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except NotImplementedError:  # some network file systems know no locks
        pass
    return lock


def moved(node: Any, old: str, new: str) -> Any:
    """`node` with paths below the folder `old` as paths below `new`."""
    if isinstance(node, dict):
        return {moved(key, old, new): moved(value, old, new) for key, value in node.items()}
    if isinstance(node, list):
        return [moved(item, old, new) for item in node]
    inside = isinstance(node, str) and f"{node}/".startswith(f"{old}/")
    return new + node[len(old) :] if inside else node


def write_config(path: Path, content: dict[str, Any]) -> None:
    """As YAML, in one step."""
    OmegaConf.save(content, path.with_name(f".{path.name}"))
    os.replace(path.with_name(f".{path.name}"), path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """In one step: readers see the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=2, default=float)
        file.write("\n")
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
