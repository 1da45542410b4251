"""Writes the results of a benchmark: CSV files, figures and README.md."""

from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from fer import commandline, config
from fer.benchmarking.costs import STEP
from fer.benchmarking.record import SETTING, describe, provenance, read, store
from fer.benchmarking.rounds import Measurement
from fer.errors import UserError
from fer.plots.speed import growth_figure, speed_figure
from fer.report import markdown_table

AXES = {"batch_size": "batch size", "threads": "threads", "width": "factor on all widths", "data": "training images"}
BUSY = 0.2  # of the median
MEANING = """\
Training speed in images/s: the median over rounds ± the distance of the farthest round. In each round, all in one
process, every column runs a block of the same number of training steps after a few untimed ones; the device is waited
for at both ends. The ratio is the median over rounds of the ratio to the ceiling in the same round.

- **ceiling**: forward, loss, backward and optimizer step on one batch that lies ready, in the fastest memory format and
  precision that any column has; the two best run, and the better median counts.
- **whole**: the same network in a fit as `fer.train` runs it: data module, augmentation, Lightning, metrics, callbacks,
  logging, and the ends of epochs as they come; validation and checkpoints are apart.
- **default**: what most would write: float32, contiguous, torchvision image by image in a DataLoader, the better of 0
  and 2 workers, a plain loop. It shares the process, so freed memory is kept for it too, which the usual way lacks.
- **keras**: `model.fit` on the same layers, in a process of its own, on arrays in memory without augmentation.
"""
COSTS = """\
Parts of a step are means over a fit of their own, which waits for the device after each part: *data* is the loader's
next, *step* is forward, loss, metrics, backward and optimizer, *the rest* what remains: callbacks, logging, the loop.
Peak memory is that of the one process in which all columns ran.
"""
OVERHEAD = """\
Times of `fer.train` as a process of its own, with a warm file cache; medians over several starts. The script
`python experiments/speed/overhead.py` measures them; each block shows the command as typed at the commit below it.
"""


def write(cfg: DictConfig, measurement: Measurement) -> list[str]:
    """Adds what was measured to the CSVs in `cfg.output_dir`, rewrites figures and README.md, prints the table and
    what to do next; returns the names of all files there."""
    out = Path(cfg.output_dir)
    data = measurement.data if cfg.growth == "data" else f"{measurement.data}, {measurement.images:,} images"
    setting = describe(cfg, data)
    known = setting | provenance()
    try:
        out.mkdir(parents=True, exist_ok=True)
        store(measurement.table.assign(**known), out / (f"growth_{cfg.growth}.csv" if cfg.growth else "benchmark.csv"))
        if measurement.costs:
            store(costs_table(measurement).assign(**known), out / "costs.csv")
        files = render(out)
    except OSError as error:
        fix = "choose another folder with output_dir=PATH"
        raise UserError(f"{out}: cannot be written ({error.strerror}); {fix}") from error
    shown = table_of_growth(measurement.table) if cfg.growth else table_of_columns(measurement.table)
    print("\n".join(["", title(setting), shown.to_string(index=False)]))
    if measurement.costs:
        print("\n".join(["", table_of_costs(costs_table(measurement)).to_string(index=False)]))
    print("\n".join(["", *doubts(measurement.table), f"wrote {out}/: {', '.join(files)}"]))
    kept = [word for word in config.typed_overrides() if not word.startswith(("growth=", "columns="))]
    again = commandline.command("fer.benchmark", [*kept, "growth=batch_size"], config.config_dir())
    print(f"next: {f'read {out}/README.md' if cfg.growth else again}", flush=True)
    return files


def doubts(table: pd.DataFrame) -> list[str]:
    """A line where the rounds differ too much for the figures to be trusted."""
    worst = (table["spread"] / table["images_per_s"]).max()
    if worst <= BUSY:
        return []
    return [f"note: a round lies {100 * worst:.0f} % off its median; the machine was busy, so measure again"]


def costs_table(measurement: Measurement) -> pd.DataFrame:
    rows = [(name, round(value, 3), unit) for name, (value, unit) in measurement.costs.items()]
    return pd.DataFrame(rows, columns=["part", "value", "unit"])


def title(setting: Any) -> str:
    """The setting in two lines: what, and where."""
    batch = f"batches of {setting['batch_size']}" if setting["batch_size"] else ""
    augment = f"augment={setting['augment']}" if setting["augment"] else ""
    chosen = (setting["model"], setting["options"], setting["data"], batch, augment)
    threads = f", threads: {setting['threads']}" if setting["threads"] else ""
    return f"{', '.join(filter(None, chosen))}\n{setting['machine']}{threads}"


def by_setting(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each setting, by its title."""
    return {title(rows.iloc[0]): rows for _, rows in table.groupby(SETTING, sort=False)}


def render(out: Path) -> list[str]:
    """Figures and README.md from the CSVs in `out`; returns the names of all files."""
    parts, files = ["# Training speed\n", MEANING], []
    if (out / "benchmark.csv").is_file():
        settings = by_setting(read(out / "benchmark.csv"))
        costs = by_setting(read(out / "costs.csv")) if (out / "costs.csv").is_file() else {}
        step_parts = {name: steps(rows) for name, rows in costs.items() if STEP in set(rows["unit"])}
        speed_figure(settings, step_parts).savefig(out / "benchmark.png")
        parts += ["![images/s of every column, and the parts of a step](benchmark.png)\n"]
        for name, rows in settings.items():
            parts += [*heading(name, rows), markdown_table(table_of_columns(rows)), ""]
            if name in costs:
                parts += [markdown_table(table_of_costs(costs[name])), ""]
        parts += [COSTS] if costs else []
        files += ["benchmark.csv", *(["costs.csv"] if costs else []), "benchmark.png"]
    if (out / "overhead.csv").is_file():
        parts += ["# Besides the steps\n", OVERHEAD]
        for name, rows in by_setting(read(out / "overhead.csv")).items():
            parts += [*heading(name, rows), markdown_table(table_of_overhead(rows)), ""]
        files += ["overhead.csv"]
    for axis, label in AXES.items():
        if (out / f"growth_{axis}.csv").is_file():
            settings = by_setting(read(out / f"growth_{axis}.csv"))
            growth_figure(settings, label).savefig(out / f"growth_{axis}.png")
            parts += [f"# Growth with the {label}\n", f"![images/s against {label}](growth_{axis}.png)\n"]
            for name, rows in settings.items():
                parts += [*heading(name, rows), markdown_table(table_of_growth(rows)), ""]
            files += [f"growth_{axis}.csv", f"growth_{axis}.png"]
    (out / "README.md").write_text("\n".join(parts), encoding="utf-8")
    return ["README.md", *files]


def heading(name: str, rows: pd.DataFrame) -> list[str]:
    """Title, command, and what it ran with."""
    chosen, machine = name.split("\n")
    first = rows.iloc[0]
    ran = f"{machine}; {first['versions']}; commit {first['commit']}.\n"
    return [f"## {chosen}\n", f"```\n{first['command']}\n```\n", ran]


def steps(rows: pd.DataFrame) -> dict[str, float]:
    """Milliseconds by part of a step."""
    rows = rows[rows["unit"] == STEP]
    return dict(zip(rows["part"], rows["value"], strict=True))


def table_of_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "column": rows["column"],
            "images/s": speeds(rows),
            "ratio to the ceiling": [f"{ratio:.2f}" for ratio in rows["ratio_to_ceiling"]],
            "how": rows["how"],
        }
    )


def table_of_costs(rows: pd.DataFrame) -> pd.DataFrame:
    """With the share of the step for its parts."""
    total = sum(steps(rows).values())
    shares = [f"{100 * v / total:.1f} %" if unit == STEP else "" for v, unit in rows[["value", "unit"]].to_numpy()]
    values = [f"{value:,.2f} {unit}" for value, unit in rows[["value", "unit"]].to_numpy()]
    return pd.DataFrame({"part": rows["part"], "cost": values, "share of the step": shares})


def table_of_overhead(rows: pd.DataFrame) -> pd.DataFrame:
    values = [f"{value:,.2f} {unit}".strip() for value, unit in rows[["value", "unit"]].to_numpy()]
    return pd.DataFrame({"what": rows["part"], "cost": values})


def table_of_growth(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a value; of each column images/s and ratio."""
    cells = [f"{speed} ({ratio:.2f})" for speed, ratio in zip(speeds(rows), rows["ratio_to_ceiling"], strict=True)]
    wide = rows.assign(cell=cells).pivot(index="value", columns="column", values="cell")
    wide = wide[list(dict.fromkeys(rows["column"]))].fillna("–").reset_index()
    wide["value"] = [f"{value:g}" for value in wide["value"]]
    return wide.rename_axis(columns=None)


def speeds(rows: pd.DataFrame) -> list[str]:
    """`1,234 ± 56`."""
    return [f"{speed:,.0f} ± {spread:,.0f}" for speed, spread in rows[["images_per_s", "spread"]].to_numpy()]
