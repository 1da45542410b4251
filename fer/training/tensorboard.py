"""Writes to TensorBoard a layout of a run's curves, and its hyperparameters and final figures as a row of HParams."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore  # generated
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fer import commandline
from fer.classifier import Classifier
from fer.data.folds import FOLD
from fer.data.splits import SPLITS

GROUPS = ("data", "labels", "augment", "model", "loss", "optimizer", "scheduler", "average")
"""Groups whose options are columns of the table; further options are where they were typed."""
FINAL = "final"
"""Folder beside the run's events, and group of its figures in the HParams table."""
FIRST = ("val/accuracy", "test/accuracy", "train/accuracy", "val/loss")
"""Figures in the first columns of the table."""


class Layout(Callback):
    """Gives every TensorBoardLogger the layout of `layout`, which the tab Custom Scalars shows while the run trains."""

    def on_fit_start(self, trainer, pl_module: Classifier) -> None:
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_custom_scalars(layout(pl_module.classes))


def layout(classes: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """Returns category -> chart -> its kind and the curves in it, as expressions that match whole names."""
    curves = {
        "Accuracy": ["train/accuracy", "val/accuracy"],
        "Loss": ["train/loss", "val/loss"],
        "Balanced accuracy and macro F1": ["val/balanced_accuracy", "val/macro_f1"],
        "Learning rate": ["lr.*"],
    }
    recall = {"Share of each class that is recognised": [f"val/accuracy/{name}" for name in classes]}
    return {
        title: {chart: ["Multiline", [expression(name) for name in names]] for chart, names in charts.items()}
        for title, charts in {"Training": curves, "Recall of each class in validation": recall}.items()
    }


def expression(name: str) -> str:
    """Returns a regular expression for the name of a curve: TensorBoard matches the beginnings of names."""
    return f"{name}$" if name.endswith(".*") else f"{re.escape(name)}$"


def log_hyperparameters(
    loggers: Sequence[Logger], config: Mapping[str, Any], record: Mapping[str, Any], step: int
) -> None:
    """Adds the finished run to the HParams table of every TensorBoardLogger.

    config: the run's, as plain containers. record: the content of metrics.json; its command and its figures are used.
    step: the optimizer step at which the final figures stand.
    """
    figures = {name: value for name, value in record.items() if is_figure(name)}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            add_run(logger.experiment, record["command"], config, figures, step)
            logger.finalize("success")


def is_figure(name: str) -> bool:
    """Whether a key of the record is a figure of one split, such as "val/accuracy"."""
    split, _, figure = name.partition("/")
    return split in (*SPLITS, FOLD) and bool(figure) and "/" not in figure


def hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a run's config says of its hyperparameters, with dotted names and without import paths."""
    options = flatten({name: config[name] for name in (*GROUPS, "seed", "study") if name in config})
    return {name: value for name, value in options.items() if not name.endswith("_target_")}


def add_run(
    writer: SummaryWriter, command: str | None, config: Mapping[str, Any], figures: Mapping[str, float], step: int
) -> None:
    """Writes one row of the HParams table.

    The final figures are those of the best epoch. They are written into the folder `final`, which TensorBoard shows as
    a separate run: as points on the curves of the same names.
    """
    names = sorted(figures, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    typed = commandline.hyperparameters(command or "")
    experiment, start, end = hparams(typed | hyperparameters(config), dict.fromkeys(names, 0.0))
    mark_as_differing(experiment, {*typed, "seed"})
    file = writer._get_file_writer()
    for summary in (experiment, start, end):
        file.add_summary(summary)
    with SummaryWriter(str(Path(writer.get_logdir()) / FINAL)) as final:
        for name in names:
            final.add_scalar(name, figures[name], step)


def mark_as_differing(experiment: Any, names: set[str]) -> None:
    """Marks options that may differ between runs: TensorBoard shows these columns first and hides the others.

    Says as well that the figures of the table are those in the folder `final`.
    """
    data = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(data.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in names
    for info in content.experiment.metric_infos:
        info.name.group = FINAL
    data.content = content.SerializeToString()


def flatten(node: Any, path: str = "") -> dict[str, Any]:
    """Returns nested mappings as one with dotted names; values other than numbers, text and booleans as text."""
    if isinstance(node, dict):
        items: dict[str, Any] = {}
        for name, value in node.items():
            items |= flatten(value, f"{path}.{name}" if path else str(name))
        return items
    return {path: node if isinstance(node, int | float | str | bool) else str(node)}
