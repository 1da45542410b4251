"""Report section on training images whose label out-of-sample predictions contradict."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer.data import label_noise, soft_labels, statistics
from fer.exploration.dataset import Dataset
from fer.exploration.votes import merged_emotions, votes_beside
from fer.report import Report, plain

LIST_LENGTHS = (100, 300, 1000, 3000)
"""Lengths of the list for which the precision is shown, beside the whole list."""


@dataclass(frozen=True)
class Suspects:
    """Training images with an opinion, and the suspicious ones among them, most suspicious first."""

    with_opinion: np.ndarray  # (N,) int64, rows of the data set
    rows: np.ndarray  # (M,) int64, rows of the data set
    likely: np.ndarray  # (M,) int64, the class that the opinion finds more probable than the label
    margin: np.ndarray  # (M,) float64 in [-1, 1], probability of the label less that of the likely class


def add_suspicious_labels(report: Report, data: Dataset) -> None:
    """Adds the section and suspicious.csv if the option `suspicious` names a file of opinions."""
    if not data.cfg.suspicious:
        return
    suspects = find_suspects(data)
    with_opinion, rows = suspects.with_opinion, suspects.rows
    share = 100 * len(rows) / len(with_opinion)
    without_opinion = (data.splits == "train").sum() - len(with_opinion)
    report.heading("Suspicious labels")
    report.text(
        f"Of {len(with_opinion):,} training images with an opinion, {len(rows):,} ({share:.1f} %) have a label that "
        "the opinion contradicts with confidence (confident learning, Northcutt et al. 2021); "
        f"{without_opinion:,} training images have no opinion. suspicious.csv lists the ids, the most "
        "suspicious first; a negative margin is how much more probable the opinion finds the other class."
    )
    totals, counts = (np.bincount(data.labels[part], minlength=len(data.classes)) for part in (with_opinion, rows))
    with np.errstate(invalid="ignore"):
        shares = (100 * counts / totals).round(1)
    columns = {"class": data.classes, "images": totals, "suspicious": counts, "suspicious %": shares}
    report.table(pd.DataFrame(columns))
    report.tables["suspicious"] = pd.DataFrame(
        {
            "id": data.ids[rows],
            "label": data.label_names()[rows],
            "opinion": np.array(data.classes)[suspects.likely],
            "margin": suspects.margin.round(4),
        }
    )
    add_precision(report, data, suspects)


def find_suspects(data: Dataset) -> Suspects:
    """Reads the opinions and ranks the images; raises UserError if none of them is on a training image."""
    opinions = soft_labels.read_soft_labels(data.cfg.suspicious, option="suspicious")
    probabilities = opinions.among(data.classes, data.cfg.labels.merge)
    train = np.flatnonzero(data.splits == "train")
    matches = pd.Index(opinions.ids).get_indexer(pd.Index(data.ids[train]))
    has_opinion = (matches >= 0) & np.isfinite(probabilities[matches]).all(1)
    opinions.require(bool(has_opinion.any()), data.ids[train])
    rows = train[has_opinion]
    ranked, likely, margin = label_noise.suspicious(data.labels[rows], probabilities[matches[has_opinion]])
    return Suspects(rows, rows[ranked], likely, margin)


def add_precision(report: Report, data: Dataset, suspects: Suspects) -> None:
    """Adds the precision of the list against FER+ votes, or a sentence that says why there are none."""
    votes = votes_beside(data)
    if isinstance(votes, str):
        report.text(f"The precision is not measured. {votes}")
        return
    leaders = np.array([*merged_emotions(data), ""])[statistics.plurality(votes)]
    has_leader, is_wrong = leaders != "", leaders != data.label_names()
    judged = suspects.with_opinion[has_leader[suspects.with_opinion]]
    report.text(
        plain(
            "Precision against FER+: the share of images whose label does not lead the ten votes, among those where "
            f"an emotion leads. Of all images with an opinion it is {100 * is_wrong[judged].mean():.1f} %."
        )
    )
    rows, likely = suspects.rows, np.array(data.classes)[suspects.likely]
    table = []
    for length in [*(length for length in LIST_LENGTHS if length < len(rows)), len(rows)]:
        judged = has_leader[rows[:length]]
        top, opinions = rows[:length][judged], likely[:length][judged]
        table.append(
            {
                "first": length,
                "with a leading vote": len(top),
                "precision %": round(100 * is_wrong[top].mean(), 1),
                "opinion leads %": round(100 * (leaders[top] == opinions).mean(), 1),
            }
        )
    if len(rows):
        report.table(pd.DataFrame(table), "suspicious_precision")
