"""Runs one experiment: claims or resumes a run, fits, scores, records."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from fer import commandline, config, files, places, runs, trust
from fer.console import closing, opening, quieten
from fer.data.datamodule import FERDataModule
from fer.data.folds import FOLD
from fer.data.splits import SPLITS
from fer.errors import Interrupted, UserError, interruptible
from fer.hardware import commit, hardware, versions
from fer.training import resume
from fer.training.building import build_datamodule, resolve_auto
from fer.training.fit import best_checkpoint, best_classifier, fit, fit_seconds
from fer.training.rehearsal import rehearse
from fer.training.scoring import score


def run(cfg: DictConfig, watchers: Sequence[Callback] = ()) -> dict[str, Any]:
    """Trains as `cfg` says and returns the content of metrics.json. See `fer.train.train`.

    In a distributed run only rank 0 records, scores and returns; the others return nothing. watchers: callbacks that
    look on and may stop the run, but do not make it another one, such as a search's.
    """
    quieten()
    typed, cfg = cfg, cfg.copy()
    resolved = resolve_auto(cfg)
    rehearse(cfg)
    datamodule = build_datamodule(cfg)
    datamodule.setup()
    if not cfg.get("test", True):
        datamodule.scored = tuple(split for split in datamodule.scored if split != "test")
    identity = runs.identity(typed, datamodule.identity)
    if cfg.existing == "continue" and not cfg.resume and (before := started_before(cfg, identity)):
        folder, record = before
        if not again(folder, record, cfg.retry):
            return record
        if not diverged(record):
            return run(resume.taken_up(typed, folder, folder / runs.LAST), watchers)
    if rank_zero_only.rank:
        with suppress(Interrupted), interruptible():
            fit(cfg, datamodule, Path(cfg.output_dir), watchers)
        return {}
    with interruptible():
        folder, lock = (runs.reopen if cfg.resume else runs.claim)(Path(cfg.output_dir))
        try:
            with files.quiet_threads():
                return recorded(cfg, datamodule, folder, identity, resolved, watchers)
        finally:
            lock.release()


def started_before(cfg: DictConfig, identity: str) -> tuple[Path, dict[str, Any]] | None:
    """The folder and record of an earlier start of this run, wherever in its study it lies."""
    return runs.earlier(Path(cfg.output_dir), str(cfg.study), identity)


def again(folder: Path, record: dict[str, Any], retry: bool) -> bool:
    """Whether a run that was started before is to be taken up again. Raises UserError for one that diverged."""
    if record["status"] == "finished":
        say(f"{folder} finished before: skipped")
        return False
    if diverged(record) and not retry:
        raise UserError(f"{folder} diverged before ({record['error']}); retry=true runs it again")
    if rank_zero_only.rank:
        return True
    if lock := runs.hold(folder):
        lock.release()
        return True
    say(f"{folder}: another process works on it: skipped")
    return False


def diverged(record: dict[str, Any]) -> bool:
    return str(record.get("error")).startswith("Diverged")


@rank_zero_only
def say(line: str) -> None:
    print(line, flush=True)


def recorded(
    cfg: DictConfig,
    datamodule: FERDataModule,
    folder: Path,
    identity: str,
    resolved: dict[str, Any],
    watchers: Sequence[Callback],
) -> dict[str, Any]:
    """Runs the experiment in its folder and keeps metrics.json true to what became of it."""
    print("\n".join(opening(datamodule.description(), resolved, Path(cfg.output_dir), folder)), flush=True)
    cfg.output_dir = str(folder)
    places.remember(folder)
    plain = OmegaConf.to_container(cfg, resolve=True)
    machine = {"versions": versions(), "hardware": hardware(), "commit": commit()}
    if cfg.resume:
        record = runs.read_record(folder)
        resume.check_data(record, datamodule.fingerprint, datamodule.soft_digest)
        record |= {"error": None, "resumed": [*record.get("resumed", ()), machine]}
        record["identity"] = record["identity"] or identity
        runs.remove_partial(folder)
    else:
        known = {"command": command_line(), "identity": identity, "resolved": resolved}
        record = {"status": "interrupted", **known, "config": plain, "data": datamodule.description(), **machine}
        runs.write_json(folder / runs.METRICS, record)  # true until the run is known to have ended otherwise
    if not (cfg.resume and runs.config_is_whole(folder)):
        known = {name: record[name] for name in runs.NO_RUN}
        runs.write_config(
            folder / runs.CONFIG, plain | {"resume": None, "found": datamodule.description() | {"run": known}}
        )
    started = time.perf_counter()
    try:
        record |= fit_and_score(cfg, datamodule, folder, watchers)
        record |= {"status": "finished", "seconds": round(time.perf_counter() - started, 1)}
        runs.write_json(folder / runs.METRICS, record)
        (folder / runs.PREVIOUS).unlink(missing_ok=True)
    except BaseException as raised:
        error = files.explained(raised, folder)
        stopped = isinstance(error, Interrupted | SystemExit)
        record |= {"status": "interrupted" if stopped else "failed", "error": f"{type(error).__name__}: {error}"}
        record["seconds"] = round(time.perf_counter() - started, 1)
        runs.keep_record(folder, record)
        if stopped or isinstance(error, files.Unwritable):
            following = commandline.command("fer.train", [commandline.assigned("resume", folder)])
            following += trust.override_for(plain, str(folder))
            print(f"{record['status']}; go on with: {following}", flush=True)
        if error is raised:
            raise
        raise error from raised
    print("\n".join(closing(record, folder)), flush=True)
    return record


def command_line() -> str | None:
    """What was typed, when Hydra started this run."""
    if not HydraConfig.initialized():
        return None
    return commandline.command("fer.train", config.typed_overrides(), config.config_dir())


def fit_and_score(
    cfg: DictConfig, datamodule: FERDataModule, folder: Path, watchers: Sequence[Callback]
) -> dict[str, Any]:
    """Fits; then the best checkpoint's weights score every split once. Returns figures by name."""
    trainer = fit(cfg, datamodule, folder, watchers)
    best = best_checkpoint(trainer) or str(folder / runs.LAST)
    results = {
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "fit_seconds": round(fit_seconds(trainer), 1),
        "checkpoint": str(Path(best).relative_to(folder)) if Path(best).is_relative_to(folder) else best,
        "parameters": sum(p.numel() for p in trainer.lightning_module.model.parameters()),
    }
    results |= score(best_classifier(trainer, best), datamodule, folder, cfg.trainer.accelerator, cfg.trainer.precision)
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.TensorBoardLogger):
            from fer.training import tensorboard  # after the training: TensorBoard's protocols take a while to import

            figures = {name: value for name, value in results.items() if is_figure(name)}
            plain = OmegaConf.to_container(cfg, resolve=True)
            tensorboard.add_run(logger.experiment, command_line(), plain, figures, trainer.global_step)
            logger.finalize("success")
    return results


def is_figure(name: str) -> bool:
    return name.startswith(tuple(f"{split}/" for split in (*SPLITS, FOLD))) and name.count("/") == 1
