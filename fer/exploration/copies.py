"""Report section on duplicate images."""

from functools import partial

import numpy as np
import pandas as pd

from fer.exploration.examined import Data, say
from fer.report import Report


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
