"""Report section on training images whose label out-of-sample predictions contradict."""

import numpy as np
import pandas as pd

from fer.data import ferplus, label_noise, soft_labels, statistics
from fer.exploration.examined import Data
from fer.exploration.votes import votes_beside
from fer.report import Report, plain

TOP = (100, 300, 1000, 3000)
"""Lengths of the list for which the precision is shown, beside the whole list."""


def suspicious(report: Report, data: Data) -> None:
    """Adds the section and suspicious.csv where `suspicious` names a file of opinions."""
    if not data.cfg.suspicious:
        return
    opinions = soft_labels.read_soft_labels(data.cfg.suspicious, option="suspicious")
    probabilities = opinions.among(data.classes, data.cfg.labels.merge)
    train = np.flatnonzero(data.splits == "train")
    matched = pd.Index(opinions.ids).get_indexer(data.ids[train])
    known = (matched >= 0) & np.isfinite(probabilities[matched]).all(1)
    opinions.require(known.any(), data.ids[train])
    faces = train[known]
    rows, likely, margin = label_noise.suspicious(data.labels[faces], probabilities[matched[known]])
    ranked = faces[rows]
    report.heading("Suspicious labels")
    report.text(
        f"Of {len(faces):,} training images with an opinion, {len(ranked):,} ({100 * len(ranked) / len(faces):.1f} %) "
        "have a label that the opinion contradicts with confidence (confident learning, Northcutt et al. 2021); "
        f"{len(train) - len(faces):,} training images have no opinion. suspicious.csv lists the ids, the most "
        "suspicious first; a negative margin is how much more probable the opinion finds the other class."
    )
    names = np.array(data.classes)
    labels = pd.Series(names[data.labels[ranked]])
    totals = pd.Series(names[data.labels[faces]]).value_counts().reindex(data.classes, fill_value=0)
    counts = labels.value_counts().reindex(data.classes, fill_value=0)
    shares = (100 * counts / totals).round(1)
    report.table(pd.DataFrame({"class": data.classes, "images": totals.to_numpy(), "suspicious": counts.to_numpy(),
                               "suspicious %": shares.to_numpy()}))  # fmt: skip
    listed = {"id": data.ids[ranked], "label": labels, "opinion": names[likely], "margin": margin.round(4)}
    report.tables["suspicious"] = pd.DataFrame(listed)
    add_precision(report, data, faces, ranked, likely)


def add_precision(report: Report, data: Data, faces: np.ndarray, ranked: np.ndarray, likely: np.ndarray) -> None:
    """Adds the precision of the list against FER+ votes, where there are any.

    faces: (N,) rows with an opinion. ranked: (M,) suspicious rows among them, in order; likely: their other class.
    """
    votes = votes_beside(data)
    if isinstance(votes, str):
        report.text(f"The precision is not measured. {votes}")
        return
    merge = data.cfg.labels.merge or {}
    leaders = np.array([*(merge.get(name, name) for name in ferplus.CLASSES), ""])[statistics.plurality(votes)]
    names = np.array(data.classes)
    led, wrong = leaders != "", leaders != names[data.labels]
    base = 100 * wrong[faces[led[faces]]].mean()
    rows = []
    for size in [*(size for size in TOP if size < len(ranked)), len(ranked)]:
        kept = led[ranked[:size]]
        top, other = ranked[:size][kept], names[likely[:size][kept]]
        precision, agreement = wrong[top].mean(), (leaders[top] == other).mean()
        rows.append({"first": size, "with a leading vote": len(top), "precision %": round(100 * precision, 1),
                     "opinion leads %": round(100 * agreement, 1)})  # fmt: skip
    report.text(
        plain(
            f"Precision against FER+: the share of images whose label does not lead the ten votes, among those where "
            f"an emotion leads. Of all images with an opinion it is {base:.1f} %."
        )
    )
    if len(ranked):
        report.table(pd.DataFrame(rows), "suspicious_precision")
