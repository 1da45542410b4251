"""Finds the network that ships in fer/weights, and checks its SHA-256.

fer/weights/SHA256SUMS has a line a file, as sha256sum writes it. The .onnx file is taken where onnxruntime is
installed, since it starts sooner; else the .pt file.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from fer.errors import UserError

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
SUMS = "SHA256SUMS"
MEND = "install fer again, or name another network with --checkpoint FILE"


def network(folder: Path = WEIGHTS, inside: bool = False) -> Path:
    """The file to load, the .pt one where the network's `inside` is wanted.

    Raises UserError where none ships, or where one is not as it was shipped.
    """
    sums = listed(folder / SUMS)
    wanted = (".onnx", ".pt") if find_spec("onnxruntime") and not inside else (".pt",)
    names = [name for suffix in wanted for name in sorted(sums) if name.endswith(suffix)]
    if not names:
        raise UserError("no network ships with this version; name one with --checkpoint: a run's folder, .ckpt, .onnx")
    path = folder / names[0]
    if not path.is_file():
        raise UserError(f"{path} is missing; {MEND}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sums[path.name]:
        raise UserError(f"{path} is not the file that was shipped (SHA-256 differs); {MEND}")
    return path


def is_ours(name: str, content: bytes, folder: Path = WEIGHTS) -> bool:
    """Whether a file of that name ships with this content."""
    return listed(folder / SUMS).get(name) == hashlib.sha256(content).hexdigest()


def listed(path: Path) -> dict[str, str]:
    """File name -> SHA-256; empty without the list."""
    if not path.is_file():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}
