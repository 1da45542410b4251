"""Writes a run's hyperparameters and final figures to TensorBoard's HParams table."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fer.commandline import hyperparameters
from fer.data.folds import FOLD
from fer.data.splits import SPLITS

GROUPS = ("data", "labels", "augment", "model", "loss", "optimizer", "scheduler", "average")
"""Groups whose options are columns of the table; further options are where they were typed."""
FIRST = ("val/accuracy", "test/accuracy", "train/accuracy", "val/loss")
"""Figures in the first columns of the table."""


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


def add_run(
    writer: SummaryWriter, command: str | None, config: Mapping[str, Any], figures: Mapping[str, float], step: int
) -> None:
    """Writes one row of the HParams table; the figure "val/accuracy" becomes "final/val/accuracy".

    The final figures are those of the best epoch. They have names of their own because the curve "val/accuracy" ends
    with the last epoch.
    """
    names = sorted(figures, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    finals = {f"final/{name}": figures[name] for name in names}
    typed = hyperparameters(command or "")
    options = {name: config[name] for name in (*GROUPS, "seed", "study") if name in config}
    experiment, start, end = hparams(typed | flatten(options), finals)
    mark_as_differing(experiment, {*typed, "seed"})
    file = writer._get_file_writer()
    for summary in (experiment, start, end):
        file.add_summary(summary)
    for name, value in finals.items():
        writer.add_scalar(name, value, step)


def mark_as_differing(experiment: Any, names: set[str]) -> None:
    """Marks options that may differ between runs: TensorBoard shows these columns first and hides the others."""
    data = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(data.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in names
    data.content = content.SerializeToString()


def flatten(node: Any, path: str = "") -> dict[str, Any]:
    """Returns nested mappings as one with dotted names; values other than numbers, text and booleans as text."""
    if isinstance(node, dict):
        items: dict[str, Any] = {}
        for name, value in node.items():
            items |= flatten(value, f"{path}.{name}" if path else str(name))
        return items
    return {path: node if isinstance(node, int | float | str | bool) else str(node)}
