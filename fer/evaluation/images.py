"""Reads the data set on which a classifier is evaluated, and finds the images of predictions in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from fer import trust
from fer.data.datamodule import FERDataModule
from fer.errors import Setting, UserError
from fer.evaluation.other_data import read_other
from fer.objections import unsafe_reader

FLAGS = {"data.root": "--data", "labels.classes": "--labels", "labels.numbers": "--numbers"}
"""Option of the data -> its name on the command line of `fer.evaluate` and other commands that read a run."""


def read_data(
    options: Mapping[str, Any],
    root: Sequence[str] | None,
    classes: Sequence[str] | None,
    numbers: Any = None,
    typed: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> FERDataModule:
    """Returns the data of an experiment or, with `root`, those in another place, set up.

    options: arguments of FERDataModule in the experiment. classes: those of the network; data in `root` may lack some
    of them and have others, see `OtherData`. numbers, typed: more arguments for data in `root`. everything: whether
    all images there form one split, "all". Raises UserError, which names options by FLAGS, if data cannot be read.
    """
    options = {name: value for name, value in options.items() if not name.startswith("_")}
    options |= dict.fromkeys(("augment", "soft", "progressive_resizing"))  # JSON has made texts of the last one's keys
    try:
        if root:
            numbered = {} if numbers is None else {"numbers": numbers}
            datamodule = read_other(options, root, classes, numbered | dict(typed or {}), everything)
        else:
            trust.refuse(unsafe_reader(options), "the run")
            options["classes"] = list(classes) if classes else None
            datamodule = FERDataModule(**options)
        datamodule.setup()
    except TypeError as error:
        raise UserError(
            f"the run's config has an option of the data that this version does not know ({error}); "
            "evaluate it with the version that trained it"
        ) from error
    except UserError as error:
        raise error.rewritten(flag) from error
    return datamodule


def flag(setting: Setting) -> str:
    """Returns a setting as it is typed for `fer.evaluate`.

    Of an option that the command lacks, advice with words around it becomes "", and a mere name stays as it is.
    """
    name = FLAGS.get(setting.key)
    if name is None:
        return "" if setting.before or setting.after else str(setting)
    if setting.key == "data.root" and not isinstance(setting.value, str):
        return f"{setting.before}{name}={setting.value[0]}, once for each{setting.after}"
    value = setting.value if isinstance(setting.value, str) else ",".join(setting.value)
    return f"{setting.before}{name}={value}{setting.after}" if value else f"{setting.before}{name}{setting.after}"


def images_with_ids(datamodule: FERDataModule, ids: np.ndarray) -> np.ndarray:
    """Returns the (N, 48, 48) uint8 images with (N,) str `ids`, from any split. Raises UserError if one is missing."""
    all_ids = np.concatenate([part.ids for part in datamodule.splits.values()])
    rows = pd.Index(all_ids).get_indexer(pd.Index(ids))
    missing = ids[rows < 0]
    if len(missing):
        raise UserError(
            f"{', '.join(datamodule.sources)} lacks {len(missing):,} of the {len(ids):,} images that were predicted, "
            f"{missing[0]} among them; name the data of the predictions with --data PATH"
        )
    images = torch.cat([part.images for part in datamodule.splits.values()])
    return images[torch.from_numpy(rows), 0].numpy()
