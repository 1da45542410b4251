"""Report section on the source, the classes and the original sizes."""

from pathlib import Path

import pandas as pd

from fer.console import yes
from fer.data import statistics
from fer.data.faces import SIZE
from fer.exploration.examined import Data, listed, say
from fer.report import Report, plain


def source(report: Report, data: Data) -> None:
    found = data.module.description()
    places = found["path"] if report.with_faces else [Path(place).name for place in found["path"]]
    sizes = [f"{sum(of.values()):,} in {split}" for split, of in found["counts"].items()]
    lines = [
        f"{found['origin']}: {len(data.images):,} faces of {len(data.classes)} classes, {', '.join(sizes)}.",
        f"Layout: {found['layout']}; path: {', '.join(places)}.",
        f"Official split: {yes(found['official_split'])}; fingerprint: {found['fingerprint']}.",
        *(f"Note: {note}." for note in found["notes"]),
    ]
    report.text("\n".join(f"- {plain(line)}" for line in lines))
    report.text("Pictures and figures by class are of the training images, unless they say otherwise.")


def counts(report: Report, data: Data) -> None:
    from fer.plots.data import counts_figure

    found = data.module.counts
    train = found["train"]
    most, least = max(train, key=train.get), min(train, key=train.get)
    ratio = train[most] / train[least]
    report.heading("Images of each class")
    if ratio == 1:
        report.text(f"Balanced: every class has {train[most]:,} training images.")
    else:
        report.text(
            f"{plain(most)} has {train[most]:,} training images, {ratio:.1f} times {plain(least)}'s {train[least]:,}."
            + " `loss.class_weights=balanced` or `data.balance=sampler` makes up for it." * (ratio > 1.5)
        )
    table = pd.DataFrame(found)
    shares = (100 * table / table.sum()).round(1)
    spread = shares.max(axis=1) - shares.min(axis=1)
    widest = shares.loc[spread.idxmax()]
    if spread.max():
        there = listed([f"{share} % of {split}" for split, share in widest.items()])
        report.text(f"Shares differ most between the splits for {plain(spread.idxmax())}: {there}.")
    else:
        report.text("The splits have the same shares.")
    report.figure(counts_figure(found), "counts", "images of each class in each split")
    columns = {
        name: column for split in table for name, column in ((split, table[split]), (f"{split} %", shares[split]))
    }
    weight = {"balanced weight": (table["train"].sum() / (len(table) * table["train"])).round(2)}
    report.table(pd.DataFrame(columns | weight).rename_axis("class").reset_index(), "counts")


def sizes(report: Report, data: Data) -> None:
    report.heading("Image sizes as found")
    places = [place for place in map(statistics.pictures_at, data.module.sources) if place]
    if not places:
        report.text(f"All {len(data.images):,} faces came with 48×48 pixels ({plain(data.module.layout)}).")
        return
    say(f"reading the sizes of {sum(len(names) for _, names in places):,} pictures")
    table = statistics.picture_sizes(places)
    total, width, height = table["pictures"].sum(), table["width"], table["height"]
    if len(table) == 1:
        fits = "as networks see them" if {width[0], height[0]} == {SIZE} else "and are resized to 48×48"
        report.text(f"All {total:,} pictures have {width[0]}×{height[0]} pixels, {fits}.")
    else:
        small = table["pictures"][(width < SIZE) | (height < SIZE)].sum()
        oblong = table["pictures"][(width / height - 1).abs() > 0.1].sum()
        report.text(
            f"{total:,} pictures in {len(table):,} sizes, {width.min()}–{width.max()} pixels wide and "
            f"{height.min()}–{height.max()} high. All are resized to 48×48: {small:,} of them are smaller and get "
            f"enlarged, {oblong:,} are more than a tenth off square and get squeezed."
        )
    report.table(table.head(10))
    report.tables["sizes"] = table
