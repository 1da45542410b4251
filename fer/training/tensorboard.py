"""Writes a run's options and final figures to TensorBoard's HParams table."""

from collections.abc import Mapping
from typing import Any

from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fer.studies.factors import options

GROUPS = ("data", "labels", "augment", "model", "loss", "optimizer", "scheduler", "seed", "study")
FIRST = ("val/accuracy", "test/accuracy", "train/accuracy", "val/loss")


def add_run(
    writer: SummaryWriter, command: str | None, config: Mapping[str, Any], figures: Mapping[str, float], step: int
) -> None:
    """Writes the row of a finished run: what was typed, its config, and its figures, such as "val/accuracy", as
    "final/val/accuracy".

    The curves of the same names keep their own last points: those are of the last epoch, these of the best.
    """
    ordered = [name for name in FIRST if name in figures] + [name for name in figures if name not in FIRST]
    finals = {f"final/{name}": figures[name] for name in ordered}
    typed = options({"command": command})
    experiment, start, end = hparams(typed | flat({name: config[name] for name in GROUPS if name in config}), finals)
    lead(experiment, {*typed, "seed"})
    file = writer._get_file_writer()
    for summary in (experiment, start, end):
        file.add_summary(summary)
    for name, value in finals.items():
        writer.add_scalar(name, value, step)


def lead(experiment: Any, names: set[str]) -> None:
    """Marks options as those that differ between runs: TensorBoard shows them first, the others on request."""
    data = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(data.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in names
    data.content = content.SerializeToString()


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names; lists as text."""
    if isinstance(node, dict):
        return {k: v for name, value in node.items() for k, v in flat(value, f"{path}{name}.").items()}
    return {path.rstrip("."): node if isinstance(node, int | float | str | bool) else str(node)}
