import pandas as pd

from fer.benchmarking import timing
from fer.plots import speed


def test_figures_draw_every_column_and_part():
    table = timing.summarise({"ceiling": [9, 9], "whole": [8, 7], "default": [3, 3], "keras": [4, 4]})
    parts = dict.fromkeys(speed.PARTS, 1.0)
    figure = speed.speed_figure({"a\nb": table, "c\nd": table}, {"a\nb": parts})
    figure.draw_without_rendering()
    assert [len(axes.patches) for sub in figure.subfigs for axes in sub.axes] == [4, 5, 4, 0]
    names = [label.get_text() for label in figure.subfigs[0].axes[0].get_yticklabels()]
    assert names == ["bare step", "fer", "plain PyTorch", "Keras"]
    growth = pd.concat([table.assign(value=value) for value in (16, 64)])
    axes = speed.growth_figure({"a\nb": growth}, "batch size").axes[0]
    assert [label.get_text() for label in axes.get_legend().get_texts()] == names
