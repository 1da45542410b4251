"""Resolves `resume=RUN`: the run, its saved state, its config and its history."""

import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fer import files, options, places, runs, trust
from fer.errors import UserError
from fer.schema import check_plain

EARLIER = "metrics.before.csv"


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
        if name.startswith("labels."):  # the stored data node repeats the labels' options, interpolations resolved
            OmegaConf.update(cfg_then, name.replace("labels.", "data.", 1), OmegaConf.select(cfg, name))
    return cfg_then


def saved(folder: Path, file: Path) -> DictConfig:
    """The config that the run in `folder` was started with, set to go on from the checkpoint `file`."""
    content = stored_config(folder)
    trust.check_config(content, str(folder), folder / runs.CONFIG)
    return OmegaConf.create(content | {"resume": str(file)})


def stored_config(folder: Path) -> dict[str, Any]:
    """The config of a run as plain data, paths in it moved with the folder. What it names is not checked here."""
    content = runs.read_config(folder)
    check_plain(content, folder / runs.CONFIG)
    content = runs.moved(content, content["output_dir"], str(folder))
    return {key: value for key, value in content.items() if key not in ("found", "hydra")}


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
    if not any(os.path.lexists(folder / name) for name in (runs.CONFIG, runs.METRICS)):
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


def check_data(record: dict[str, Any], fingerprint: str, soft_digest: str | None = None) -> None:
    """Raises UserError where the data, or the soft labels, are not those that the run began with."""
    if record["data"]["fingerprint"] != fingerprint:
        began = f"{record['data']['fingerprint']} in {', '.join(record['data']['path'])}"
        raise UserError(f"the data (fingerprint {fingerprint}) are not those of the run ({began}); set data.root")
    if record["data"].get("soft_labels") != soft_digest:
        raise UserError(
            f"the content of labels.soft (digest {soft_digest}) is not that of the run "
            f"({record['data'].get('soft_labels')}); name the run's file with labels.soft=FILE"
        )


def keep_history(folder: Path, step: int) -> None:
    """Puts the logged rows of before optimizer step `step` aside, since CSVLogger overwrites its file."""
    import pandas as pd

    history = read_history(folder)
    if history is not None:
        history = history[pd.to_numeric(history["step"]) < step]
        with files.atomic(folder / EARLIER) as file:
            history.to_csv(file, index=False)
        (folder / "metrics.csv").unlink(missing_ok=True)


def join_history(folder: Path) -> None:
    """metrics.csv with the rows that were put aside before those of the resumed run."""
    if (folder / EARLIER).is_file():
        history = read_history(folder)
        if history is not None:
            with files.atomic(folder / "metrics.csv") as file:
                history.to_csv(file, index=False)
        (folder / EARLIER).unlink()


def read_history(folder: Path) -> Any:
    """All logged rows as a DataFrame, each once; None without any. A last line cut off by a kill does not count."""
    import pandas as pd

    earlier, later = (whole_rows(folder / name) for name in (EARLIER, "metrics.csv"))
    parts = [part for part in (earlier, later) if part is not None]
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    if len(parts) == 2:
        # A kill between the two steps of keep_history leaves the same rows in both files, and a run that goes on at
        # the very end of an epoch logs its figures once more, all but the speed.
        figures = table.drop(columns="images_per_s", errors="ignore").fillna("")
        rows = list(figures.itertuples(index=False, name=None))
        known = set(rows[: len(earlier)])
        table = table[[number < len(earlier) or row not in known for number, row in enumerate(rows)]]
    return table[sorted(table.columns)]


def whole_rows(path: Path) -> Any:
    """The rows of a CSV file that end with a line break; None without any.

    A damaged file is renamed to *.damaged, which a line says.
    """
    import io

    import pandas as pd

    if not os.path.lexists(path):
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if text and "step" not in text.partition("\n")[0]:
            raise ValueError("it has no column called step")
        rows = pd.read_csv(io.StringIO(text.rpartition("\n")[0] or "step"), dtype=str)
        pd.to_numeric(rows["step"], errors="raise")
    except (OSError, ValueError, KeyError) as error:
        aside = files.put_aside(path)
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        print(
            f"{path}: damaged ({reason}), renamed to {aside.name}; the curves begin where the run goes on", flush=True
        )
        return None
    return None if rows.empty else rows
