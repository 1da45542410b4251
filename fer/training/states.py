"""Finds the newest complete state among the saved states of a run."""

import os
import stat
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fer import runs
from fer.errors import UserError, first_line
from fer.files import DAMAGED, put_aside

STATE_KEYS = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step", "epoch")
"""Keys of a checkpoint that can be resumed."""


class Damaged(Exception):
    """A checkpoint is damaged; the message is the reason."""


@dataclass(frozen=True)
class State:
    """The state that a run starts from: `file`, after `step` optimizer steps and `epochs` whole epochs.

    file=None starts from the beginning.

    damaged: the damaged files that this state replaces, each with the reason.
    """

    file: str | None = None
    step: int = 0
    epochs: int = 0
    damaged: Mapping[Path, str] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """One line with the damaged files and where the run resumes; empty where nothing is damaged."""
        if not self.damaged:
            return ""
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in self.damaged.items())
        line = f"damaged and renamed to *{DAMAGED}: {reasons}"
        if self.file is None:
            return f"{line}. No undamaged state is left: the run starts from the beginning"
        return f"{line}. The run resumes from {Path(self.file).name}, after step {self.step}"

    def put_aside(self) -> None:
        """Renames the damaged files: they may belong to another program, or be folders, which cannot be overwritten."""
        for path in self.damaged:
            put_aside(path)


def newest(checkpoint: Path | None, weights: Mapping[str, Tensor] | None = None) -> State:
    """Returns the state to start from where `checkpoint` was asked for; None starts from the beginning.

    weights: the state_dict of the run's network, whose names and shapes a state must have; None for any network.
    If `checkpoint` is the run's last.ckpt, and missing or damaged, the newest undamaged checkpoint beside it takes its
    place, and without one the beginning. Raises UserError for any other file that is damaged.
    """
    if checkpoint is None:
        return State()
    if checkpoint.name != runs.LAST.name:
        return state_in(checkpoint, weights)
    damaged: dict[Path, str] = {}
    last = usable(checkpoint, weights, damaged)
    if last:
        return last
    others = sorted(path for path in checkpoint.parent.glob("*.ckpt") if path.name != checkpoint.name)
    others.sort(key=lambda path: path.name != runs.PREVIOUS.name)  # preferred among states of the same step
    states = [state for path in others if (state := usable(path, weights, damaged))]
    if not states:
        return State(damaged=damaged)
    best = max(states, key=lambda state: state.step)
    return State(best.file, best.step, best.epochs, damaged)


def state_in(path: Path, weights: Mapping[str, Tensor] | None) -> State:
    """Returns the state in a file that the user named; UserError where it is damaged."""
    try:
        content = read_checkpoint(path, weights)
        return State(str(path), content["global_step"], whole_epochs(content))
    except Damaged as error:
        fix = f"resume={path.parent.parent} goes on from the newest undamaged state"
        raise UserError(f"{path}: damaged ({error}); {fix}") from error


def usable(path: Path, weights: Mapping[str, Tensor] | None, damaged: dict[Path, str]) -> State | None:
    """Returns the state in `path`; None where a run resumed from it would end otherwise than without interruption.

    A state names the file with the best weights so far. If that file is lost, the state is not usable: only training
    from an earlier state can produce it again. The reason is added to `damaged`.
    """
    if not os.path.lexists(path):
        return None
    try:
        content = read_checkpoint(path, weights)
        best = best_checkpoint(content, path.parent)
        if best is not None and best != path:
            check_best(best, weights, damaged)
    except Damaged as error:
        damaged.setdefault(path, str(error))
        return None
    if path.name not in (runs.LAST.name, runs.PREVIOUS.name) and saved_at_epoch_end(content):
        return None
    return State(str(path), content["global_step"], whole_epochs(content))


def whole_epochs(content: Mapping[str, Any]) -> int:
    return content["loops"].get("fit_loop", {}).get("epoch_progress", {}).get("current", {}).get("processed", 0)


def saved_at_epoch_end(content: Mapping[str, Any]) -> bool:
    """Whether the state was saved in the hooks at the end of an epoch, as by Lightning's own ModelCheckpoint.

    A run resumed there would miss the step of plateau schedules and the training's figures, which follow later.
    """
    epochs = content["loops"].get("fit_loop", {}).get("epoch_progress", {}).get("total", {})
    return epochs.get("completed", 0) < epochs.get("processed", 0)


def check_best(best: Path, weights: Mapping[str, Tensor] | None, damaged: dict[Path, str]) -> None:
    try:
        read_checkpoint(best, weights, needed=("state_dict",))
    except Damaged as error:
        damaged.setdefault(best, str(error))
        raise Damaged(f"the best weights before it are lost with {best.name}") from error


def read_checkpoint(
    path: Path, weights: Mapping[str, Tensor] | None, needed: tuple[str, ...] = STATE_KEYS
) -> dict[str, Any]:
    """Returns the content of a checkpoint, tensors mapped from the file. Raises Damaged with the reason.

    Checks the checksum of every part, because torch.load does not.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Damaged("not a file")
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        if bad is not None:
            raise Damaged(f"wrong checksum of {bad}")
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Damaged:
        raise
    except zipfile.BadZipFile:
        raise Damaged("truncated, overwritten or of another program") from None
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None
    except Exception as error:  # damaged bytes may raise anything
        raise Damaged(first_line(error, 120)) from None
    check_content(content, weights, needed)
    return content


def check_content(content: Any, weights: Mapping[str, Tensor] | None, needed: tuple[str, ...]) -> None:
    """Raises Damaged for the content of a checkpoint of another program, or of another network."""
    missing = [key for key in needed if not isinstance(content, dict) or key not in content]
    if missing:
        raise Damaged(f"not a state that can be resumed: no {missing[0]}")
    saved = content["state_dict"]
    shapes = {name: getattr(value, "shape", None) for name, value in saved.items()} if isinstance(saved, dict) else {}
    if weights is not None and shapes != {name: value.shape for name, value in weights.items()}:
        raise Damaged("the state of another network")
    if "global_step" in needed and not isinstance(content["global_step"], int):
        raise Damaged("global_step is not an integer")


def best_checkpoint(content: Mapping[str, Any], folder: Path) -> Path | None:
    """Returns the file with the best weights so far by the state's ModelCheckpoint; looks in `folder` first.

    The path in the state is of the place where the run was before it moved.
    """
    for state in content["callbacks"].values():
        stored = state.get("best_model_path") if isinstance(state, dict) else None
        if stored:
            moved = folder / Path(stored).name
            return Path(stored) if os.path.lexists(stored) and not os.path.lexists(moved) else moved
    return None


def keep_previous(last: Path) -> None:
    """Keeps the state in `last`, which is about to be replaced, under the second name previous.ckpt.

    A run resumes from it where last.ckpt is damaged. The hard link costs no time, and the space of one state until the
    run finishes; file systems without hard links keep no such file.
    """
    previous = last.with_name(runs.PREVIOUS.name)
    with suppress(OSError):
        previous.unlink(missing_ok=True)
        os.link(last, previous)
