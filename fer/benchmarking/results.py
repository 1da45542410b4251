"""Columns that identify a benchmark setting, and CSV files that hold each setting once."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer import commandline, config, options
from fer.errors import UserError
from fer.files import atomic
from fer.git import commit
from fer.hardware import hardware, versions
from fer.studies.redaction import command_without_paths

SETTING = ["machine", "threads", "model", "data", "augment", "batch_size", "options"]
"""Columns that identify a setting; a new measurement replaces the rows that agree in all of them."""
PROVENANCE = ["command", "commit", "versions"]
OWN_COLUMN = ("model", "data", "augment", "data.batch_size", "data.limit")
"""Options that have a column of their own in SETTING."""
LIBRARIES = ("python", "torch", "torchvision", "lightning")


def setting_columns(cfg: DictConfig, data: str) -> dict[str, Any]:
    """Returns the columns SETTING; the one that grows is empty. data: the name of the data."""
    setting = machine_columns() | {
        "model": choice("model", cfg),
        "data": data,
        "augment": choice("augment", cfg),
        "batch_size": cfg.data.batch_size,
        "options": " ".join(sorted(filter(is_setting, config.typed_overrides()))),
    }
    if cfg.growth in ("batch_size", "threads"):
        setting[cfg.growth] = ""
    return setting


def machine_columns() -> dict[str, Any]:
    """Returns processor, GPU and system in words, and torch's number of threads."""
    parts = hardware()
    name = ", ".join(str(parts[part]) for part in ("cpu", "gpu", "system") if parts[part])
    return {"machine": name, "threads": parts["threads"]}


def provenance_columns() -> dict[str, str]:
    """Returns the columns PROVENANCE: the command without paths of this machine, commit and versions."""
    installed = versions()
    libraries = ", ".join(f"{name} {installed[name]}" for name in LIBRARIES)
    command = commandline.command("fer.benchmark", config.typed_overrides(), config.config_dir())
    return {"command": command_without_paths(command), "commit": str(commit()), "versions": libraries}


def is_setting(word: str) -> bool:
    """Returns whether a typed option belongs to the column `options`.

    Options of the benchmark itself, and those that do not change a run, do not.
    """
    key = options.name_of(word)
    return options.names_runs(key) and key not in OWN_COLUMN and not key.startswith("data.synthetic.")


def choice(group: str, cfg: DictConfig) -> str:
    """Returns the chosen option of a config group; without a command line, the class or the keys in the group."""
    if HydraConfig.initialized():
        return HydraConfig.get().runtime.choices[group]
    if "_target_" in cfg[group]:
        return cfg[group]["_target_"].rpartition(".")[2]
    return ",".join(cfg[group]) or "none"


def store(new: pd.DataFrame, path: Path) -> None:
    """Adds the rows `new` to the table at `path`, where they replace those of the same settings, atomically."""
    new = new.astype(dict.fromkeys(SETTING, str))
    if path.is_file():
        old = read(path)
        is_replaced = setting_index(old).isin(setting_index(new))
        new = pd.concat([old.loc[~is_replaced], new], ignore_index=True)
    with atomic(path) as file:
        new.to_csv(file, index=False)


def setting_index(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table[name].to_numpy() for name in SETTING])


def read(path: Path) -> pd.DataFrame:
    """Returns a table that `store` wrote; raises UserError for any other file."""
    as_text: dict[Hashable, type[str]] = dict.fromkeys([*SETTING, *PROVENANCE], str)
    table = pd.read_csv(path, keep_default_na=False, dtype=as_text)
    if not {*SETTING, *PROVENANCE} <= set(table):
        raise UserError(f"{path}: not a table of fer.benchmark; move it away or choose another output_dir=PATH")
    return table
