"""Figure of accuracy against the strength of each corruption."""

import pandas as pd
from matplotlib.figure import Figure

from fer.plots import PALETTE

COLUMNS = 3


def robustness_figure(table: pd.DataFrame) -> Figure:
    """A panel a corruption: accuracy at each strength, dashed at that of untouched pictures.

    table: columns corruption, strength, meaning, accuracy (in [0, 1]).
    """
    names = list(dict.fromkeys(table["corruption"]))
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(11, 3.1 * rows), dpi=110, layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        mine = table[table["corruption"] == name].sort_values("strength")
        shares = 100 * mine["accuracy"].to_numpy()
        axes.axhline(shares[0], color="0.6", linestyle="--", linewidth=1)
        axes.plot(mine["strength"], shares, color=PALETTE["sad"], marker="o")
        end = (mine["strength"].iloc[-1], shares[-1])
        axes.annotate(f"{shares[-1]:.0f} %", end, (0, 7), textcoords="offset points", ha="center")
        axes.set_xticks(mine["strength"], mine["meaning"], rotation=30, ha="right", fontsize=9)
        axes.set(title=name, xlim=(-0.4, mine["strength"].max() + 0.5), ylim=(0, 100))
        axes.grid(alpha=0.3)
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("accuracy, %")
    for axes in panels[len(names) :]:
        axes.axis("off")
    return figure
