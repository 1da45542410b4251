"""Names that earlier versions used."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

UNNAMED = ("experiment", "study", "seed", "existing", "retry")
MOVED = {"fer.callbacks": "fer.training.callbacks", "fer.survival": "fer.training.checkpointing"}
"""Former module of callbacks and loggers in a `_target_` -> their module now."""
PLACES = ("output_dir", "data.root", "data.held_out", "labels.votes_file", "resume")


def run_name(overrides: Sequence[str]) -> str:
    """Returns the former name of a run's folder, such as `model-cnn3,optimizer-sgd`; now `fer.naming` makes names."""
    parts = [part.lstrip("+~") for part in overrides]
    parts = [part for part in parts if re.split("[=@]", part)[0] not in (*UNNAMED, *PLACES)]
    parts = [part for part in parts if not part.startswith(("hydra", "launcher"))]
    name = re.sub(r"[^A-Za-z0-9_.,-]+", "-", ",".join(sorted(parts)).replace("=", "-")).strip("-") or "defaults"
    return name if len(name) <= 120 else f"{name[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def current(target: str) -> str:
    """Returns the import path that `target` has now."""
    return moved(target, MOVED)


def first(target: str) -> str:
    """Returns the import path that `target` had in the first version, which identities of runs are made of."""
    return moved(target, {now: before for before, now in MOVED.items()})


def moved(target: str, modules: Mapping[str, str]) -> str:
    module, dot, name = target.rpartition(".")
    return f"{modules.get(module, module)}{dot}{name}"


def retargeted(node: Any, rename: Callable[[str], str] = current) -> Any:
    """Returns a copy of a plain configuration in which every `_target_` is renamed."""
    if isinstance(node, list):
        return [retargeted(item, rename) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: rename(value) if key == "_target_" and isinstance(value, str) else retargeted(value, rename)
        for key, value in node.items()
    }


def with_divergence(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the record of a run with the field `diverged`, which earlier versions had in the error's text only."""
    return {"diverged": str(record.get("error")).startswith("Diverged")} | record
