"""Report section that compares FER2013's labels with the votes of FER+."""

import numpy as np
import pandas as pd

from fer.data import ferplus, statistics
from fer.errors import UserError
from fer.exploration.examined import Data, listed
from fer.report import Report, plain


def agreement(report: Report, data: Data) -> None:
    from fer.plots import matrix_figure

    report.heading("Agreement with FER+")
    votes = votes_beside(data)
    if isinstance(votes, str):
        report.text(votes)
        return
    merge = data.cfg.labels.merge or {}
    names = [*(merge.get(name, name) for name in ferplus.CLASSES), "none"]
    labels, answers = np.array(data.classes)[data.labels], np.array(names)[statistics.plurality(votes)]
    agree = pd.Series(labels == answers)
    matrix = pd.crosstab(labels, answers).reindex(index=data.classes, columns=list(dict.fromkeys(names)), fill_value=0)
    shares, inside = 100 * agree.groupby(labels).mean(), 100 * agree.groupby(data.splits, sort=False).mean()
    best, worst = shares.idxmax(), shares.idxmin()
    report.text(
        f"FER2013's label leads FER+'s ten votes on {100 * agree.mean():.1f} % of the images ("
        + listed([f"{share:.1f} % of {split}" for split, share in inside.items()])
        + f"), most often if it is {plain(best)} ({shares[best]:.0f} %), least often if {plain(worst)} "
        f"({shares[worst]:.0f} %). On {(answers == 'none').sum():,} images no emotion leads (none): several are level, "
        "or unknown or not a face has the most."
    )
    figure = matrix_figure(matrix, "leads the votes of FER+", "label of FER2013")
    report.figure(figure, "ferplus", "labels against votes")
    known = {"images": matrix.sum(axis=1), "agree %": shares.loc[data.classes].round(1)}
    report.table(pd.DataFrame(known | dict(matrix.items())).rename_axis("class").reset_index(), "ferplus")


def votes_beside(data: Data) -> np.ndarray | str:
    """(N, 10) votes of FER+ for the faces, or the sentence that says why there are none."""
    if data.cfg.labels.votes != "none":
        return "The labels are FER+'s own."
    csv = data.module.sources[0]
    votes_file = data.cfg.labels.votes_file
    try:
        place = ferplus.find_votes(csv, votes_file) if csv.lower().endswith(".csv") else None
    except UserError:
        if votes_file:
            raise
        place = None
    if place is None or len(data.module.sources) > 1:
        return "No FER+ votes beside the data."
    try:
        votes = ferplus.read_votes(*place)
    except UserError as error:
        return plain(f"Not used: {error}.")
    counts = statistics.votes_of(data.ids, votes)
    return plain(f"Not used: {votes.where} does not go row by row with {csv}.") if counts is None else counts
