"""Writes the results of a benchmark: CSV files, figures and README.md."""

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from fer import commandline, config
from fer.benchmarking import AXES
from fer.benchmarking.costs import STEP
from fer.benchmarking.results import provenance_columns, read, setting_columns, store
from fer.benchmarking.rounds import Measurement
from fer.benchmarking.tables import (
    by_setting,
    column_table,
    cost_table,
    growth_table,
    overhead_table,
    setting_title,
    step_parts,
)
from fer.counting import counted
from fer.errors import UserError
from fer.files import save_figure, write_text
from fer.plots.speed import NAMES, growth_figure, speed_figure
from fer.report import markdown_table
from fer.report_page import page

BUSY = 0.2
"""Spread, relative to the median, above which the machine was busy."""
MEANING = """\
Training speed in images/s: the median over rounds ± the distance of the farthest round. In each round, all in one
process, every loop runs a block of the same number of training steps after a few untimed ones, synchronised with the
device at both ends. The ratio is the median over rounds of the ratio to the bare step in the same round.

- **bare step** (in the CSV files: ceiling): forward, loss, backward and optimizer step on one batch that is ready on
  the device, in the fastest memory format and precision that any loop has; the two best run, and the better median
  counts.
- **fer** (whole): the same network in a fit as `fer.train` runs it: data module, augmentation, Lightning, metrics,
  callbacks, logging, and the ends of epochs as they occur; validation and checkpoints are measured separately.
- **plain PyTorch** (default): a usual training loop: float32, contiguous, torchvision image by image in a DataLoader,
  the better of 0 and 2 workers. It shares the process, so it profits from freed memory that is kept, which a usual
  process lacks.
- **Keras** (keras): `model.fit` on the same layers, in a separate process, on arrays in memory without augmentation.
"""
COSTS = """\
Parts of a step are means over a separate fit, which waits for the device after each part: *data* is the next batch of
the loader, *step* is forward, loss, metrics, backward and optimizer, *the rest* is callbacks, logging and the loop.
Peak memory is that of the process in which all columns ran.
"""
OVERHEAD = """\
Times of `fer.train` as a separate process, with a warm file cache; medians over several starts. The script
`python experiments/speed/overhead.py` measures them; each block shows the command as typed at the commit below it.
"""


def write(cfg: DictConfig, measurement: Measurement) -> list[str]:
    """Adds the measurement to the CSV files in `cfg.output_dir`, and writes figures and README.md again.

    Prints the tables and what to do next; returns the names of all files in the folder. Raises UserError if it cannot
    be written.
    """
    folder = Path(cfg.output_dir)
    data = measurement.data
    if cfg.growth != "data":
        data += f", {counted(measurement.images, 'image')}"
    setting = setting_columns(cfg, data)
    columns = setting | provenance_columns()
    file = f"growth_{cfg.growth}.csv" if cfg.growth else "benchmark.csv"
    costs = cost_rows(measurement)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store(measurement.table.assign(**columns), folder / file)
        if len(costs):
            store(costs.assign(**columns), folder / "costs.csv")
        files = render(folder)
    except OSError as error:
        fix = "choose another folder with output_dir=PATH"
        raise UserError(f"{folder}: cannot be written ({error.strerror}); {fix}") from error
    table = growth_table(measurement.table) if cfg.growth else column_table(measurement.table)
    lines = ["", setting_title(setting), table.to_string(index=False)]
    if len(costs):
        lines += ["", cost_table(costs).to_string(index=False)]
    lines += ["", *busy_notes(measurement.table), f"wrote {folder}/: {', '.join(files)}"]
    lines.append(f"next: read {folder}/README.md" if cfg.growth else f"next: {growth_command()}")
    print("\n".join(lines), flush=True)
    return files


def growth_command() -> str:
    """Returns the command that repeats the typed one over batch sizes."""
    overrides = [word for word in config.typed_overrides() if not word.startswith(("growth=", "columns="))]
    return commandline.command("fer.benchmark", [*overrides, "growth=batch_size"], config.config_dir())


def busy_notes(table: pd.DataFrame) -> list[str]:
    """Returns a line if the rounds differ too much for the figures to be trusted; else []."""
    spread = max(spread / speed for spread, speed in zip(table["spread"], table["images_per_s"], strict=True))
    if spread <= BUSY:
        return []
    return [f"note: a round lies {100 * spread:.0f} % off its median; the machine was busy, so measure again"]


def cost_rows(measurement: Measurement) -> pd.DataFrame:
    """Returns the rows of costs.csv: part, value, unit."""
    rows = [(name, round(value, 3), unit) for name, (value, unit) in measurement.costs.items()]
    return pd.DataFrame(rows, columns=["part", "value", "unit"])


def render(folder: Path) -> list[str]:
    """Writes figures, README.md and report.html from the CSV files in `folder`; returns the names of all files."""
    text, files = ["# Training speed\n", *summary(folder), MEANING], []
    for add in (add_columns, add_overhead, add_growth):
        blocks, names = add(folder)
        text += blocks
        files += names
    write_text(folder / "README.md", "\n".join(text))
    write_text(folder / "report.html", page("Training speed", "\n".join(text), folder))
    return ["README.md", "report.html", *files]


def summary(folder: Path) -> list[str]:
    """Returns a Markdown list with the main figure of each setting; [] before the loops were measured."""
    if not (folder / "benchmark.csv").is_file():
        return []
    lines = []
    for title, rows in by_setting(read(folder / "benchmark.csv")).items():
        setting, machine = title.split("\n")
        speeds = dict(zip(rows["column"], rows["images_per_s"], strict=True))
        texts = [f"{NAMES[name]} {speed:,.0f}" for name, speed in speeds.items()]
        lines.append(f"- {setting} ({machine}): {', '.join(texts)} images/s.")
    return ["\n".join([*lines, ""])]


def add_columns(folder: Path) -> tuple[list[str], list[str]]:
    """Draws benchmark.png; returns the section on columns and costs, and the names of its files."""
    if not (folder / "benchmark.csv").is_file():
        return [], []
    settings = by_setting(read(folder / "benchmark.csv"))
    costs = by_setting(read(folder / "costs.csv")) if (folder / "costs.csv").is_file() else {}
    parts = {title: step_parts(rows) for title, rows in costs.items() if STEP in set(rows["unit"])}
    save_figure(speed_figure(settings, parts), folder / "benchmark.png", colours=256)
    text, files = ["![images/s of every column, and the parts of a step](benchmark.png)\n"], ["benchmark.csv"]
    for title, rows in settings.items():
        text += [*heading(title, rows), markdown_table(column_table(rows)), ""]
        if title in costs:
            text += [markdown_table(cost_table(costs[title])), ""]
    if costs:
        text.append(COSTS)
        files.append("costs.csv")
    return text, [*files, "benchmark.png"]


def add_overhead(folder: Path) -> tuple[list[str], list[str]]:
    """Returns the section on the overhead of runs, and the name of its file."""
    if not (folder / "overhead.csv").is_file():
        return [], []
    text = ["# Besides the steps\n", OVERHEAD]
    for title, rows in by_setting(read(folder / "overhead.csv")).items():
        text += [*heading(title, rows), markdown_table(overhead_table(rows)), ""]
    return text, ["overhead.csv"]


def add_growth(folder: Path) -> tuple[list[str], list[str]]:
    """Draws growth_<axis>.png; returns a section for each axis that was measured, and the names of the files."""
    text, files = [], []
    for axis, label in AXES.items():
        table, figure = f"growth_{axis}.csv", f"growth_{axis}.png"
        if not (folder / table).is_file():
            continue
        settings = by_setting(read(folder / table))
        save_figure(growth_figure(settings, label), folder / figure, colours=256)
        text += [f"# Growth with the {label}\n", f"![images/s against {label}]({figure})\n"]
        for title, rows in settings.items():
            text += [*heading(title, rows), markdown_table(growth_table(rows)), ""]
        files += [table, figure]
    return text, files


def heading(title: str, rows: pd.DataFrame) -> list[str]:
    """Returns the heading of a setting with command, machine, versions and commit."""
    setting, machine = title.split("\n")
    first = rows.iloc[0]
    return [
        f"## {setting}\n",
        f"```\n{first['command']}\n```\n",
        f"{machine}; {first['versions']}; commit {first['commit']}.\n",
    ]
