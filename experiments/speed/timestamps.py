"""Runs fer.train and writes a time stamp at each stage; overhead.py reads them.

python experiments/speed/timestamps.py FILE [OPTIONS of fer.train]
"""

import functools
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Timestamps:
    """Appends lines `name<TAB>seconds since the epoch<TAB>processor seconds of this process` to the file `path`."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, name: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\t{time.time():.6f}\t{time.process_time():.6f}\n")

    def around(self, name: str, function: Callable) -> Callable:
        """Wraps a function: writes "<name> begins" before each call and "<name> ends" after it."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.write(f"{name} begins")
            try:
                return function(*args, **kwargs)
            finally:
                self.write(f"{name} ends")

        return wrapper

    def before_first_step(self, training_step: Callable) -> Callable:
        """Wraps `Classifier.training_step`: writes "step" before the first step of each run."""

        @functools.wraps(training_step)
        def wrapper(classifier: Any, batch: Any, batch_idx: int) -> Any:
            if classifier.global_step == 0 and batch_idx == 0:
                self.write("step")
            return training_step(classifier, batch, batch_idx)

        return wrapper


def main() -> None:
    timestamps = Timestamps(Path(sys.argv[1]))
    timestamps.write("python")
    import torch  # noqa: F401 (imported here because the import is timed, as are the next ones)

    timestamps.write("torch")
    from lightning.pytorch.loops.fit_loop import _FitLoop as FitLoop

    timestamps.write("lightning")
    from fer.classifier import Classifier
    from fer.data.datamodule import FERDataModule
    from fer.training import experiment

    timestamps.write("fer")
    experiment.run = timestamps.around("run", experiment.run)
    FERDataModule.setup = timestamps.around("data", FERDataModule.setup)
    Classifier.training_step = timestamps.before_first_step(Classifier.training_step)
    FitLoop.on_run_end = timestamps.around("last epoch", FitLoop.on_run_end)
    sys.argv = ["fer.train", *sys.argv[2:]]
    runpy.run_module("fer.train", run_name="__main__")


if __name__ == "__main__":
    main()
