"""Names, reads and writes the files of a run's folder: its config, its record and the others."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from fer import compat, files
from fer.errors import UserError
from fer.files import atomic
from fer.places import WRITTEN
from fer.schema import check_plain

CONFIG, METRICS, PREDICTIONS, LOCK = "config.yaml", "metrics.json", "predictions.csv", ".lock"
HISTORY, RESULTS = "metrics.csv", "results.png"
OPINIONS = "opinions.csv"
"""Predictions of the part of the training split that a run with data.fold left out."""
LAST, PREVIOUS = Path("checkpoints") / "last.ckpt", Path("checkpoints") / "previous.ckpt"
MAX_CONFIG = 1_000_000  # bytes of a config.yaml
NO_RUN = {"identity": None, "command": None, "resolved": {}}
"""Values for what config.yaml of an earlier version does not hold."""


def read_record(folder: Path) -> dict[str, Any]:
    """Returns the content of metrics.json.

    Where that file is damaged, which a line on stderr says, the record is that of an interrupted run, from config.yaml.
    Raises UserError where both are damaged.
    """
    path = folder / METRICS
    try:
        record = parsed(path)
        require(record, path, identity=str, status=str, config=dict, data=dict)
        require(record["data"], path, fingerprint=str, path=list, counts=dict)
        return compat.with_divergence(record)
    except UserError as error:
        try:
            content = stored_config(folder)
            require(content, folder / CONFIG, found=dict)
            require(content["found"], folder / CONFIG, fingerprint=str, path=list, counts=dict)
        except UserError as other:
            fix = "start the run again with the command that you typed for it"
            raise UserError(f"{error}, and {CONFIG} cannot stand in ({other}); {fix}") from error
        say_once(f"{error}; {CONFIG} stands in, and resuming the run rewrites it")
    found = content.pop("found")
    return {"status": "interrupted", **found.pop("run", dict(NO_RUN)), "config": content, "data": found}


def read_config(folder: Path) -> dict[str, Any]:
    """Returns the content of config.yaml or, where that is damaged, which a line says, the config in metrics.json.

    Raises UserError where both are damaged.
    """
    try:
        return stored_config(folder)
    except UserError as error:
        path = folder / METRICS
        try:
            record = parsed(path)
            require(record, path, config=dict)
            require(record["config"], path, output_dir=str, trainer=dict, data=dict)
        except UserError as other:
            fix = "start the run again with the command that you typed for it"
            raise UserError(f"{error}, and so is {METRICS} ({other}); {fix}") from error
        say_once(f"{error}; {METRICS} stands in")
    return record["config"]


def stored_config(folder: Path) -> dict[str, Any]:
    """Returns the content of config.yaml, with current import paths; UserError where it is damaged."""
    path = folder / CONFIG
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise ValueError(f"larger than {MAX_CONFIG:,} bytes")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {damage(error)}") from error
    check_plain(content, path)
    require(content, path, output_dir=str, trainer=dict, data=dict)
    return compat.retargeted(content)


def parsed(path: Path) -> dict[str, Any]:
    """Returns the mapping in a JSON file; UserError for a file that is damaged or missing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: {damage(error)}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged (no mapping)")
    return content


def require(content: Any, path: Path, /, **types: type) -> None:
    """Raises UserError unless `content`, read from `path`, is a mapping with values of these types by key."""
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged (no mapping)")
    for key, kind in types.items():
        if not isinstance(content.get(key), kind):
            raise UserError(f"{path}: damaged (no {key})")


def damage(error: Exception) -> str:
    """Returns "missing", or "damaged" with the reason."""
    if isinstance(error, FileNotFoundError):
        return "missing"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"damaged ({(str(reason).splitlines() or [type(error).__name__])[0][:120]})"


@cache
def say_once(line: str) -> None:
    """Prints a line on stderr, once in a process."""
    print(line, file=sys.stderr, flush=True)


def config_is_whole(folder: Path) -> bool:
    try:
        return bool(stored_config(folder))
    except UserError:
        return False


def keep_record(folder: Path, record: dict[str, Any]) -> None:
    """Writes metrics.json for a run that failed; where the disk is full, the earlier record stays, and a line says so.

    To make room, the last but one state is deleted if the last one is there.
    """
    try:
        write_json(folder / METRICS, record)
    except files.Unwritable:
        if (folder / LAST).is_file():
            (folder / PREVIOUS).unlink(missing_ok=True)
        try:
            write_json(folder / METRICS, record)
        except files.Unwritable as error:
            say_once(f"{error}; its content is that of the last save")


PLACES = ("output_dir", *WRITTEN)
"""Keys under which a config or a saved state names a folder."""


def moved(node: Any, old: str, new: str, key: Any = "") -> Any:
    """Returns `node` with paths below the folder `old` changed to paths below `new`. key: that of the node.

    A text that is a bare name, such as "same", is a path only under a key of PLACES.
    """
    if isinstance(node, dict):
        return {moved(name, old, new): moved(value, old, new, name) for name, value in node.items()}
    if isinstance(node, list):
        return [moved(item, old, new, key) for item in node]
    is_folder = node == old and ("/" in old or key in PLACES)
    inside = isinstance(node, str) and (is_folder or node.startswith(f"{old}/"))
    return new + node[len(old) :] if inside else node


def write_config(path: Path, content: dict[str, Any]) -> None:
    """Writes a mapping as YAML, atomically."""
    with atomic(path) as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(content)))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a mapping as JSON, atomically: readers see the old file or the new one."""
    with atomic(path) as file:
        json.dump(content, file, indent=2, default=float)
        file.write("\n")
