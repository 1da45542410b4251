"""Chooses the threshold below which a network's answers are "unsure", on PublicTest.

    python -m fer.prediction.threshold runs/pocket/data-fer2013/seed-0 --card fer/weights/pocket.md
    python -m fer.prediction.threshold fer/weights/pocket.onnx --data PATH --card fer/weights/pocket.md

A right answer that is shown counts one, a wrong one minus one, an unsure one nothing: the threshold, in hundredths, has
the largest sum. It is near 0.5 for calibrated probabilities. Probabilities are those that fer.predict shows, scaled by
the temperature. A run's are in its predictions.csv; --data predicts with a network. --card writes the section into a
model card, from which fer.predict, fer.webcam, fer.serve and fer.Recogniser take their default threshold.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer import runs
from fer.arguments import Parser, add_trust, place
from fer.errors import UserError, one_line_errors
from fer.evaluation import calibration, predictions
from fer.evaluation.formatting import percent
from fer.evaluation.records import record_of
from fer.prediction.card import SENTENCE
from fer.prediction.network import load

TITLE = "## Threshold"
SPLIT = "val"


class Choice(NamedTuple):
    """threshold: from 0 to 1. share: of the answers at or above it. accuracy, accuracy_below: of those and the rest."""

    threshold: float
    share: float
    accuracy: float
    accuracy_below: float


def choose(probabilities: np.ndarray, labels: np.ndarray) -> Choice:
    """Returns the threshold with the most right less wrong answers; probabilities: (N, C), labels: (N,) classes."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    steps = np.arange(100) / 100
    gains = [np.where(right, 1, -1)[confidence >= step].sum() for step in steps]
    threshold = float(steps[int(np.argmax(gains))])
    shown = confidence >= threshold
    below = right[~shown].mean() if (~shown).any() else np.nan
    return Choice(threshold, shown.mean(), right[shown].mean(), below)


def section(choice: Choice) -> str:
    """Returns the section of a card."""
    return (
        f"{TITLE}\n\n{SENTENCE.format(threshold=choice.threshold)} by default. On PublicTest "
        f"{percent(choice.share)} of the answers reach it and {percent(choice.accuracy)} of these are right; of the "
        f"others {percent(choice.accuracy_below)}. It was chosen there: it has the most right less wrong answers."
    )


def with_section(card: str, text: str) -> str:
    """Returns a card with the section in place of an older one, or before "## Use", or at the end."""
    older = re.compile(rf"{TITLE}\n.*?(?=\n## |\Z)", re.DOTALL)
    if older.search(card):
        return older.sub(lambda _: text + "\n", card)
    before, mark, after = card.partition("## Use\n")
    return f"{before}{text}\n\n{mark}{after}" if mark else f"{card.rstrip()}\n\n{text}\n"


def from_run(run: Path) -> Choice:
    """Returns the choice for the validation rows of a run's predictions.csv, scaled by the run's temperature.

    Raises UserError where there are none.
    """
    table = run / runs.PREDICTIONS
    splits = predictions.read(table) if table.is_file() else {}
    if SPLIT not in splits:
        raise UserError(f"{run}: no predictions of the validation split ({runs.PREDICTIONS}); name a run's folder")
    temperature = record_of(run).get("temperature") or 1.0
    scaled = calibration.apply_temperature(splits[SPLIT].probabilities, temperature)
    return choose(scaled, splits[SPLIT].labels)


def from_network(path: Path, data: str) -> Choice:
    """Returns the choice for a network's answers to PublicTest, read from `data`."""
    from hydra.utils import instantiate

    from fer.config import compose

    module = instantiate(compose("data=fer2013", f"data.root={data}").data)
    module.setup()
    part = module.splits[SPLIT]
    return choose(load(path).probabilities(part.images[:, 0].numpy()), part.labels.numpy())


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("network", type=Path, metavar="RUN", help="a run's folder; with --data any network")
    parser.add_argument("--data", metavar="PATH", help="FER2013, to predict PublicTest with the network")
    parser.add_argument("--card", type=place("--card"), metavar="FILE", help="the card to write the section into")
    add_trust(parser)
    args = parser.parse_args(arguments)
    text = section(from_network(args.network, args.data) if args.data else from_run(args.network))
    print(text)
    if args.card:
        if not args.card.is_file():
            raise UserError(f"no such file: {args.card}; fer.exporting.ship writes a card")
        args.card.write_text(with_section(args.card.read_text(encoding="utf-8"), text), encoding="utf-8")
        print(f"wrote {args.card}")
    print("next: python -m fer.predict PICTURE")
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
