"""Report sections on the source, the number of images of each class, and the original sizes."""

from pathlib import Path

import numpy as np
import pandas as pd

from fer.console import yes
from fer.data import statistics
from fer.data.faces import SIZE
from fer.exploration.dataset import Dataset, announce, join_words
from fer.plots.data import counts_figure
from fer.report import Report, plain

IMBALANCED = 1.5
"""Ratio of the largest to the smallest class from which the report advises weights."""


def add_source(report: Report, data: Dataset) -> None:
    description = data.module.description()
    paths = description["path"]
    if not report.with_faces:  # a report to be published does not tell where the data lie
        paths = [Path(path).name for path in paths]
    sizes = [f"{sum(counts.values()):,} in {split}" for split, counts in description["counts"].items()]
    training = description["counts"]["train"]
    largest, smallest = max(training, key=training.__getitem__), min(training, key=training.__getitem__)
    lines = [
        f"{description['origin']}: {len(data.images):,} faces of {len(data.classes)} classes, {', '.join(sizes)}.",
        f"Training images: most of {largest} ({training[largest]:,}), fewest of {smallest} ({training[smallest]:,}).",
        f"Layout: {description['layout']}; path: {', '.join(paths)}.",
        f"Official split: {yes(description['official_split'])}; fingerprint: {description['fingerprint']}.",
        *(f"Note: {note}." for note in description["notes"]),
    ]
    report.text("\n".join(f"- {plain(line)}" for line in lines))
    report.text("Pictures and figures by class are of the training images, unless they say otherwise.")


def add_counts(report: Report, data: Dataset) -> None:
    counts = data.module.counts
    report.heading("Images of each class")
    report.text(balance_sentences(counts["train"]))
    table = pd.DataFrame(counts)
    shares = (100 * table / table.sum()).round(1)
    report.text(share_sentence(shares))
    report.figure(counts_figure(counts), "counts", "images of each class in each split")
    columns = {}
    for split in counts:
        columns[split] = table[split]
        columns[f"{split} %"] = shares[split]
    columns["balanced weight"] = (table["train"].sum() / (len(table) * table["train"])).round(2)
    report.table(pd.DataFrame(columns).rename_axis("class").reset_index(), "counts")


def balance_sentences(counts: dict[str, int]) -> str:
    """Returns sentences on the largest and the smallest class, and advice if they differ much."""
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[largest] / counts[smallest]
    if ratio == 1:
        return f"Balanced: every class has {counts[largest]:,} training images."
    sentences = (
        f"{plain(largest)} has {counts[largest]:,} training images, {ratio:.1f} times {plain(smallest)}'s "
        f"{counts[smallest]:,}."
    )
    if ratio > IMBALANCED:
        sentences += " `loss.class_weights=balanced` or `data.balance=sampler` makes up for it."
    return sentences


def share_sentence(shares: pd.DataFrame) -> str:
    """Returns a sentence on the class whose share differs most between splits.

    shares: in percent, a row for each class and a column for each split.
    """
    values = shares.to_numpy(float)
    spread = np.ptp(values, axis=1)
    if not spread.max():
        return "The splits have the same shares."
    row = int(spread.argmax())
    phrases = [f"{share} % of {split}" for split, share in zip(shares.columns, values[row].tolist(), strict=True)]
    return f"Shares differ most between the splits for {plain(str(shares.index[row]))}: {join_words(phrases)}."


def add_sizes(report: Report, data: Dataset) -> None:
    if data.module.hparams["source"] == "own":
        return  # only the reader knows where the faces come from
    report.heading("Image sizes as found")
    places = [place for place in map(statistics.pictures_at, data.module.sources) if place]
    if not places:
        report.text(f"All {len(data.images):,} faces came with 48×48 pixels ({plain(data.module.layout)}).")
        return
    announce(f"reading the sizes of {sum(len(names) for _, names in places):,} pictures")
    table = statistics.picture_sizes(places)
    report.text(size_sentences(*(table[name].to_numpy() for name in ("pictures", "width", "height"))))
    report.table(table.head(10))
    report.tables["sizes"] = table


def size_sentences(pictures: np.ndarray, width: np.ndarray, height: np.ndarray) -> str:
    """Returns sentences on the sizes; all arguments (K,): number, width and height of the pictures of each size."""
    total = pictures.sum()
    if len(pictures) == 1:
        is_native = width[0] == height[0] == SIZE
        consequence = "as networks see them" if is_native else "and are resized to 48×48"
        return f"All {total:,} pictures have {width[0]}×{height[0]} pixels, {consequence}."
    small = pictures[(width < SIZE) | (height < SIZE)].sum()
    oblong = pictures[np.abs(width / height - 1) > 0.1].sum()
    return (
        f"{total:,} pictures in {len(pictures):,} sizes, {width.min()}–{width.max()} pixels wide and "
        f"{height.min()}–{height.max()} high. All are resized to 48×48: {small:,} of them are smaller and get "
        f"enlarged, {oblong:,} are more than a tenth off square and get squeezed."
    )
