"""Names of benchmark settings, and CSV files that hold each setting once."""

from pathlib import Path
from typing import Any

import pandas as pd
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer import commandline, config, options
from fer.errors import UserError
from fer.files import atomic
from fer.hardware import commit, hardware, versions
from fer.studies.redaction import command_without_paths

SETTING = ["machine", "threads", "model", "data", "augment", "batch_size", "options"]
"""Columns that say what a measurement is of; rows that agree in all of them are replaced by a new measurement."""
RECORD = ["command", "commit", "versions"]
KNOWN = ("model", "data", "augment", "data.batch_size", "data.limit")
"""Options that other columns of SETTING hold."""
LIBRARIES = ("python", "torch", "torchvision", "lightning")


def describe(cfg: DictConfig, data: str) -> dict[str, Any]:
    """SETTING: the machine, the choices by name, and the other options that were typed; what grows is left empty."""
    setting = machine() | {
        "model": choice("model", cfg),
        "data": data,
        "augment": choice("augment", cfg),
        "batch_size": cfg.data.batch_size,
        "options": " ".join(sorted(filter(is_setting, config.typed_overrides()))),
    }
    return setting | ({cfg.growth: ""} if cfg.growth in ("batch_size", "threads") else {})


def machine() -> dict[str, Any]:
    """Processor, GPU and system in words, and torch's number of threads."""
    found = hardware()
    name = ", ".join(str(found[part]) for part in ("cpu", "gpu", "system") if found[part])
    return {"machine": name, "threads": found["threads"]}


def provenance() -> dict[str, str]:
    """RECORD: the command without the places of this machine, commit and versions."""
    found = versions()
    libraries = ", ".join(f"{name} {found[name]}" for name in LIBRARIES)
    command = commandline.command("fer.benchmark", config.typed_overrides(), config.config_dir())
    return {"command": command_without_paths(command), "commit": str(commit()), "versions": libraries}


def is_setting(word: str) -> bool:
    """Whether an option makes another setting: not the benchmark's own, nor what only names or starts a run."""
    key = options.name_of(word)
    return options.names_runs(key) and key not in KNOWN and not key.startswith("data.synthetic.")


def choice(group: str, cfg: DictConfig) -> str:
    """The name of the chosen option of a group; where there was no command line, what is in it."""
    if HydraConfig.initialized():
        return HydraConfig.get().runtime.choices[group]
    return cfg[group]["_target_"].rpartition(".")[2] if "_target_" in cfg[group] else ",".join(cfg[group]) or "none"


def store(new: pd.DataFrame, path: Path) -> None:
    """Writes the rows of `path` that are of other settings, then those of `new`, in one step."""
    new = new.astype(dict.fromkeys(SETTING, str))
    if path.is_file():
        old = read(path)
        again = pd.MultiIndex.from_frame(old[SETTING]).isin(pd.MultiIndex.from_frame(new[SETTING]))
        new = pd.concat([old[~again], new], ignore_index=True)
    with atomic(path) as file:
        new.to_csv(file, index=False)


def read(path: Path) -> pd.DataFrame:
    """A table that `store` wrote; raises UserError for any other."""
    table = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys([*SETTING, *RECORD], str))
    if not {*SETTING, *RECORD} <= set(table):
        raise UserError(f"{path}: is no table of fer.benchmark; move it away or choose another folder: output_dir=PATH")
    return table
