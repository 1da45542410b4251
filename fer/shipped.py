"""Finds the networks that ship in fer/weights by name, and checks their SHA-256.

fer/weights/SHA256SUMS has a line for each file, as sha256sum writes it. The .onnx file is used if onnxruntime is
installed, since it loads faster; otherwise the .pt file.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from fer.errors import UserError

WEIGHTS = Path(__file__).resolve().parent / "weights"
SUMS = "SHA256SUMS"
NAMES = ("standard", "pocket", "tiny")
"""Networks from large to small; the first that ships is the default."""
REMEDY = "install fer again, or name another network with --checkpoint FILE"


def network_path(
    name: str | None = None, folder: Path = WEIGHTS, differentiable: bool = False, suffix: str | None = None
) -> Path:
    """Returns the file of a network to load, the .pt file if `differentiable`, another kind of file by its `suffix`.

    name: of the network, by default the first of NAMES that ships. Raises UserError if no network ships, or if the file
    is missing or modified.
    """
    sums, shipping = read_sums(folder / SUMS), names(folder)
    if not shipping:
        raise UserError("no network ships with this version; name one with --checkpoint: a run's folder, .ckpt, .onnx")
    if name is not None and name not in shipping:
        raise UserError(f"no network '{name}' ships with this version; there are {', '.join(shipping)}")
    with_onnx = find_spec("onnxruntime") and not differentiable
    stem = name or shipping[0]
    suffix = suffix or (".onnx" if with_onnx and f"{stem}.onnx" in sums else ".pt")
    path = folder / f"{stem}{suffix}"
    if path.name not in sums:
        raise UserError(f"no {path.name} ships with this version; leave --precision out")
    if not path.is_file():
        raise UserError(f"{path} is missing; {REMEDY}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sums[path.name]:
        raise UserError(f"{path} is not the file that was shipped (SHA-256 differs); {REMEDY}")
    return path


def names(folder: Path = WEIGHTS) -> list[str]:
    """Returns the names of the networks that ship: those of NAMES in this order, then others."""
    stems = {Path(name).stem for name in read_sums(folder / SUMS) if name.endswith(".pt")}
    return [*(name for name in NAMES if name in stems), *sorted(stems - {*NAMES})]


def is_name(text: str, folder: Path = WEIGHTS) -> bool:
    """Whether a text names a shipped network, or one of NAMES that does not ship, unless a file has this name."""
    return text in names(folder) or (text in NAMES and not Path(text).exists())


def checkpoint_named(name: str, folder: Path = WEIGHTS) -> Path | None:
    """Returns the .pt file of the shipped network called `name`; None where there is none of this name."""
    return folder / f"{name}.pt" if name in names(folder) else None


def is_shipped(name: str, content: bytes, folder: Path = WEIGHTS) -> bool:
    """Whether a file with this name and content ships."""
    return read_sums(folder / SUMS).get(name) == hashlib.sha256(content).hexdigest()


def read_sums(path: Path) -> dict[str, str]:
    """Returns file name -> SHA-256, empty if the list is missing."""
    if not path.is_file():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}
