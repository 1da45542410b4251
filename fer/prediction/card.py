"""Reads the threshold of "unsure" from the card of a network that ships.

It stands there in one line, which `python -m fer.prediction.threshold` writes. Networks without a card, as those of
runs, have no threshold of their own.
"""

import re
from pathlib import Path

from fer.shipped import WEIGHTS

SENTENCE = "Answers below a probability of {threshold:.2f} are unsure"
PATTERN = re.compile(SENTENCE.replace("{threshold:.2f}", r"(\d\.\d\d)"))


def default_threshold(name: str, folder: Path = WEIGHTS) -> float:
    """Returns the threshold in the card beside a file of fer/weights; 0, with which no face is unsure, without one."""
    path = Path(name or "unnamed")
    card = path.with_name(f"{path.name.split('.')[0]}.md")  # pocket.md of pocket.onnx and of pocket.int8.onnx
    if card.parent != folder or not card.is_file():
        return 0.0
    stated = PATTERN.search(card.read_text(encoding="utf-8"))
    return float(stated[1]) if stated else 0.0
