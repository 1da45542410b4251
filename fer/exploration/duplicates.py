"""Report section on duplicate images."""

from functools import partial

import numpy as np
import pandas as pd

from fer.counting import counted
from fer.data.duplicates import audit
from fer.exploration.dataset import Dataset, announce
from fer.plots.duplicates import duplicate_sheet
from fer.report import Report

SPLIT_TITLES = {"val": "validation", "test": "test"}
COUNT_TITLES = {
    "test_in_train": "test images identical to a training image",
    "test_in_train_or_val": "test images identical to a training or validation image",
    "val_in_train": "validation images identical to a training image",
    "groups": "groups of identical images",
    "conflicting": "groups of identical images with different labels",
    "blank": "images of a single grey level",
    "near_pairs": "pairs of near copies",
    "near_groups": "groups with near copies",
    "near_conflicting": "groups with near copies and different labels",
    "near_test_in_train": "test images with a near copy in training, but no identical one",
    "near_test_in_train_or_val": "test images with a near copy in training or validation, but no identical one",
    "near_val_in_train": "validation images with a near copy in training, but no identical one",
}
"""Key of an audit (see `fer.data.duplicates.Audit`) -> its meaning."""


def add_duplicates(report: Report, data: Dataset) -> dict[str, int]:
    """Adds the section; returns the counts of the audit."""
    near = data.cfg.near
    scope = "identical images and near copies" if near else "identical images"
    announce(f"looking for {scope} among {len(data.images):,} images")
    result = audit(data.images, data.labels, data.splits, data.ids, near=near)
    counts, groups = result.figures, result.groups
    report.heading("Duplicates")
    for split in ("val", "test"):
        report.text(leak_sentence(split, len(data.module.splits[split]), counts, near))
    report.text(
        f"The data hold {counted(counts['groups'], 'group')} of identical images; in {counts['conflicting']:,} of them "
        "the labels differ."
    )
    if not near:
        report.text("Near copies were not searched (`near=false`).")
    titles = [COUNT_TITLES.get(key, key) for key in counts]
    report.table(pd.DataFrame({"what is counted": titles, "count": [f"{count:,}" for count in counts.values()]}))
    if len(groups):
        sheet = partial(duplicate_sheet, data.images, groups, data.classes)
        report.faces(sheet, "duplicates", "groups of copies")
    report.tables["duplicates"] = groups.assign(label=np.array(data.classes)[groups["label"].to_numpy(int)])
    return counts


def leak_sentence(split: str, size: int, counts: dict[str, int], near: bool) -> str:
    """Returns a sentence on the number of images of a held-out split with a copy in training; size: of the split."""
    images = f"{counts[f'{split}_in_train']:,} of {size:,} {SPLIT_TITLES[split]} images"
    sentence = f"Identical to a training image: {images}"
    if near:
        sentence += f"; near copies of one: {counts[f'near_{split}_in_train']:,} more"
    return f"{sentence}."
