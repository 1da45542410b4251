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
from fer.errors import UserError
from fer.files import DAMAGED, put_aside

NEEDED = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step", "epoch")
"""Keys of a checkpoint that a run can go on from."""


class Damaged(Exception):
    """A checkpoint is not whole; the message is the reason."""


@dataclass(frozen=True)
class State:
    """Where a run starts: `file` with the state (None: at the beginning) after `step` optimizer steps.

    damaged: the reason for each file beside it that is not whole, and that the state stands in for.
    """

    file: str | None = None
    step: int = 0
    damaged: Mapping[Path, str] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """One line: what is damaged, and from where the run goes on; empty where nothing is damaged."""
        if not self.damaged:
            return ""
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in self.damaged.items())
        line = f"damaged and renamed to *{DAMAGED}: {reasons}"
        if self.file is None:
            return f"{line}. No whole state is left: the run starts from the beginning"
        return f"{line}. The run goes on from {Path(self.file).name}, after step {self.step}"

    def put_aside(self) -> None:
        """Renames the damaged files, which may be another program's and may be folders that nothing can replace."""
        for path in self.damaged:
            put_aside(path)


def newest(wanted: str | None, weights: Mapping[str, Tensor]) -> State:
    """The state to go on from where the checkpoint `wanted` was asked for.

    weights: the state_dict of the network of the run, whose names and shapes a state must have. Where `wanted` is the
    run's last.ckpt, and missing or damaged, the newest whole checkpoint beside it stands in, and without one the
    beginning. Raises UserError for any other file that is damaged.
    """
    if not wanted:
        return State()
    wanted = Path(wanted)
    damaged: dict[Path, str] = {}
    if wanted.name != runs.LAST.name:
        return named(wanted, weights)
    others = sorted(path for path in wanted.parent.glob("*.ckpt") if path.name != wanted.name)
    others.sort(key=lambda path: path.name != runs.PREVIOUS.name)  # the first one of as many steps
    for group in ([wanted], others):
        found = [state for path in group if (state := usable(path, weights, damaged))]
        if found:
            state = max(found, key=lambda state: state.step)
            return State(state.file, state.step, damaged)
    return State(damaged=damaged)


def named(path: Path, weights: Mapping[str, Tensor]) -> State:
    """The state in a file that the user named."""
    try:
        return State(str(path), whole(path, weights)["global_step"])
    except Damaged as error:
        fix = f"resume={path.parent.parent} goes on from the newest whole state"
        raise UserError(f"{path}: damaged ({error}); {fix}") from error


def usable(path: Path, weights: Mapping[str, Tensor], damaged: dict[Path, str]) -> State | None:
    """The state in `path`, or None where the run could not end as if nothing had happened; `damaged` keeps why.

    A state tells which file holds the best weights so far. Where that file is gone, only training from before can make
    it again.
    """
    if not os.path.lexists(path):
        return None
    try:
        content = whole(path, weights)
        best = best_of(content, path.parent)
        if best is not None and best != path:
            check_best(best, weights, damaged)
    except Damaged as error:
        damaged.setdefault(path, str(error))
        return None
    if path.name not in (runs.LAST.name, runs.PREVIOUS.name) and ending_an_epoch(content):
        return None
    return State(str(path), content["global_step"])


def ending_an_epoch(content: Mapping[str, Any]) -> bool:
    """Whether the state was saved in the hooks at the end of an epoch, where Lightning's own ModelCheckpoint saves.

    Plateau schedules and the training's figures follow after these, and a run from there would miss them.
    """
    epochs = content["loops"].get("fit_loop", {}).get("epoch_progress", {}).get("total", {})
    return epochs.get("completed", 0) < epochs.get("processed", 0)


def check_best(best: Path, weights: Mapping[str, Tensor], damaged: dict[Path, str]) -> None:
    try:
        whole(best, weights, needed=("state_dict",))
    except Damaged as error:
        damaged.setdefault(best, str(error))
        raise Damaged(f"the best weights before it are lost with {best.name}") from error


def whole(path: Path, weights: Mapping[str, Tensor], needed: tuple[str, ...] = NEEDED) -> dict[str, Any]:
    """The content of a checkpoint, tensors mapped from the file. Raises Damaged with the reason.

    Looks at the checksum of every part, since torch.load does not.
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
        raise Damaged("cut, overwritten or of another program") from None
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None
    except Exception as error:  # whatever bytes may lead to
        raise Damaged((str(error).strip() or type(error).__name__).splitlines()[0][:120]) from None
    check_content(content, weights, needed)
    return content


def check_content(content: Any, weights: Mapping[str, Tensor], needed: tuple[str, ...]) -> None:
    """Raises Damaged for the content of a checkpoint of another program, or of another network."""
    missing = [key for key in needed if not isinstance(content, dict) or key not in content]
    if missing:
        raise Damaged(f"not a state to go on from: no {missing[0]}")
    saved = content["state_dict"]
    shapes = {name: getattr(value, "shape", None) for name, value in saved.items()} if isinstance(saved, dict) else {}
    if shapes != {name: value.shape for name, value in weights.items()}:
        raise Damaged("the state of another network")
    if "global_step" in needed and not isinstance(content["global_step"], int):
        raise Damaged("global_step is not an integer")


def best_of(content: Mapping[str, Any], folder: Path) -> Path | None:
    """The file with the best weights so far, as the state's ModelCheckpoint knows it, also after the run moved."""
    for state in content["callbacks"].values():
        named = state.get("best_model_path") if isinstance(state, dict) else None
        if named:
            places = (Path(named), folder / Path(named).name)
            return next((place for place in reversed(places) if os.path.lexists(place)), places[-1])
    return None


def keep_previous(last: Path) -> None:
    """Gives the state in `last`, which is about to be replaced, the second name previous.ckpt.

    It stands in where last.ckpt is damaged. As a hard link it costs no writing, and no space but that of one state
    until the run is finished; file systems without hard links keep none.
    """
    previous = last.with_name(runs.PREVIOUS.name)
    with suppress(OSError):
        previous.unlink(missing_ok=True)
        os.link(last, previous)
