"""One experiment from a composed config: data, classifier, trainer -> fit, score, record."""

import logging
import shlex
import signal
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from torch import nn

from fer import resume, runs
from fer.augment import Augment
from fer.callbacks import ValidatedInTime
from fer.classifier import Classifier
from fer.console import closing, opening
from fer.data.datamodule import FERDataModule
from fer.data.faces import SIZE
from fer.data.resizing import Resizing
from fer.data.splits import SPLITS
from fer.errors import Interrupted, UserError, interruptible
from fer.hardware import best_memory_format, best_precision, commit, hardware, has_compiler, uses_cuda, versions
from fer.memory import keep_freed
from fer.scoring import score
from fer.survival import WholeFiles

QUIET = (
    "does not have many workers",  # whole batches are sliced in the main process: faster than workers
    "is smaller than the logging interval",
    "Checkpoint directory .* exists and is not empty",
    "Experiment logs directory .* exists",
    "is not supported by the model summary",
    "your dataloader is not resumable",  # fer.survival tells its sampler where to go on
    "treespec, LeafSpec",  # between lightning and newer torch
    "recommended to use .*sync_dist=True",  # the figures are computed over all ranks already
)
DERIVED = ("classes", "class_counts", "mean", "std")
"""What a classifier takes from its data."""


def run(cfg: DictConfig, watchers: Sequence[Callback] = ()) -> dict[str, Any]:
    """Trains as `cfg` says and returns the content of metrics.json. See `fer.train.train`.

    In a distributed run only rank 0 records, scores and returns; the others return nothing. watchers: callbacks that
    look on and may stop the run, but do not make it another one, such as a search's.
    """
    quieten()
    typed, cfg = cfg, cfg.copy()
    resolved = resolve_auto(cfg)
    rehearse(cfg)
    datamodule: FERDataModule = instantiate(cfg.data)
    datamodule.setup()
    if not cfg.get("test", True):
        datamodule.scored = SPLITS[:2]
    identity = runs.identity(typed, datamodule.fingerprint)
    if cfg.existing == "continue" and not cfg.resume and (before := runs.earlier(Path(cfg.output_dir), identity)):
        folder, record = before
        if not again(folder, record, cfg.retry):
            return record
        if not diverged(record):
            return run(resume.saved(folder, folder / runs.LAST), watchers)
    if rank_zero_only.rank:
        with suppress(Interrupted), interruptible():
            fit(cfg, datamodule, Path(cfg.output_dir), watchers)
        return {}
    with interruptible():
        folder, lock = (runs.reopen if cfg.resume else runs.claim)(Path(cfg.output_dir))
        try:
            return recorded(cfg, datamodule, folder, identity, resolved, watchers)
        finally:
            lock.release()


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
    plain = OmegaConf.to_container(cfg, resolve=True)
    machine = {"versions": versions(), "hardware": hardware(), "commit": commit()}
    if cfg.resume:
        record = runs.read_record(folder)
        resume.check_data(record, datamodule.fingerprint)
        record |= {"error": None, "resumed": [*record.get("resumed", ()), machine]}
    else:
        known = {"command": command_line(), "identity": identity, "config": plain, "resolved": resolved}
        record = {"status": "interrupted", **known, "data": datamodule.description(), **machine}
        runs.write_json(folder / runs.METRICS, record)  # true until the run is known to have ended otherwise
        runs.write_config(folder / runs.CONFIG, plain | {"found": datamodule.description()})
    started = time.perf_counter()
    record["status"] = "failed"
    try:
        record |= fit_and_score(cfg, datamodule, folder, watchers)
        record["status"] = "finished"
    except BaseException as error:
        record["error"] = f"{type(error).__name__}: {error}"
        if isinstance(error, Interrupted | SystemExit):
            record["status"] = "interrupted"
            print(f"interrupted; go on with: python -m fer.train resume={folder}", flush=True)
        raise
    finally:
        record["seconds"] = round(time.perf_counter() - started, 1)
        runs.write_json(folder / runs.METRICS, record)
    print("\n".join(closing(record, folder)), flush=True)
    return record


def command_line() -> str | None:
    """What was typed, when Hydra started this run."""
    if not HydraConfig.initialized():
        return None
    return shlex.join(["python", "-m", "fer.train", *HydraConfig.get().overrides.task])


def resolve_auto(cfg: DictConfig) -> dict[str, Any]:
    """Replaces `auto` in `cfg` by what suits the machine; returns the choices."""
    if cfg.trainer.precision == "auto":
        cfg.trainer.precision = best_precision(cfg.trainer.accelerator)
    if cfg.channels_last == "auto":
        cfg.channels_last = best_memory_format(str(cfg.trainer.precision), cfg.trainer.accelerator)
    if cfg.trainer.sync_batchnorm == "auto":
        cfg.trainer.sync_batchnorm = uses_cuda(cfg.trainer.accelerator)
    return {"precision": str(cfg.trainer.precision), "channels_last": cfg.channels_last}


def rehearse(cfg: DictConfig) -> None:
    """Builds every part once, the network without memory, so that impossible options fail before data is read."""
    if cfg.compile and not has_compiler():
        raise UserError("compile=true needs a C++ compiler and finds none; install g++, or leave compile=false")
    classes = list(cfg.labels.classes or ("a", "b"))
    try:
        augment = Augment(num_classes=len(classes), **cfg.augment)
        images, _ = augment(torch.zeros(2, 1, SIZE, SIZE), torch.tensor([0, 1]))
        with torch.device("meta"):
            classifier = build_classifier(cfg, classes=classes, class_counts=[1] * len(classes))
            instantiate(cfg.optimizer, list(classifier.parameters()))
            classifier.model(torch.zeros(2, 1, SIZE, SIZE))
            for side in {images.shape[-1], *Resizing(cfg.data.progressive_resizing).sides.values()} - {SIZE}:
                rehearse_other_size(classifier.model, side)
    except (InstantiationException, ValueError, RuntimeError) as error:
        raise as_user_error(error) from error


def as_user_error(error: BaseException) -> UserError:
    """The one line that a constructor said, without what Hydra wraps around it."""
    while error.__cause__:
        error = error.__cause__
    return UserError(str(error).splitlines()[0])


def rehearse_other_size(model: nn.Module, size: int) -> None:
    """Raises ValueError where a network cannot train on pictures of another size than it is validated on."""
    try:
        model(torch.zeros(2, 1, size, size, device="meta"))
    except RuntimeError:
        raise ValueError(
            f"training pictures of {size}×{size} do not fit the model, which sees {SIZE}×{SIZE} in validation; use "
            "model.head_pool=1, or give augment's crop padding and leave out data.progressive_resizing"
        ) from None


def build_classifier(cfg: DictConfig, **derived: Any) -> Classifier:
    """The classifier with what follows from the data: classes, class_counts, mean, std."""
    return instantiate(
        cfg.classifier,
        channels_last=cfg.channels_last,
        experiment=OmegaConf.to_container(cfg, resolve=True),
        **derived,
    )


def classifier_for(cfg: DictConfig, datamodule: FERDataModule) -> Classifier:
    return build_classifier(cfg, **{name: getattr(datamodule, name) for name in DERIVED})


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
    results |= score(best, datamodule, folder, cfg.trainer.accelerator, cfg.trainer.precision)
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.TensorBoardLogger):
            logger.log_hyperparams(flat(results_config(cfg)), {k: v for k, v in results.items() if is_figure(k)})
            logger.finalize("success")
    return results


def fit(cfg: DictConfig, datamodule: FERDataModule, folder: Path, watchers: Sequence[Callback] = ()) -> pl.Trainer:
    """The trainer after training, from the state in `cfg.resume` where that is."""
    keep_freed()
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()  # in place, so checkpoints keep their names
    state = cfg.resume if cfg.resume and Path(cfg.resume).is_file() else None
    step = resume.step_of(state)
    announce(classifier, cfg.trainer, cfg.resume, step)
    if cfg.resume and not rank_zero_only.rank:
        resume.keep_history(folder, step)
    try:
        loggers = [instantiate(node, **purge(node, step)) for node in cfg.logger.values() if node]
        callbacks = [instantiate(node) for node in cfg.callbacks.values() if node]
        options = {
            "logger": loggers,
            "callbacks": [*callbacks, *watchers, ValidatedInTime()],
            "plugins": [WholeFiles()],
        }
        trainer = instantiate(cfg.trainer, default_root_dir=str(folder), **options)
    except InstantiationException as error:
        raise as_user_error(error) from error
    try:
        trainer.fit(classifier, datamodule=datamodule, ckpt_path=state, weights_only=True)
    except Interrupted:
        if trainer.strategy.launcher:
            trainer.strategy.launcher.kill(signal.SIGTERM)  # ranks that were still starting
        raise
    finally:
        if not rank_zero_only.rank:
            resume.join_history(folder)
    return trainer


@rank_zero_only
def announce(classifier: Classifier, trainer: DictConfig, resumed: str | None, step: int) -> None:
    size = sum(p.numel() for p in classifier.model.parameters())
    length = f"{trainer.max_epochs} epochs" if trainer.max_epochs != -1 else f"{trainer.max_steps} steps"
    print(f"{type(classifier.model).__name__} of {size:,} parameters, {length}", flush=True)
    if resumed:
        print(f"resumed after step {step}" if step else "nothing was saved yet: starts from the beginning", flush=True)


def purge(logger: DictConfig, step: int) -> dict[str, int]:
    """Makes TensorBoard forget what a resumed run is about to repeat."""
    return {"purge_step": step} if step and logger._target_.endswith("TensorBoardLogger") else {}


def best_checkpoint(trainer: pl.Trainer) -> str | None:
    """The file with the best weights so far, as the first ModelCheckpoint judges."""
    return next((c.best_model_path for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)), None)


def fit_seconds(trainer: pl.Trainer) -> float:
    """Seconds of training, those before a resumption included."""
    return next((c.time_elapsed("train") for c in trainer.callbacks if isinstance(c, Timer)), float("nan"))


def is_figure(name: str) -> bool:
    return name.startswith(tuple(f"{split}/" for split in SPLITS)) and name.count("/") == 1


def results_config(cfg: DictConfig) -> dict[str, Any]:
    """The parts of the config that people compare in TensorBoard's HParams table."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    groups = ("data", "labels", "augment", "model", "loss", "optimizer", "scheduler")
    return {name: plain[name] for name in (*groups, "seed", "study")}


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names; lists as text."""
    if isinstance(node, dict):
        return {k: v for name, value in node.items() for k, v in flat(value, f"{path}{name}.").items()}
    return {path.rstrip("."): node if isinstance(node, int | float | str | bool) else str(node)}


def quieten() -> None:
    """Silences what does not concern these runs, and Lightning's remarks on what the first lines say anyway."""
    for message in QUIET:
        warnings.filterwarnings("ignore", f".*{message}.*")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
