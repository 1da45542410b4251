"""Runs one experiment: rehearses, reads the data, fits, scores and records."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from fer import files, run_folders, runs
from fer.console import quieten
from fer.containers import plain
from fer.data.datamodule import FERDataModule
from fer.errors import Interrupted, UserError, interruptible
from fer.identity import run_identity
from fer.training import prolonging, resume
from fer.training.active_run import ActiveRun, active_run
from fer.training.building import build_datamodule, resolve_auto, with_output_dir
from fer.training.closing import closing
from fer.training.fit import best_classifier, fit, fit_summary
from fer.training.initial import InitialWeights
from fer.training.length import check_batches
from fer.training.rehearsal import rehearse
from fer.training.reporting import seconds_before
from fer.training.scoring import score
from fer.training.tensorboard import log_hyperparameters

Record = dict[str, Any]


def run(
    cfg: DictConfig, watchers: Sequence[Callback] = (), checkpoint: Path | None = None, command: str | None = None
) -> Record:
    """Trains as `cfg` says and returns the content of metrics.json; see `fer.training.start.train`.

    watchers: callbacks that observe the run and may stop it, but do not change its identity, such as a search's.
    checkpoint: the saved state of the run in `cfg.output_dir` to go on from. command: see `fer.training.start.train`.
    In a distributed run only rank 0 records, scores and returns the record; the other ranks return an empty one.
    """
    quieten()
    resolved = resolve_auto(cfg)
    initial = rehearse(resolved)
    datamodule = build_datamodule(resolved)
    datamodule.setup()
    check_batches(resolved, datamodule)
    if resolved.trainer.get("fast_dev_run"):
        return trial(resolved, datamodule, watchers, initial)
    identity = run_identity(cfg, datamodule.identity, initial.digest if initial else None)

    if cfg.existing == "continue" and checkpoint is None:
        earlier = run_folders.earlier(Path(cfg.output_dir), str(cfg.study), identity)
        if earlier and is_over(*earlier, retry=cfg.retry):
            return earlier[1] | {"folder": str(earlier[0])}
        if earlier and not earlier[1].get("diverged"):
            resolved, checkpoint = resume.repeated(resolved, earlier[0])

    if rank_zero_only.rank:
        with suppress(Interrupted), interruptible():
            fit(resolved, datamodule, Path(resolved.output_dir), checkpoint, watchers, initial)
        return {}
    prolonged = prolonging.source(resolved, checkpoint)
    if prolonged:
        resume.check_data(runs.read_record(prolonged), datamodule.fingerprint, datamodule.soft_digest)
    reopened = None if prolonged else checkpoint
    with (
        interruptible(),
        files.quiet_threads(),
        active_run(resolved, reopened, datamodule.description(), identity, command) as active,
    ):
        if prolonged:
            active.checkpoint = prolonging.copy_state(prolonged, active.folder)
            active.record["test_readings"] = prolonging.test_readings(prolonged) + bool(cfg.get("test", True))
            runs.write_json(active.folder / runs.METRICS, active.record)
        with active.recorded():
            fit_and_score(active, datamodule, watchers, initial)
        print("\n".join(closing(active.record, active.folder)), flush=True)
        return active.record | {"folder": str(active.folder)}


def trial(
    cfg: DictConfig, datamodule: FERDataModule, watchers: Sequence[Callback], initial: InitialWeights | None
) -> Record:
    """Fits for the few batches of `trainer.fast_dev_run` in a folder that is then deleted; nothing is scored."""
    with interruptible(), tempfile.TemporaryDirectory(prefix="fer-trial-") as folder:
        say(f"a trial (trainer.fast_dev_run={cfg.trainer.fast_dev_run}): nothing is scored, and no run is left")
        fit(with_output_dir(cfg, Path(folder)), datamodule, Path(folder), watchers=watchers, initial=initial)
    say("the trial passed")
    return {"status": "trial"}


def fit_and_score(
    run: ActiveRun, datamodule: FERDataModule, watchers: Sequence[Callback], initial: InitialWeights | None
) -> None:
    """Fits, scores every split once with the best checkpoint's weights, and adds the figures to the run's record."""
    if initial:
        run.record["initial"] = {"source": initial.source, "digest": initial.digest}
    trainer = fit(run.cfg, datamodule, run.folder, run.checkpoint, watchers, initial)
    classifier = best_classifier(trainer, run.folder)
    run.record |= fit_summary(trainer, run.cfg, run.folder)
    accelerator, checkpoint = run.cfg.trainer.accelerator, run.record["checkpoint"]
    with_report = run.record["fit_seconds"] >= seconds_before(run.cfg)
    run.record |= score(classifier, datamodule, run.folder, accelerator, checkpoint, run.record, with_report)
    log_hyperparameters(trainer.loggers, plain(run.cfg), run.record, trainer.global_step)


def is_over(folder: Path, record: Record, retry: bool) -> bool:
    """Whether a run that was started before needs nothing more from this process, which a line then says.

    Raises UserError for a run that diverged, unless `retry`.
    """
    if record["status"] == "finished":
        say(f"{folder} finished before: skipped")
        return True
    if record.get("diverged") and not retry:
        raise UserError(f"{folder} diverged before ({record['error']}); retry=true runs it again")
    if rank_zero_only.rank:
        return False
    lock = run_folders.hold(folder)
    if lock is None:
        say(f"{folder}: another process works on it: skipped")
        return True
    lock.release()
    return False


@rank_zero_only
def say(line: str) -> None:
    print(line, flush=True)
