"""Sections of the report on data: each puts what it finds under its own heading."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from fer.console import yes
from fer.data import ferplus, statistics
from fer.data.faces import SIZE
from fer.errors import UserError
from fer.report import Report, plain

UNITS = {
    "brightness": "mean grey level",
    "contrast": "standard deviation [grey levels]",
    "sharpness": "variance of the Laplacian",
    "noise": "noise [grey levels]",
}
SAMPLES, DRAWS, SHOWN = 10, 5, 32
"""Faces of each class, augmented versions of a face, blank images on a sheet."""


@dataclass(frozen=True)
class Data:
    """Every face of a data module: training, then validation, then test."""

    cfg: DictConfig
    module: Any  # FERDataModule after setup
    images: np.ndarray  # (N, 48, 48) uint8
    labels: np.ndarray  # (N,) int64
    splits: np.ndarray  # (N,) str
    ids: np.ndarray  # (N,) str

    @property
    def classes(self) -> list[str]:
        return list(self.module.classes)

    @property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels."""
        size = len(self.module.splits["train"])
        return self.images[:size], self.labels[:size]

    @cached_property
    def measures(self) -> pd.DataFrame:
        """A row an image, see `statistics.measures`."""
        say(f"measuring {len(self.images):,} images")
        return statistics.measures(self.images)


def say(what: str) -> None:
    print(f"{what} …", flush=True)


def listed(words: Sequence[str]) -> str:
    """a, b and c, as Markdown that says just that."""
    words = [plain(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


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


def samples(report: Report, data: Data) -> None:
    from fer.plots.data import faces_in_rows

    images, _ = data.training
    chosen = some_of_each(data, SAMPLES)
    report.heading("Samples")
    least = min(map(len, chosen))
    few = "" if least == SAMPLES else f", {least} where there are no more"
    report.text(f"{SAMPLES} training images of each class{few}, drawn at random (seed {data.cfg.seed}).")
    rows = [images[rows] for rows in chosen]
    report.faces(lambda: faces_in_rows(rows, data.classes), "samples", "a row of faces a class")


def some_of_each(data: Data, count: int) -> list[np.ndarray]:
    """Random rows of the training images, at most `count` of each class."""
    random, (_, labels) = np.random.default_rng(data.cfg.seed), data.training
    return [random.permutation(np.flatnonzero(labels == label))[:count] for label in range(len(data.classes))]


def grey_levels(report: Report, data: Data) -> None:
    from fer.plots.data import grey_level_figure

    levels = statistics.grey_levels(*data.training, len(data.classes))
    table = statistics.pooled(levels, data.classes)
    dark, bright = table.loc[table["median"].idxmin()], table.loc[table["median"].idxmax()]
    black, white = 100 * levels.sum(0)[[0, 255]] / levels.sum()
    report.heading("Grey levels")
    report.text(
        f"The median pixel is darkest in {plain(dark['class'])} ({dark['median']:g}) and brightest in "
        f"{plain(bright['class'])} ({bright['median']:g}). {black:.1f} % of all pixels are black (0), {white:.1f} % "
        "white (255)."
    )
    report.figure(grey_level_figure(levels, data.classes), "grey_levels", "histogram of grey levels in each class")
    report.table(table.round(1), "grey_levels")


def measures(report: Report, data: Data) -> None:
    from fer.plots.data import measures_figure

    _, labels = data.training
    mine = data.measures.iloc[: len(labels)]
    shares = {name: 100 * statistics.explained(mine[name].to_numpy(), labels) for name in UNITS}
    strongest = max(shares, key=shares.get)
    means = data.measures.groupby(data.splits, sort=False)[list(UNITS)].mean()
    shift = ((means - means.loc["train"]).abs() / mine[list(UNITS)].std()).fillna(0)
    split, name = shift.stack().idxmax()
    report.heading("Brightness, contrast, sharpness and noise")
    verdict = f"{strongest} alone says something" if shares[strongest] >= 10 else "none of them says much"
    report.text(
        "The class explains "
        + listed([f"{share:.1f} % of the variance of {name}" for name, share in shares.items()])
        + f", beyond chance: {verdict} about the class."
    )
    report.text(
        f"Of all means {split}'s {name} is farthest from training's: {shift.loc[split, name]:.2f} standard deviations "
        f"of an image, where chance gives about {len(data.module.splits[split]) ** -0.5:.2f}."
    )
    report.text(
        "Brightness is an image's mean, contrast its standard deviation, sharpness the variance of its Laplacian, and "
        "noise the estimate of Immerkær (1996), which takes fine texture for noise."
    )
    report.figure(measures_figure(mine, labels, data.classes, UNITS), "measures", "histograms and box plots by class")
    by_class = mine[list(UNITS)].groupby(np.array(data.classes)[labels])
    report.table(by_class.median().loc[data.classes].round(1).add_prefix("median ").rename_axis("class").reset_index())
    described = by_class.describe().stack(level=0, future_stack=True).loc[data.classes].round(3)
    report.tables["measures_by_class"] = described.rename_axis(["class", "measure"]).reset_index()
    report.table(means.round(1).add_prefix("mean ").rename_axis("split").reset_index(), "measures_by_split")


def mean_faces(report: Report, data: Data) -> None:
    from fer.plots.data import mean_faces_figure

    means, deviations = statistics.mean_faces(*data.training, len(data.classes))
    apart = statistics.distances(means)
    pairs = sorted(zip(*np.triu_indices(len(apart), 1), strict=True), key=lambda pair: apart[pair])
    near, far = ([data.classes[label] for label in pair] for pair in (pairs[0], pairs[-1]))
    report.heading("Mean faces")
    report.text(
        f"The mean faces of {listed(near)} are nearest to each other ({apart[pairs[0]]:.1f} grey levels, root mean "
        f"square), those of {listed(far)} farthest ({apart[pairs[-1]]:.1f}); around its class's mean face an image "
        f"varies by {np.sqrt((deviations**2).mean()):.0f}."
    )
    figure = partial(mean_faces_figure, means, deviations, data.classes)
    report.faces(figure, "mean_faces", "mean and deviation of each class")


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


def augmented(report: Report, data: Data) -> None:
    from fer.plots.data import faces_in_rows

    report.heading("Augmented faces")
    nodes = {name: node for name, node in data.cfg.augment.items() if node}
    if not nodes:
        report.text("`augment=none`: training sees the images as they are.")
        return
    rows = np.concatenate(some_of_each(data, 1))[:8]
    images, labels = (array[rows] for array in data.training)
    drawn = draws(data.module.augmentation, images, labels, data.cfg.seed)
    change = ""
    if drawn.shape[2:] == images.shape[1:]:
        change = f"; a draw changes a pixel by {np.abs(drawn - images).mean():.0f} grey levels on average"
    report.text(
        f"Training draws each image anew in every epoch by {listed(list(nodes))}. Left the original, then {DRAWS} draws"
        f"{change}."
    )
    columns = ["original", *(f"draw {number}" for number in range(1, DRAWS + 1))]
    names = [data.classes[label] for label in labels]
    grid = [[image, *drawn[:, row]] for row, image in enumerate(images)]
    report.faces(partial(faces_in_rows, grid, names, columns), "augmented", "originals and augmented versions")
    if len(nodes) > 1:
        each = [draws(one, images, labels, data.cfg.seed) for one in data.module.augmentation.transforms.values()]
        grid = [[images[row % len(rows)], *drawn[:, row % len(rows)]] for row, drawn in enumerate(each)]
        report.faces(partial(faces_in_rows, grid, list(nodes), columns), "augmented_each", "every transform by itself")
    settings = [
        ", ".join(f"{key} {value}" for key, value in node.items() if key != "_target_") for node in nodes.values()
    ]
    report.table(pd.DataFrame({"transform": nodes.keys(), "settings": settings}))


def draws(transform: Any, images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """(n, H, W) uint8, (n,) -> (DRAWS, n, H', W') float32 in 0–255, each image with its own draw."""
    import torch

    torch.manual_seed(seed)
    batch = torch.from_numpy(images)[:, None].float().div(255).repeat(DRAWS, 1, 1, 1)
    drawn, _ = transform(batch, torch.from_numpy(labels).repeat(DRAWS))
    return 255 * drawn[:, 0].unflatten(0, (DRAWS, -1)).numpy()


def blanks(report: Report, data: Data) -> None:
    from fer.plots import face_sheet

    contrast = data.measures["contrast"].to_numpy()
    rows = np.flatnonzero(contrast < statistics.BLANK)
    rows = rows[np.argsort(contrast[rows], kind="stable")]
    report.heading("Blank images")
    if not len(rows):
        report.text(f"None: every image has a contrast of {contrast.min():.1f} grey levels or more.")
        return
    constant, inside = int((contrast == 0).sum()), pd.Series(data.splits[rows]).value_counts(sort=False)
    report.text(
        f"{constant:,} of {len(contrast):,} images have one grey level throughout, and {len(rows) - constant:,} more "
        f"have hardly any contrast (below {statistics.BLANK:g} grey levels): "
        + listed([f"{count:,} in {split}" for split, count in inside.items()])
        + ". Whatever their labels say, nothing can be learnt from them."
    )
    names = np.array(data.classes)[data.labels[rows]]
    titles = [
        f"{name}, {split}\n{short(id)}"
        for name, split, id in zip(names, data.splits[rows], data.ids[rows], strict=True)
    ]
    sheet = partial(face_sheet, data.images[rows[:SHOWN]], titles[:SHOWN])
    report.faces(sheet, "blanks", "blank images with label and split")
    known = {"split": data.splits[rows], "id": data.ids[rows], "class": names, "contrast": contrast[rows].round(2)}
    table = pd.DataFrame(known)
    report.table(table.head(SHOWN))
    report.tables["blanks"] = table


def short(id: str) -> str:
    """The end of a name, as much as fits over a face."""
    return id if len(id) <= 18 else f"…{id[-17:]}"


def duplicates(report: Report, data: Data) -> dict[str, int]:
    """Returns the figures of the audit."""
    from fer.data.duplicates import audit
    from fer.plots.duplicates import duplicate_sheet

    near = data.cfg.near
    say(f"looking for copies among {len(data.images):,} images" + (", near ones too" if near else ""))
    found = audit(data.images, data.labels, data.splits, data.ids, near=near)
    figures, groups = found.figures, found.groups
    report.heading("Duplicates")
    for split in ("val", "test"):
        more = f", {figures[f'near_{split}_in_train']:,} more as a near copy" if near else ""
        size = len(data.module.splits[split])
        report.text(
            f"Of {size:,} {split} images {figures[f'{split}_in_train']:,} lie in training pixel for pixel{more}."
        )
    report.text(
        f"Of {figures['groups']:,} groups of identical images {figures['conflicting']:,} carry several labels."
        + " Near copies were not looked for (`near=false`)." * (not near)
    )
    report.table(pd.DataFrame({"figure": figures.keys(), "count": figures.values()}))
    if len(groups):
        sheet = partial(duplicate_sheet, data.images, groups, data.classes)
        report.faces(sheet, "duplicates", "groups of copies")
    report.tables["duplicates"] = groups.assign(label=np.array(data.classes)[groups["label"].to_numpy(int)])
    return found.figures


def agreement(report: Report, data: Data) -> None:
    from fer.plots.data import matrix_figure

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
    try:
        place = ferplus.find_votes(csv) if csv.lower().endswith(".csv") else None
    except UserError:
        place = None
    if place is None or len(data.module.sources) > 1:
        return "No FER+ votes beside the data."
    try:
        votes = ferplus.read_votes(*place)
    except UserError as error:
        return plain(f"Not used: {error}.")
    counts = statistics.votes_of(data.ids, votes)
    return plain(f"Not used: {votes.where} does not go row by row with {csv}.") if counts is None else counts
