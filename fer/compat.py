"""What earlier versions called things."""

import hashlib
import re
from collections.abc import Sequence

UNNAMED = ("experiment", "study", "seed", "existing", "retry")
PLACES = ("output_dir", "data.root", "data.held_out", "labels.votes_file", "resume")


def run_name(overrides: Sequence[str]) -> str:
    """The folder of a run before names were made by `fer.naming`: `model-cnn3,optimizer-sgd`."""
    parts = [part.lstrip("+~") for part in overrides]
    parts = [part for part in parts if re.split("[=@]", part)[0] not in (*UNNAMED, *PLACES)]
    parts = [part for part in parts if not part.startswith(("hydra", "launcher"))]
    name = re.sub(r"[^A-Za-z0-9_.,-]+", "-", ",".join(sorted(parts)).replace("=", "-")).strip("-") or "defaults"
    return name if len(name) <= 120 else f"{name[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
