"""Says in words what a run is: the title of its report, and a summary of five lines."""

import re
from collections.abc import Mapping
from typing import Any

from fer import confusion
from fer.commandline import hyperparameters
from fer.console import duration
from fer.counting import counted
from fer.evaluation import intervals
from fer.evaluation.formatting import FEWEST_IMAGES, SPLIT_TITLES, interval
from fer.evaluation.predictions import Predictions

Record = Mapping[str, Any]


def title(record: Record, name: str) -> str:
    """Returns the title of a run in words, such as "cnn2, SGD, FER2013, seed 0"; `name` where its record is lost."""
    config, data = record.get("config") or {}, record.get("data") or {}
    if not config.get("model") or "origin" not in data:
        return name
    parts = [part_name(record, "model"), part_name(record, "optimizer"), data_name(data), f"seed {config['seed']}"]
    return ", ".join(parts)


def part_name(record: Record, group: str) -> str:
    """Returns what was typed for a group, such as "cnn2", else the name of its class or function."""
    typed = hyperparameters(record.get("command") or "").get(group, "")
    target = str(record["config"][group].get("_target_", ""))
    return typed if re.fullmatch(r"[\w-]+", typed) else target.rpartition(".")[2]


def data_name(data: Mapping[str, Any]) -> str:
    """Returns the origin of the data without what stands in brackets; in lower case where it is in capitals."""
    origin = data["origin"].split(" (")[0]
    return origin.lower().replace("fer2013", "FER2013") if " " in origin and origin.isupper() else origin


def summary(record: Record, splits: Mapping[str, Predictions]) -> list[str]:
    """Returns accuracy, a baseline, network, settings and origin of a run, as far as its record is known."""
    lines = [accuracy_line(split, predictions) for split, predictions in splits.items()]
    lines = [f"Accuracy: {'; '.join(reversed(lines))}."]
    if not (record.get("config") or {}).get("model"):
        return lines
    split, predictions = list(splits.items())[-1]
    lines += baseline(record, split, predictions)
    lines.append(network_line(record))
    lines.append(f"Settings: {settings(record['config'])}.")
    if record.get("command"):
        commit = f", at commit {record['commit']}" if record.get("commit") else ""
        lines.append(f"Command: {record['command']}{commit}.")
    return lines


def accuracy_line(split: str, predictions: Predictions) -> str:
    """Returns the accuracy of a split with its interval, or why there is none."""
    name = SPLIT_TITLES.get(split, split)
    if len(predictions) < FEWEST_IMAGES:
        return f"{name} has fewer than {FEWEST_IMAGES} images, too few for a figure"
    low, high = intervals.wilson(int(predictions.hits.sum()), len(predictions))
    value = interval({"value": float(predictions.hits.mean()), "low": low, "high": high})
    return f"{value} of {len(predictions):,} {'images' if split == 'all' else f'{name} images'}"


def baseline(record: Record, split: str, predictions: Predictions) -> list[str]:
    """Returns what always answering the commonest class of training gives; [] for few images or unknown counts."""
    counts = (record["data"].get("counts") or {}).get("train") or {}
    if len(predictions) < FEWEST_IMAGES or not counts:
        return []
    commonest = max(counts, key=lambda name: counts[name])
    support = dict(zip(predictions.classes, predictions.confusion.sum(1).tolist(), strict=True))
    share = support.get(commonest, 0) / len(predictions)
    line = f"Baseline: always answering {commonest} gives {100 * share:.1f} % on {SPLIT_TITLES.get(split, split)}"
    if min(support.values()) >= FEWEST_IMAGES:
        worst = min(predictions.classes, key=lambda name: recall(predictions, name))
        line += f"; the hardest class is {worst}, with {100 * recall(predictions, worst):.1f} % recognised"
    return [f"{line}."]


def recall(predictions: Predictions, name: str) -> float:
    """Returns the share of a class's images that were recognised."""
    return float(confusion.per_class(predictions.confusion)["recall"][predictions.classes.index(name)])


def network_line(record: Record) -> str:
    """Returns network, size, epochs and time of the training."""
    parts = [part_name(record, "model")]
    if "parameters" in record:
        parts.append(f"{record['parameters']:,} parameters")
    if "epochs" in record:
        parts.append(f"{counted(record['epochs'], 'epoch')} in {duration(record.get('fit_seconds', 0))}")
    cpu = (record.get("hardware") or {}).get("gpu") or (record.get("hardware") or {}).get("cpu")
    return f"Network: {', '.join([*parts, *([f'on {cpu}'] if cpu else [])])}."


def settings(config: Mapping[str, Any]) -> str:
    """Returns optimizer, schedule, loss, batch size and seed in words."""
    optimizer = config.get("optimizer") or {}
    names = {key: str((config.get(key) or {}).get("_target_", "none")).rpartition(".")[2] for key in PARTS}
    rate = f" with learning rate {optimizer['lr']:g}" if isinstance(optimizer.get("lr"), int | float) else ""
    batch = (config.get("data") or {}).get("batch_size")
    parts = [f"{names['optimizer']}{rate}", f"schedule {names['scheduler']}", f"loss {names['loss']}"]
    return ", ".join([*parts, *([f"batches of {batch}"] if batch else []), f"seed {config.get('seed')}"])


PARTS = ("optimizer", "scheduler", "loss")
