"""Splits the time of a training step into its parts, and lists what lies outside of it."""

import resource
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import lightning.pytorch as pl
import torch
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig

from fer.benchmarking import whole
from fer.benchmarking.timing import Clock
from fer.data.datamodule import FERDataModule
from fer.memory import peak_mb

Costs = dict[str, tuple[float, str]]
"""Values with their units, by what was measured."""

STEP = "ms a step"
MARKS = {
    "data": "train_dataloader_next",
    "augmentation": "FERDataModule.on_after_batch_transfer",
    "transfer": "transfer_batch_to_device",
    "step": "run_training_batch",
}
"""How the names end by which Lightning tells its profiler what it is at."""


class Parts(Profiler):
    """Seconds of the parts of a step, each waited for, as Lightning's own marks delimit them."""

    def __init__(self, watch: Clock):
        super().__init__()
        self.watch = watch
        self.started: dict[str, float] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def start(self, action_name: str) -> None:
        if action_name.endswith(tuple(MARKS.values())):
            self.started[action_name] = self.watch()

    def stop(self, action_name: str) -> None:
        if action_name in self.started:
            part = next(part for part, mark in MARKS.items() if action_name.endswith(mark))
            self.seconds[part].append(self.watch() - self.started.pop(action_name))

    def of_a_step(self, warmup: int, whole_step: float) -> Costs:
        """Milliseconds of an average step that takes `whole_step` seconds, the first `warmup` steps left out; the rest
        is what no mark covers."""
        parts = {part: fmean(self.seconds[part][warmup:]) for part in MARKS}
        parts["logging and the rest"] = whole_step - sum(parts.values())
        return {name: (1000 * seconds, STEP) for name, seconds in parts.items()}


def parts_of_a_step(cfg: DictConfig, datamodule: FERDataModule, watch: Clock, steps: int, folder: Path) -> Costs:
    """The parts in a fit of their own, since waiting for the device after each would slow the timed one down."""
    parts = Parts(watch)
    blocks = whole.Blocks(1, cfg.warmup_steps, steps, watch)
    whole.fit(cfg, datamodule, blocks, folder / "parts", parts)
    return parts.of_a_step(cfg.warmup_steps, blocks.seconds[0] / steps)


def left_out(trainer: pl.Trainer, watch: Clock, folder: Path) -> Costs:
    """What the timed part leaves out, measured once: a pass over the validation split (a second one, since the first
    brings the split to the device) and a checkpoint."""
    trainer.limit_val_batches = 1.0
    classifier, datamodule = trainer.lightning_module, trainer.datamodule
    for _ in range(2):
        with whole.unheard():
            started = watch()
            trainer.validate(classifier, datamodule=datamodule, verbose=False)
            seconds = watch() - started
    started = watch()
    trainer.save_checkpoint(folder / "checkpoint.ckpt")
    saving = watch() - started
    return {
        "validation": (len(datamodule.splits["val"]) / seconds, "images/s"),
        "checkpoint": (1000 * saving, "ms"),
        "checkpoint on disk": ((folder / "checkpoint.ckpt").stat().st_size / 1e6, "MB"),
    }


def peak_memory(device: torch.device) -> Costs:
    """The most that this process has held so far, on the host and, in tensors, on the device."""
    peaks = {"peak memory": (peak_mb(resource.getrusage(resource.RUSAGE_SELF)), "MB")}
    if device.type == "cuda":
        peaks["peak memory on the GPU"] = (torch.cuda.max_memory_allocated(device) / 1e6, "MB")
    return peaks
