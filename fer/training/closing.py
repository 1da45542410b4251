"""Returns the last lines of a run: its figures, what they mean, its files and the next commands."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fer import run_folders, runs
from fer.console import duration, loss_text, yes
from fer.counting import counted
from fer.monitor import mode_of
from fer.places import RUNS
from fer.training.history import whole_rows
from fer.trust import option_for

Record = Mapping[str, Any]

LAST_TENTH = 0.9
"""A run whose best epoch lies after this share of its validations was still improving."""


def closing(record: Record, folder: Path) -> list[str]:
    """Returns the last lines of a run; `record` is the content of metrics.json."""
    events = any(folder.glob("events.out*"))
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", "events.out")))
    data = record["data"]
    split = f"official split: {yes(data['official_split'])}"
    return [
        *figures_table(record),
        *sentences(record, folder),
        f"{data['origin']}; {split}; {counted(record['epochs'], 'epoch')} in {duration(record['fit_seconds'])}",
        f"wrote {folder}/: {', '.join(names)}{' and TensorBoard events' if events else ''}",
        *next_commands(record, folder, events),
    ]


def figures_table(record: Record) -> list[str]:
    """Returns a text table with a row for each scored split."""
    lines = [f"{'':<6} {'accuracy':>9} {'balanced':>9} {'macro F1':>9} {'loss':>8}"]
    for split in (name for name in record["data"]["counts"] if f"{name}/loss" in record):
        shares = [100 * record[f"{split}/{name}"] for name in ("accuracy", "balanced_accuracy", "macro_f1")]
        lines.append(
            f"{split:<6}{''.join(f' {share:>7.2f} %' for share in shares)} {loss_text(record[f'{split}/loss']):>8}"
        )
    return lines


def sentences(record: Record, folder: Path) -> list[str]:
    """Returns what the figures mean: the chosen epoch, the majority class, and classes that are never predicted."""
    lines = [*best_epoch(record, folder), majority(record)]
    lines += [f"{name}={value:.4g} was found by a callback and used" for name, value in record.get("found", {}).items()]
    if record.get("test_readings", 1) > 1:
        lines.append(
            f"the test split was evaluated {record['test_readings']} times for this run and the runs that it continues"
        )
    predictions = folder / runs.PREDICTIONS
    if predictions.is_file():
        predicted = set(pd.read_csv(predictions, usecols=["predicted"])["predicted"])
        missing = [name for name in record["data"]["counts"]["train"] if name not in predicted]
        if missing:
            lines.append(f"never predicted: {', '.join(missing)}")
    return lines


def best_epoch(record: Record, folder: Path) -> list[str]:
    """Returns a sentence on the epoch whose weights were scored; [] where no figure chose it."""
    monitor = record["config"].get("monitor")
    curve = monitored(folder, monitor)
    if curve is None or Path(record["checkpoint"]).name == runs.LAST.name:
        return []
    smallest = mode_of(monitor) == "min"
    best = int(curve.index[int(curve.argmin() if smallest else curve.argmax())])
    line = f"the weights of epoch {best + 1} of {record['epochs']} were best by {monitor}"
    number = int((curve.index <= best).sum())  # of the best among the validations
    if len(curve) >= 5 and number > LAST_TENTH * len(curve):
        line += ", which still improved at the end: more epochs may help (trainer.max_epochs)"
    return [line]


def monitored(folder: Path, monitor: Any) -> pd.Series | None:
    """Returns the monitored figure by epoch, from 0; None where it was not logged."""
    table = whole_rows(folder / runs.HISTORY)
    if table is None or monitor not in table:
        return None
    values = pd.to_numeric(table.set_index(pd.to_numeric(table["epoch"]))[monitor]).dropna()
    return None if values.empty else values.groupby(level=0).last()


def majority(record: Record) -> str:
    """Returns a sentence with the accuracy of always answering the commonest class of the training split."""
    counts = record["data"]["counts"]
    split = "test" if "test/accuracy" in record else "val"
    commonest = max(counts["train"], key=lambda name: counts["train"][name])
    share = counts[split].get(commonest, 0) / max(1, sum(counts[split].values()))
    accuracy = record[f"{split}/accuracy"]
    return (
        f"always answering {commonest} would give {100 * share:.2f} % on {split}; this run gives {100 * accuracy:.2f} %"
    )


def next_commands(record: Record, folder: Path, events: bool) -> list[str]:
    """Returns the two commands that follow: the report on the run, and its study or its curves."""
    second = study_command(folder, record["config"]["study"])
    if not second and events:
        second = f"{shlex.join(['tensorboard', '--logdir', str(folder)])}    (curves: the tab Custom Scalars)"
    first = f"{shlex.join(['python', '-m', 'fer.evaluate', str(folder)])}{option_for(record['config'])}"
    if not (folder / runs.RESULTS).exists():
        first += "    (draws the pictures as well)"
    return [f"next: {first}", *([f"      {second}"] if second else [])]


def study_command(folder: Path, study: str) -> str:
    """Returns the command that shows all runs of a study; "" while the run is the only one, or lies elsewhere."""
    above = run_folders.study_folder(folder, study)
    if above is None or len(list(run_folders.inside(above))) < 2:
        return ""
    where = [] if above.parent == RUNS else ["--runs", str(above.parent)]
    line = shlex.join(["python", "-m", "fer.study", above.name, *where])
    return f"{line}    (a table over all runs of this study)"
