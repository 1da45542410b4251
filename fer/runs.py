"""A run and its folder: who it is, where it writes, what it leaves behind."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from fer.errors import UserError

CONFIG, METRICS, PREDICTIONS, LOCK = "config.yaml", "metrics.json", "predictions.csv", ".lock"
LAST = Path("checkpoints") / "last.ckpt"


def identity(cfg: DictConfig, fingerprint: str) -> str:
    """16 hex digits that two runs share if and only if they do the same on the same data.

    Hashes the configuration as typed (`auto` unresolved), without paths, output folder, launcher and what
    no result depends on.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.output_dir, cfg.labels.votes_file = "", None
    cfg.data.eval_batch_size = 512  # no result depends on it; that of the first runs
    cfg.data.update(dict.fromkeys(("root", "held_out", "votes_file")))
    if cfg.logger.get("csv"):
        cfg.logger.csv._target_ = "lightning.pytorch.loggers.CSVLogger"  # likewise
    for key in ("hydra", "launcher", "trust", "resume", "existing", "retry", "study", "found"):
        cfg.pop(key, None)
    if cfg.get("test", True):  # runs from before there was a choice stay the same, here and below
        cfg.pop("test", None)
    if not cfg.data.get("progressive_resizing"):
        cfg.data.pop("progressive_resizing", None)
    if not cfg.model.get("attention"):
        cfg.model.pop("attention", None)
    text = json.dumps(OmegaConf.to_container(cfg, resolve=True), sort_keys=True)
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()[:16]


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


def earlier(folder: Path, name: str) -> tuple[Path, dict[str, Any]] | None:
    """An earlier start of the run with identity `name` in `folder`, `folder-2` …, and its record; a finished one if
    there is one."""
    found, number, candidate = None, 1, folder
    while (candidate / CONFIG).exists():
        record = read_record(candidate)
        if record["identity"] == name:
            found = (candidate, record)
            if record["status"] == "finished":
                break
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return found


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
