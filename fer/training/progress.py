"""Shows how far a training is: a line for each epoch and, on a terminal, one live line below them."""

import math
import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar, Timer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from fer import terminal
from fer.console import duration, loss_text

REFRESH = 0.1
"""Seconds between updates of the live line."""


class Lines(ProgressBar):
    """Prints one line for each epoch, for logs and pipes."""

    is_enabled = True

    def disable(self) -> None:
        self.is_enabled = False

    def enable(self) -> None:
        self.is_enabled = True

    def on_train_start(self, trainer, pl_module) -> None:
        self.started = time.perf_counter()
        self.first = trainer.current_epoch
        self.updated = ["train"]  # the splits with figures of this epoch

    def on_validation_end(self, trainer, pl_module) -> None:
        self.updated = ["train", "val"]

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        self._line(trainer)  # for the epoch before, whose last figures are logged after on_train_epoch_end

    def on_train_end(self, trainer, pl_module) -> None:
        self._line(trainer)

    def _line(self, trainer: pl.Trainer) -> None:
        epoch, metrics = trainer.current_epoch, trainer.callback_metrics
        if epoch == self.first:
            return
        splits = [split for split in self.updated if f"{split}/loss" in metrics]
        figures = {split: (metrics[f"{split}/loss"], 100 * metrics[f"{split}/accuracy"]) for split in splits}
        self.updated = ["train"]
        speed = f"{metrics['images_per_s']:,.0f} images/s, " if "images_per_s" in metrics else ""
        times = f"{duration(self.elapsed())} elapsed"
        if epoch < planned_epochs(trainer):
            times += f", at most {duration(self.time_left(trainer, epoch))} left"
        full = "; ".join(
            f"{split} loss {loss_text(loss)} accuracy {share:.2f} %" for split, (loss, share) in figures.items()
        )
        short = "; ".join(f"{split} {loss_text(loss, 3)} {share:.1f} %" for split, (loss, share) in figures.items())
        shortest = "; ".join(f"{split} {share:.1f} %" for split, (_, share) in figures.items())
        start = f"epoch {epoch}/{planned_epochs(trainer)}: "
        self.print_first([f"{start}{rest}" for rest in (f"{full}; {speed}{times}", full, short, shortest)])

    def elapsed(self) -> float:
        """Returns the seconds since the training started."""
        return time.perf_counter() - self.started

    def time_left(self, trainer: pl.Trainer, epoch: int, share: float = 0.0) -> float:
        """Returns the seconds that the rest takes at most, after `epoch` epochs and the share of another."""
        whole, part = work(trainer, self.first, epoch), share * work(trainer, epoch, epoch + 1)
        rest = work(trainer, epoch, planned_epochs(trainer)) - part
        return self.elapsed() * max(0.0, rest) / (whole + part)

    def print_first(self, forms: Sequence[str]) -> None:
        """Prints the first of several forms of the same line, the longest."""
        self.print(forms[0], flush=True)

    def print(self, *args: Any, **kwargs: Any) -> None:
        if self.is_enabled:
            print(*args, **kwargs)


class LiveLine(Lines):
    """Prints the lines of `Lines` on a terminal and, below them, one line on the current epoch that changes.

    Each line takes the longest form that fits the terminal. refresh_rate: batches between updates of the live line.
    """

    def __init__(self, refresh_rate: int = 1):
        super().__init__()
        self.refresh_rate = refresh_rate
        self.live: Live | None = None
        self.updated_at = 0.0

    def on_train_start(self, trainer, pl_module) -> None:
        super().on_train_start(trainer, pl_module)
        if self.is_enabled:
            self.live = Live(console=Console(), auto_refresh=False, transient=True)
            self.live.start()

    def on_train_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx) -> None:
        if self.live and batch_idx % self.refresh_rate == 0 and time.perf_counter() - self.updated_at > REFRESH:
            self.show(trainer, (batch_idx + 1) / trainer.num_training_batches, f"loss {loss_text(outputs['loss'], 3)}")

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0) -> None:
        if self.live and not trainer.sanity_checking and time.perf_counter() - self.updated_at > REFRESH:
            self.show(trainer, 1.0, "validation")

    def show(self, trainer: pl.Trainer, share: float, stage: str) -> None:
        """Updates the live line, if there is one.

        share: of the batches of the current epoch. stage: what happens, in a word or two.
        """
        if not self.live:
            return
        metrics, epoch = trainer.callback_metrics, trainer.current_epoch
        parts = [
            f"epoch {epoch + 1}/{planned_epochs(trainer)}",
            f"{100 * share:.0f} %",
            f"{duration(self.time_left(trainer, epoch, share))} left",
            stage,
        ]
        if "val/accuracy" in metrics:
            parts.append(f"val {100 * metrics['val/accuracy']:.1f} %")
        if "images_per_s" in metrics:
            parts.append(f"{metrics['images_per_s']:,.0f} images/s")
        self.updated_at = time.perf_counter()
        self.live.update(live_text(parts, share, self.live.console.width), refresh=True)

    def print_first(self, forms: Sequence[str]) -> None:
        """Prints the longest form that fits the terminal, else the shortest."""
        width = self.live.console.width if self.live else 0
        self.print(next((form for form in forms if len(form) < width), forms[-1]), flush=True)

    def on_train_end(self, trainer, pl_module) -> None:
        super().on_train_end(trainer, pl_module)
        self.stop()

    def on_exception(self, trainer, pl_module, exception) -> None:
        self.stop()

    def teardown(self, trainer, pl_module, stage) -> None:
        self.stop()

    def stop(self) -> None:
        """Removes the live line and shows the cursor again."""
        if self.live:
            self.live.stop()
            self.live = None


def live_text(parts: Sequence[str], share: float, width: int) -> Text:
    """Returns as many parts as fit one line of `width` columns, and a bar that is filled up to `share` if it fits."""
    kept = list(parts)
    while len(kept) > 1 and len("  ".join(kept)) >= width:
        kept.pop()
    text = Text("  ".join(kept), no_wrap=True, overflow="crop")
    room = width - len(text) - 3
    if len(kept) == len(parts) and room >= 5:
        bar = min(room, 20)
        filled = round(share * bar)
        text.append("  ").append("━" * filled, style="cyan").append("─" * (bar - filled), style="dim")
    return text


def progress_bar(refresh_rate: int = 1) -> ProgressBar:
    """Returns the live line on a terminal, and plain lines elsewhere or below the table of a sweep."""
    return LiveLine(refresh_rate) if terminal.is_interactive() and not terminal.shows_table() else Lines()


def planned_epochs(trainer: pl.Trainer) -> int:
    """Returns the number of epochs of the whole run, by max_epochs or max_steps, whichever ends it first.

    Where only a time ends it, the number that the time allows at the speed so far.
    """
    ends = [trainer.max_epochs] if trainer.max_epochs and trainer.max_epochs > 0 else []
    if trainer.max_steps > 0:
        ends.append(math.ceil(trainer.max_steps * trainer.accumulate_grad_batches / trainer.num_training_batches))
    return min(ends) if ends else epochs_in_time(trainer)


def epochs_in_time(trainer: pl.Trainer) -> int:
    """Returns the number of epochs that `max_time` allows at the speed so far, at least those that are done."""
    timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # pyright: ignore[reportAttributeAccessIssue]
    done, elapsed = max(1, trainer.current_epoch), timer.time_elapsed("train")
    return done + int(done * (timer.time_remaining("train") or 0) / elapsed) if elapsed else done


def work(trainer: pl.Trainer, start: int, end: int) -> float:
    """Returns the work of the epochs from `start` to before `end`, in epochs on pictures of full size."""
    resizing = getattr(getattr(trainer, "datamodule", None), "resizing", None)
    return resizing.work(start, end) if resizing else max(end - start, 0)


def say(trainer: pl.Trainer, text: str) -> None:
    """Prints a line above the live line, on rank 0."""
    if trainer.is_global_zero:
        bar = trainer.progress_bar_callback
        (bar.print if bar else print)(text)
