"""Writes the report of `fer.evaluate`: report.html, report.md, evaluation.json, figures and tables."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer import runs
from fer.counting import counted
from fer.evaluation import readings, run_facts
from fer.evaluation.comparison import add_comparison
from fer.evaluation.formatting import SPLIT_TITLES
from fer.evaluation.input_names import is_shipped
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.options import ALL, EvaluationOptions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import record_of
from fer.evaluation.single import full_report
from fer.report import Report, plain

RESULT = "evaluation.json"


def write_report(
    folder: Path,
    sources: Sequence[EvaluationInput],
    predictions: Mapping[str, Predictions],
    dropped: Sequence[str],
    options: EvaluationOptions,
    command: str,
) -> tuple[dict[str, Any], list[str]]:
    """Writes the report on one or several classifiers; returns its content and the names of its files.

    predictions, dropped: of `sources`, from `predictions.align`. command: as typed, for the record.
    """
    first = predictions[sources[0].name]
    part = "all images" if options.split == ALL else f"{SPLIT_TITLES[options.split]} split"
    report = Report(f"{title(sources)}, {part}", options.faces)
    if len(sources) == 1:
        report.items(run_facts.summary(record_of(sources[0].path), {options.split: first}))
    readers = [source for source in sources if source.trained_on] if options.split in ("test", ALL) else []
    reads = readings.record_readings(readers, folder, command)
    for line in [*introduction(sources, first, dropped), *reads]:
        report.text(plain(line))
    content = {
        "command": command,
        "split": options.split,
        "inputs": {source.name: str(source.path) for source in sources},
        "images": len(first),
        "classes": first.classes,
        "dropped": dropped,
        "other_data": other_data(sources),
        "reads": reads,
    }
    if len(sources) == 1:
        content |= full_report(report, sources[0], options.split, options.images)
        report.tables["predictions"] = first.table(options.split)
    else:
        content |= add_comparison(report, predictions)
    files = report.write(folder)
    runs.write_json(folder / RESULT, finite(content))
    return content, [*files, RESULT]


def title(sources: Sequence[EvaluationInput]) -> str:
    """Returns what was evaluated, in words."""
    if len(sources) > 1:
        return f"{len(sources)} classifiers side by side"
    return run_facts.title(record_of(sources[0].path), sources[0].name)


def introduction(sources: Sequence[EvaluationInput], predictions: Predictions, dropped: Sequence[str]) -> list[str]:
    """Returns sentences on the images and on each classifier; predictions: those of one of them."""
    classes = predictions.classes
    lines = [f"{counted(len(predictions), 'image')} of {len(classes)} classes: {', '.join(classes)}.", *dropped]
    for source in sources:
        origin = "Ships with fer." if is_shipped(source.path) else f"Read from {source.path}."
        lines.append(f"{source.name}: {' '.join([*source.description, origin])}")
    return lines


def other_data(sources: Sequence[EvaluationInput]) -> dict[str, Any]:
    """Returns the images of the data's classes that each network lacks, and the classes that lack images."""
    modules = {source.name: source.other_data for source in sources if source.other_data}
    return {name: {"left_out": module.left_out, "absent": module.absent} for name, module in modules.items()}


def finite(node: Any) -> Any:
    """Returns `node` as JSON holds it: plain lists and numbers, None for NaN and infinity."""
    if isinstance(node, Mapping):
        return {str(key): finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [finite(value) for value in node]
    if isinstance(node, float):  # includes numpy's float64
        return float(node) if math.isfinite(node) else None
    return node
