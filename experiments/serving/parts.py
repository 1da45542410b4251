"""Measures where the processor time of an answer of fer.serve goes, for the picture of the load test.

    python experiments/serving/parts.py

Prints milliseconds of processor time on one thread: decoding, the cascade at several smallest faces, and recognition of
one face alone and in a batch of 32. Processor time hardly depends on what else the machine does.
"""

import runpy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fer.errors import one_line_errors
from fer.pictures import decode
from fer.prediction import network
from fer.prediction.detect import MIN_FACE_DIVISOR, Haar
from fer.prediction.opencv import opencv
from fer.prediction.predictor import Predictor

LOAD = Path(__file__).with_name("load.py")
RUNS = 20
DIVISORS = (MIN_FACE_DIVISOR, 12, 8, 5)


def milliseconds(call: Callable[[], object], runs: int = RUNS) -> float:
    """Returns the mean processor time of a call, after a first one that is not counted."""
    call()
    started = time.process_time()
    for _ in range(runs):
        call()
    return 1000 * (time.process_time() - started) / runs


def main() -> None:
    opencv().setNumThreads(1)
    content = runpy.run_path(str(LOAD))["drawn_picture"]()
    haar, picture = Haar(), decode(content, "drawn face")
    predictor, grey = Predictor(network.load(None), haar), np.asarray(picture)
    detection = predictor.detect(picture)
    rows = [("decoding", milliseconds(lambda: decode(content, "drawn face")))]
    for divisor in DIVISORS:
        haar.divisor = divisor
        rows.append((f"cascade, faces from 1/{divisor} of the shorter side", milliseconds(lambda: haar(grey))))
    rows.append(("recognition of one face", milliseconds(lambda: predictor.recognise([detection]))))
    rows.append(("recognition of one of 32", milliseconds(lambda: predictor.recognise([detection] * 32), 3) / 32))
    print("\n".join(["| part | CPU ms |", "| --- | --- |", *(f"| {name} | {value:.1f} |" for name, value in rows)]))


if __name__ == "__main__":
    with one_line_errors():
        main()
