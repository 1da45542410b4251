"""Runs fer.train and writes a time stamp at each stage; `fer.benchmarking.overhead` reads them.

python -m fer.benchmarking.marked FILE [OPTIONS of fer.train]
"""

import functools
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Marks:
    """Appends `name<TAB>seconds since the epoch` to `path`."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, name: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\t{time.time():.6f}\n")

    def around(self, name: str, call: Callable) -> Callable:
        """The same call; before it "<name> begins" is marked, after it "<name> ends"."""

        @functools.wraps(call)
        def marked(*args: Any, **kwargs: Any) -> Any:
            self(f"{name} begins")
            try:
                return call(*args, **kwargs)
            finally:
                self(f"{name} ends")

        return marked

    def at_first(self, step: Callable) -> Callable:
        """The same training step; "step" is marked as the first of a run begins."""

        @functools.wraps(step)
        def marked(classifier: Any, batch: Any, batch_idx: int) -> Any:
            if classifier.global_step == 0 and batch_idx == 0:
                self("step")
            return step(classifier, batch, batch_idx)

        return marked


def main() -> None:
    mark = Marks(Path(sys.argv[1]))
    mark("python")
    import torch  # noqa: F401

    mark("torch")
    import lightning.pytorch  # noqa: F401

    mark("lightning")
    from fer.classifier import Classifier
    from fer.data.datamodule import FERDataModule
    from fer.training import experiment

    mark("fer")
    experiment.run = mark.around("run", experiment.run)
    FERDataModule.setup = mark.around("data", FERDataModule.setup)
    Classifier.training_step = mark.at_first(Classifier.training_step)
    sys.argv = ["fer.train", *sys.argv[2:]]
    runpy.run_module("fer.train", run_name="__main__")


if __name__ == "__main__":
    main()
