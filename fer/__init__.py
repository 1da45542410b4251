"""Facial expression recognition on FER2013.

    import fer

    fer.recognise("photo.jpg")            # the faces of a picture, with box, label and probabilities
    fer.Recogniser(checkpoint=RUN)        # the same with your own network
    fer.fit("model=cnn3", "optimizer=sgd")  # trains; the run has figures, predictions() and curves()

Names are loaded on first use, so `import fer` costs nothing.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer.classifier import Classifier
    from fer.config import compose
    from fer.data.datamodule import FERDataModule
    from fer.notebook import Run, fit
    from fer.prediction.recogniser import Recogniser, Recognition, recognise

_HOMES = {
    "recognise": "fer.prediction.recogniser",
    "Recogniser": "fer.prediction.recogniser",
    "Recognition": "fer.prediction.recogniser",
    "fit": "fer.notebook",
    "Run": "fer.notebook",
    "compose": "fer.config",
    "FERDataModule": "fer.data.datamodule",
    "Classifier": "fer.classifier",
}
"""Name -> its module; after a colon the name there."""

__all__ = ["Classifier", "FERDataModule", "Recogniser", "Recognition", "Run", "compose", "fit", "recognise"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("fer-lightning")
    if name not in _HOMES:
        raise AttributeError(f"module 'fer' has no attribute '{name}'", name=name, obj=sys.modules[__name__])
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
