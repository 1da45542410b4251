"""What `resume=<run folder or file>` means: which run goes on, from which state, with which config and history."""

import os
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fer import options, places, runs, trust
from fer.errors import UserError
from fer.schema import check_plain

EARLIER = "metrics.before.csv"
MAX_CONFIG = 1_000_000  # bytes of a config.yaml


def config(cfg: DictConfig) -> DictConfig:
    """The config of the run that `cfg.resume` names, with what was overridden of options.MAY_CHANGE.

    Raises UserError where there is no such run, where it is finished, and for any other override.
    """
    folder, file = locate(places.run(str(cfg.resume)))
    if runs.read_record(folder)["status"] == "finished":
        raise UserError(f"{folder} is finished; nothing to resume. Its figures are in {folder / runs.METRICS}")
    cfg_then = saved(folder, file)
    for name in overrides(folder):
        OmegaConf.update(cfg_then, name, OmegaConf.select(cfg, name))
    return cfg_then


def saved(folder: Path, file: Path) -> DictConfig:
    """The config that the run in `folder` was started with, set to go on from the checkpoint `file`."""
    content = stored_config(folder)
    trust.check_config(content, str(folder), folder / runs.CONFIG)
    return OmegaConf.create(content | {"resume": str(file)})


def stored_config(folder: Path) -> dict[str, Any]:
    """The config.yaml of a run as plain data, paths in it moved with the folder. Nothing in it is checked or built."""
    path = folder / runs.CONFIG
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise UserError(f"{path}: larger than {MAX_CONFIG:,} bytes; not the config of a run")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())[:100]})") from error
    check_plain(content, path)
    if not isinstance(content, dict) or not isinstance(content.get("output_dir"), str):
        raise UserError(f"{path}: not the config of a run")
    content = runs.moved(content, content["output_dir"], str(folder))
    return {key: value for key, value in content.items() if key not in ("found", "launcher", "hydra", "trust")}


def taken_up(cfg: DictConfig, folder: Path, file: Path) -> DictConfig:
    """`cfg`, which repeats the run in `folder`, set to go on from the checkpoint `file` with the choices made then."""
    then = OmegaConf.create(stored_config(folder))
    cfg = cfg.copy()
    cfg.output_dir, cfg.resume = str(folder), str(file)
    for choice in ("trainer.precision", "trainer.sync_batchnorm", "channels_last"):
        OmegaConf.update(cfg, choice, OmegaConf.select(then, choice))
    return cfg


def locate(path: Path) -> tuple[Path, Path]:
    """The run's folder and the checkpoint to go on from (which may not exist yet)."""
    folder, file = (path, path / runs.LAST) if path.is_dir() else (path.parent.parent, path)
    if not path.exists():
        raise UserError(f"resume={path}: no such run; a run's folder is named in its first and last lines")
    if not (folder / runs.CONFIG).is_file():
        raise UserError(f"resume={path}: not a run (no {runs.CONFIG} in {folder}); name the folder that a run wrote to")
    return folder, file


def overrides(folder: Path) -> list[str]:
    """Names of what the command line overrides besides `resume`; UserError for one that would make it another run."""
    typed = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    names = [options.name_of(override) for override in typed]
    for name in names:
        if name != "resume" and not options.row(name).resume:
            raise UserError(
                f"{name}: a resumed run goes on as {folder / runs.CONFIG} says; only {', '.join(options.MAY_CHANGE)} "
                "may change. Leave it out, or start another run without resume"
            )
    return [name for name in names if name not in ("resume", "trust")]


def check_data(record: dict[str, Any], fingerprint: str) -> None:
    """Raises UserError where the data are not those that the run began with."""
    if record["data"]["fingerprint"] != fingerprint:
        began = f"{record['data']['fingerprint']} in {', '.join(record['data']['path'])}"
        raise UserError(f"the data (fingerprint {fingerprint}) are not those of the run ({began}); set data.root")


def step_of(file: str | None) -> int:
    """The optimizer steps behind the state in a checkpoint; 0 without one."""
    import torch

    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)["global_step"] if file else 0


def keep_history(folder: Path, step: int) -> None:
    """Puts the logged rows of before optimizer step `step` aside, since CSVLogger starts its file anew."""
    import pandas as pd

    history = read_history(folder)
    if history is not None:
        history = history[pd.to_numeric(history["step"]) < step]
        history.to_csv(folder / f".{EARLIER}", index=False)
        os.replace(folder / f".{EARLIER}", folder / EARLIER)
        (folder / "metrics.csv").unlink(missing_ok=True)


def join_history(folder: Path) -> None:
    """metrics.csv with the rows that were put aside before those of the resumed run."""
    if (folder / EARLIER).is_file():
        history = read_history(folder)
        if history is not None:
            history.to_csv(folder / ".metrics.csv", index=False)
            os.replace(folder / ".metrics.csv", folder / "metrics.csv")
        (folder / EARLIER).unlink()


def read_history(folder: Path) -> Any:
    """All logged rows as a DataFrame, each once; None without any. A last line cut off by a kill does not count."""
    import pandas as pd

    earlier, later = (whole_rows(folder / name) for name in (EARLIER, "metrics.csv"))
    if earlier is not None and later is not None:
        # A kill between the two steps of keep_history leaves the same rows in both files.
        earlier = earlier[pd.to_numeric(earlier["step"]) < pd.to_numeric(later["step"]).min()]
    parts = [part for part in (earlier, later) if part is not None]
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return table[sorted(table.columns)]


def whole_rows(path: Path) -> Any:
    """The rows of a CSV file that end with a line break; None without any."""
    import io

    import pandas as pd

    rows = (
        pd.read_csv(io.StringIO(path.read_text().rpartition("\n")[0] or "step"), dtype=str) if path.is_file() else None
    )
    return None if rows is None or rows.empty else rows
