"""Measures the parts of a training step, and what a run costs outside of its steps."""

from collections import defaultdict
from pathlib import Path
from statistics import fmean

import lightning.pytorch as pl
import torch
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig

from fer.benchmarking import lightning_fit
from fer.benchmarking.timing import Clock
from fer.data.datamodule import FERDataModule
from fer.memory import own_peak_mb

Costs = dict[str, tuple[float, str]]
"""Name of what was measured -> value and unit."""

STEP = "ms a step"
ACTIONS = {
    "data": "train_dataloader_next",
    "augmentation": "FERDataModule.on_after_batch_transfer",
    "transfer": "transfer_batch_to_device",
    "step": "run_training_batch",
}
"""Endings of the names under which Lightning profiles the parts of a step."""


class StepProfiler(Profiler):
    """Measures the seconds of each part of a step; waits for the device at both ends of a part."""

    def __init__(self, clock: Clock):
        super().__init__()
        self.clock = clock
        self.start_times: dict[str, float] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def start(self, action_name: str) -> None:
        if action_name.endswith(tuple(ACTIONS.values())):
            self.start_times[action_name] = self.clock()

    def stop(self, action_name: str) -> None:
        if action_name in self.start_times:
            part = next(part for part, ending in ACTIONS.items() if action_name.endswith(ending))
            self.seconds[part].append(self.clock() - self.start_times.pop(action_name))

    def mean_costs(self, warmup: int, step_seconds: float) -> Costs:
        """Returns the mean milliseconds of each part without the first `warmup` steps, and the rest of a step.

        step_seconds: duration of a whole step.
        """
        parts = {part: fmean(self.seconds[part][warmup:]) for part in ACTIONS}
        parts["logging and the rest"] = step_seconds - sum(parts.values())
        return {name: (1000 * seconds, STEP) for name, seconds in parts.items()}


def parts_of_a_step(cfg: DictConfig, datamodule: FERDataModule, clock: Clock, steps: int, folder: Path) -> Costs:
    """Measures the parts in a separate fit, since waiting for the device after each part slows the fit down."""
    profiler = StepProfiler(clock)
    timer = lightning_fit.BlockTimer(1, cfg.warmup_steps, steps, clock)
    lightning_fit.fit(cfg, datamodule, timer, folder / "parts", profiler)
    return profiler.mean_costs(cfg.warmup_steps, timer.seconds[0] / steps)


def outside_of_steps(trainer: pl.Trainer, datamodule: FERDataModule, clock: Clock, folder: Path) -> Costs:
    """Measures a pass over the validation split, and a checkpoint."""
    trainer.limit_val_batches = 1.0
    validation_seconds(trainer, datamodule, clock)  # not counted: it moves the split to the device
    seconds = validation_seconds(trainer, datamodule, clock)
    start = clock()
    trainer.save_checkpoint(folder / "checkpoint.ckpt")
    saving = clock() - start
    return {
        "validation": (len(datamodule.splits["val"]) / seconds, "images/s"),
        "checkpoint": (1000 * saving, "ms"),
        "checkpoint on disk": ((folder / "checkpoint.ckpt").stat().st_size / 1e6, "MB"),
    }


def validation_seconds(trainer: pl.Trainer, datamodule: FERDataModule, clock: Clock) -> float:
    with lightning_fit.silenced():
        start = clock()
        trainer.validate(trainer.lightning_module, datamodule=datamodule, verbose=False)
        return clock() - start


def peak_memory(device: torch.device) -> Costs:
    """Returns the peak memory of this process so far: on the host, and of tensors on the GPU."""
    peaks = {"peak memory": (own_peak_mb(), "MB")}
    if device.type == "cuda":
        peaks["peak memory on the GPU"] = (torch.cuda.max_memory_allocated(device) / 1e6, "MB")
    return peaks
