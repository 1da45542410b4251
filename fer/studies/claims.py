"""Reads the figures that other projects reported of the systems in a study."""

from pathlib import Path

import pandas as pd

from fer.errors import UserError

COLUMNS = ["study", "figure", "value", "note"]


def read_claims(path: Path) -> pd.DataFrame:
    """Returns study, figure (as in metrics.json), value (percent, as written) and note; empty without the file."""
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(table) != COLUMNS:
        raise UserError(f"{path}: expected the columns {','.join(COLUMNS)}, found {','.join(table.columns)}")
    return table


def claims_of(claims: pd.DataFrame, study: str, figure: str) -> pd.DataFrame:
    """Returns the rows of one study and figure."""
    return claims[(claims["study"] == study) & (claims["figure"] == figure)]


def claim_text(claims: pd.DataFrame, study: str, figure: str) -> str:
    """Returns the reported values as text, such as `test 67.7 (note), test 68 (note)`; a row without value its note."""
    split = figure.partition("/")[0]
    texts = []
    for row in claims_of(claims, study, figure).itertuples():
        if not row.value:
            texts.append(row.note)
        elif row.note:
            texts.append(f"{split} {row.value} ({row.note})")
        else:
            texts.append(f"{split} {row.value}")
    return ", ".join(texts)
