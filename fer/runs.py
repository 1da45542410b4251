"""A run and its folder: who it is, where it writes, what it leaves behind."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer.errors import UserError

CONFIG, METRICS, PREDICTIONS = "config.yaml", "metrics.json", "predictions.csv"


def identity(cfg: DictConfig, fingerprint: str) -> str:
    """16 hex digits that two runs share if and only if they do the same on the same data.

    Hashes the configuration as typed (`auto` unresolved), without paths, output folder and launcher.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.output_dir, cfg.data.root = "", None
    for key in ("hydra", "launcher", "resume", "study", "found"):
        cfg.pop(key, None)
    text = json.dumps(OmegaConf.to_container(cfg, resolve=True), sort_keys=True)
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()[:16]


def claim(folder: Path) -> Path:
    """`folder`, or the next free `folder-2`, `folder-3` …, now taken by us: its config file is created exclusively.

    Raises UserError where nothing can be written.
    """
    number, candidate = 1, folder
    while True:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            (candidate / CONFIG).open("x").close()
            return candidate
        except FileExistsError:
            if not candidate.is_dir():
                raise UserError(f"{candidate} is a file; choose another folder with output_dir=PATH") from None
            number += 1
            candidate = folder.with_name(f"{folder.name}-{number}")
        except OSError as error:
            fix = "choose another folder with output_dir=PATH"
            raise UserError(f"{candidate}: cannot be written ({error.strerror}); {fix}") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """In one step: readers see the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=2, default=float)
        file.write("\n")
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
