"""Resolves `resume=RUN`: the run's config and the saved state that it goes on from."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer import options, places, runs, trust
from fer.config import typed_overrides
from fer.errors import UserError
from fer.identity import BY_MACHINE
from fer.schema import check_plain


def resumed(cfg: DictConfig, typed: Sequence[str] | None = None) -> tuple[DictConfig, Path]:
    """Returns the config of the run that `cfg.resume` names, and the checkpoint to go on from, which may be missing.

    typed: the overrides that `cfg` was composed of; by default those of this process's command line.
    Options of options.MAY_CHANGE are taken from the command line where they stand there. With another
    `trainer.max_epochs` than the run was planned for, it continues in a new folder. Raises UserError where there is no
    such run, where it is finished, and for any other override.
    """
    folder, checkpoint = locate(places.run(str(cfg.resume)))
    record = runs.read_record(folder)
    changed = overrides(folder, typed_overrides() if typed is None else typed)
    epochs = cfg.trainer.max_epochs if "trainer.max_epochs" in changed else None
    if record["status"] == "finished" and epochs is None:
        more = f"resume={folder} trainer.max_epochs=N trains it up to N epochs"
        raise UserError(f"{folder} is finished; nothing to resume. Its figures are in {folder / runs.METRICS}; {more}")
    config = checked_config(folder)
    if config.get("initial") and not os.path.lexists(checkpoint):
        raise UserError(f"{folder}: {NOT_SAVED}")
    if epochs is not None and (record["status"] == "finished" or epochs != config.trainer.max_epochs):
        from fer.training.prolonging import prolonged  # imports torch, which waits until the options are checked

        config = prolonged(config, folder, epochs, record)
    for name in changed:
        change(config, name, OmegaConf.select(cfg, name))
    return config, checkpoint


def change(config: DictConfig, name: str, value: Any) -> None:
    """Changes an option of a stored config, and its copies there, whose interpolations are resolved."""
    OmegaConf.update(config, name, value)
    if name.startswith("labels."):
        OmegaConf.update(config, name.replace("labels.", "data.", 1), value)
    timer = OmegaConf.select(config, "callbacks.timer")
    if name == "trainer.max_time" and timer is not None:
        timer.duration = value


def checked_config(folder: Path) -> DictConfig:
    """Returns the config that the run in `folder` was started with; UserError where it names what is not trusted."""
    content = without_initial_weights(stored_config(folder))
    trust.check_config(content, str(folder), folder / runs.CONFIG)
    return OmegaConf.create(content)


NOT_SAVED = "the run saved no state to resume, and started from weights that are not read again; type its command again"


def without_initial_weights(content: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a run without the initial weights, since its saved state has taken their place.

    The key `initial` says which ones they were.
    """
    model = content.get("model") or {}
    initial = content.get("init_from") or model.get("pretrained")
    if not initial:
        return content
    classifier = {**content["classifier"], "model": trust.without_loading(content["classifier"].get("model"))}
    changed = {"model": trust.without_loading(model), "classifier": classifier}
    return {**content, **changed, "init_from": None, "initial": str(initial)}


def stored_config(folder: Path) -> dict[str, Any]:
    """Returns the config of a run as plain data, its paths moved with the folder; targets are not checked."""
    content = runs.read_config(folder)
    check_plain(content, folder / runs.CONFIG)
    content = runs.moved(content, content["output_dir"], str(folder))
    return {key: value for key, value in content.items() if key not in ("found", "hydra")}


def repeated(cfg: DictConfig, folder: Path) -> tuple[DictConfig, Path]:
    """Returns what continues the run in `folder`, which `cfg` repeats: its config and its last state.

    Folder, precision and memory format are those that the run was started with.
    """
    earlier = OmegaConf.create(stored_config(folder))
    choices = {name: OmegaConf.select(earlier, name) for name in BY_MACHINE}
    cfg = cfg.copy()
    for name, value in {"output_dir": str(folder), **choices}.items():
        OmegaConf.update(cfg, name, value)
    return cfg, folder / runs.LAST


def locate(path: Path) -> tuple[Path, Path]:
    """Returns the run's folder and the checkpoint to go on from, which may not exist yet."""
    folder, file = (path, path / runs.LAST) if path.is_dir() else (path.parent.parent, path)
    if not path.exists():
        raise UserError(f"resume={path}: no such run; a run's folder is named in its first and last lines")
    if not any(os.path.lexists(folder / name) for name in (runs.CONFIG, runs.METRICS)):
        raise UserError(f"resume={path}: not a run (no {runs.CONFIG} in {folder}); name the folder that a run wrote to")
    return folder, file


def overrides(folder: Path, typed: Sequence[str]) -> list[str]:
    """Returns the names of overrides besides `resume` and `trust`; UserError for one that would make it another run."""
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
