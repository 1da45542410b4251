"""Report section that compares FER2013's labels with the votes of FER+."""

import numpy as np
import pandas as pd

from fer.counting import counted
from fer.data import ferplus, statistics
from fer.errors import UserError
from fer.exploration.dataset import Dataset, join_words
from fer.plots import matrix_figure
from fer.report import Report, plain

NO_LEADER = "none"
"""Column of the images on which no emotion leads."""


def add_agreement(report: Report, data: Dataset) -> None:
    report.heading("Agreement with FER+")
    votes = votes_beside(data)
    if isinstance(votes, str):
        report.text(votes)
        return
    names = [*merged_emotions(data), NO_LEADER]
    labels, leaders = data.label_names(), np.array(names)[statistics.plurality(votes)]
    agrees = labels == leaders
    shares = {name: 100 * agrees[labels == name].mean() for name in sorted(data.classes)}
    by_split = {split: 100 * agrees[data.splits == split].mean() for split in dict.fromkeys(data.splits)}
    best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    phrases = join_words([f"{share:.1f} % of {split}" for split, share in by_split.items()])
    report.text(
        f"FER2013's label leads FER+'s ten votes on {100 * agrees.mean():.1f} % of the images ({phrases}), most often "
        f"if it is {plain(best)} ({shares[best]:.0f} %), least often if {plain(worst)} ({shares[worst]:.0f} %). On "
        f"{counted((leaders == NO_LEADER).sum(), 'image')} no emotion leads ({NO_LEADER}): several are level, or "
        "unknown or not a face has the most."
    )
    columns = list(dict.fromkeys(names))
    matrix = pd.crosstab(labels, leaders).reindex(index=data.classes, columns=columns, fill_value=0)
    figure = matrix_figure(matrix, "leads the votes of FER+", "label of FER2013")
    report.figure(figure, "ferplus", "labels against votes")
    table = pd.DataFrame({"class": data.classes, "images": matrix.sum(axis=1).to_numpy()})
    table["agree %"] = [round(shares[name], 1) for name in data.classes]
    report.table(pd.concat([table, matrix.reset_index(drop=True)], axis=1), "ferplus")


def merged_emotions(data: Dataset) -> list[str]:
    """Returns the emotions of FER+, renamed by labels.merge."""
    merge = data.cfg.labels.merge or {}
    return [merge.get(name, name) for name in ferplus.CLASSES]


def votes_beside(data: Dataset) -> np.ndarray | str:
    """Returns the votes of FER+ for the faces, (N, 10), or a sentence that says why there are none.

    Raises UserError if labels.votes_file is given and does not exist.
    """
    if data.cfg.labels.votes != "none":
        return "The labels are FER+'s own."
    csv, votes_file = data.module.sources[0], data.cfg.labels.votes_file
    if len(data.module.sources) > 1 or not csv.lower().endswith(".csv"):
        return "No FER+ votes beside the data."
    try:
        place = ferplus.find_votes(csv, votes_file)
    except UserError:
        if votes_file:
            raise
        return "No FER+ votes beside the data."
    try:
        votes = ferplus.read_votes(*place)
    except UserError as error:
        return plain(f"Not used: {error}.")
    counts = statistics.votes_of(data.ids, votes)
    if counts is None:
        return plain(f"Not used: {votes.where} does not go row by row with {csv}.")
    return counts
