"""Tables of a benchmark as README.md and the terminal show them, from the rows of its CSV files."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fer.benchmarking.costs import STEP
from fer.benchmarking.results import SETTING
from fer.plots.speed import NAMES


def setting_title(setting: Mapping[str, Any]) -> str:
    """Returns a setting in two lines: what was measured, and on which machine."""
    batch = f"batches of {setting['batch_size']}" if setting["batch_size"] else ""
    augment = f"augment={setting['augment']}" if setting["augment"] else ""
    parts = (setting["model"], setting["options"], setting["data"], batch, augment)
    threads = f", threads: {setting['threads']}" if setting["threads"] else ""
    return f"{', '.join(filter(None, parts))}\n{setting['machine']}{threads}"


def by_setting(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns the rows of each setting, by its title."""
    groups = table.groupby(SETTING, sort=False)
    return {setting_title(dict(zip(SETTING, values, strict=True))): rows for values, rows in groups}


def step_parts(rows: pd.DataFrame) -> dict[str, float]:
    """Returns the milliseconds of each part of a step from rows of costs.csv."""
    parts = zip(rows["part"], rows["value"], rows["unit"], strict=True)
    return {part: value for part, value, unit in parts if unit == STEP}


def column_table(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "loop": rows["column"].map(NAMES),
            "images/s": speeds(rows),
            "ratio to the bare step": [f"{ratio:.2f}" for ratio in rows["ratio_to_ceiling"]],
            "how": rows["how"],
        }
    )


def cost_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the costs with units, and the share of the step for its parts."""
    total = sum(step_parts(rows).values())
    costs, shares = [], []
    for value, unit in zip(rows["value"], rows["unit"], strict=True):
        costs.append(f"{value:,.2f} {unit}")
        shares.append(f"{100 * value / total:.1f} %" if unit == STEP else "")
    return pd.DataFrame({"part": rows["part"], "cost": costs, "share of the step": shares})


def overhead_table(rows: pd.DataFrame) -> pd.DataFrame:
    costs = [f"{value:,.2f} {unit}".strip() for value, unit in zip(rows["value"], rows["unit"], strict=True)]
    return pd.DataFrame({"what": rows["part"], "cost": costs})


def growth_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each value of the axis: images/s and ratio to the bare step of each loop."""
    cells = [f"{speed} ({ratio:.2f})" for speed, ratio in zip(speeds(rows), rows["ratio_to_ceiling"], strict=True)]
    columns = list(dict.fromkeys(rows["column"]))
    table = rows.assign(cell=cells).pivot(index="value", columns="column", values="cell")
    table = table.reindex(columns=columns).rename(columns=NAMES).fillna("–").reset_index()
    table["value"] = [f"{value:g}" for value in table["value"]]
    return table.rename_axis(columns=None)


def speeds(rows: pd.DataFrame) -> list[str]:
    """Returns images/s and spread of each row, such as `1,234 ± 56`."""
    return [f"{speed:,.0f} ± {spread:,.0f}" for speed, spread in zip(rows["images_per_s"], rows["spread"], strict=True)]
