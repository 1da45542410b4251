"""Writes the leaderboard: what the recipes of this project reach on FER2013, and what they cost.

    python experiments/leaderboard/board.py runs/standard/fer2013/seed-0 runs/standard/fer2013/seed-1 --data FER2013
    python experiments/leaderboard/board.py --name ensemble --ensemble runs/a/seed-0 runs/b/seed-0 --data FER2013
    python experiments/leaderboard/board.py --no-timing --readme README.md

Each RUN is the folder of a finished run, or stored predictions (.csv.gz) beside the runs.jsonl.gz of their study. The
runs of one configuration are a row, with means over seeds; --name names it, by default as the study. With --ensemble
the runs are the members of one row, and their probabilities are averaged. --data names the images, which tell copies
apart (and, with fer2013new.csv beside them, where FER+ agrees); by default they lie where the run found them.

It adds the runs to runs.jsonl.gz, and writes leaderboard.csv, README.md and two figures from everything in it. All
networks are timed in turn on this machine (times.csv), so that milliseconds compare; --no-timing keeps the old ones.
Predictions are read from the runs; with --tta their networks predict the test split again.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from costs import costs_of, milliseconds
from pages import figures, overview, readme
from rows import leaderboard
from scores import ensemble_entry, run_entry

from fer import stored
from fer.arguments import path as path_type
from fer.arguments import run
from fer.errors import UserError, one_line_errors
from fer.files import atomic, save_figure, write_text
from fer.hardware import cpu_name
from fer.studies.summaries import fill_marks
from fer.tta import VIEWS

HERE = Path(__file__).resolve().parent


def add(
    runs: Sequence[Path], name: str | None, data: str | None, ensemble: bool, place: Path, tta: str | None = None
) -> list[str]:
    """Adds runs to the stored entries in `place`; returns the names of their rows. tta: see `run_entry`."""
    if ensemble and (not name or len(runs) < 2):
        raise UserError("--ensemble needs --name and two or more runs")
    if ensemble:
        added = [ensemble_entry(runs, str(name), data, tta)]
    else:
        added = [run_entry(path, name, data, tta) for path in runs]
    keys = {f"{entry['row']}-seed-{entry['seed']}" for entry in added}
    kept = {key: entry for key, entry in stored.read(place).items() if key not in keys}
    check_rows([*kept.values(), *added])
    place.mkdir(parents=True, exist_ok=True)
    stored.write(place, kept | {f"{entry['row']}-seed-{entry['seed']}": entry for entry in added})
    return sorted({entry["row"] for entry in added})


def remove(row: str, place: Path) -> None:
    """Removes a row from the stored entries. Raises UserError if there is none of this name."""
    entries = stored.read(place)
    kept = {key: entry for key, entry in entries.items() if entry["row"] != row}
    if len(kept) == len(entries):
        rows = ", ".join(sorted({entry["row"] for entry in entries.values()}))
        raise UserError(f"--remove {row}: no such row; there are {rows}")
    stored.write(place, kept)


def check_rows(entries: Sequence[dict[str, Any]]) -> None:
    """Raises UserError where the runs of a row have different options."""
    options: dict[str, str] = {}
    for entry in entries:
        row = entry["row"]
        if options.setdefault(row, entry["configuration"]) != entry["configuration"]:
            raise UserError(
                f"row '{row}': seed {entry['seed']} was trained with other options; name another row with --name"
            )


def with_published(rows: dict[str, Any], published: pd.DataFrame) -> dict[str, Any]:
    """Returns the networks of each row, and of each published system whose network is in conf/model, by name."""
    networks = dict(rows)
    for system, model, views in published[["system", "model", "views"]].dropna().itertuples(index=False):
        networks[system] = [{"model": model, "tta": views}]
    return networks


def write(place: Path, timing: bool) -> list[str]:
    """Writes times.csv, leaderboard.csv, README.md and the figures; returns their names."""
    entries = stored.read(place)
    if not entries:
        raise UserError(f"{place}: no run is stored; name the folders of finished runs")
    published = pd.read_csv(HERE / "published.csv")
    rows = {entry["row"]: entry["networks"] for entry in entries.values()}
    if timing:
        write_table(timed(with_published(rows, published)), place / "times.csv")
    times = read_times(place / "times.csv")
    costs = {name: {**costs_of(members), "ms_per_face": times.get(name)} for name, members in rows.items()}
    table = leaderboard(entries, costs)
    write_table(table, place / "leaderboard.csv")
    drawn = figures(table, entries, published, times)
    for name, figure in drawn.items():
        save_figure(figure, place / f"{name}.png", colours=64)
    write_text(place / "README.md", readme(table, entries, published, list(drawn)))
    return ["leaderboard.csv", "README.md", *(f"{name}.png" for name in drawn)]


def timed(networks: dict[str, Any]) -> pd.DataFrame:
    """Times all networks; returns name, ms_per_face and machine of each."""
    times = pd.Series(milliseconds(networks), name="ms_per_face")
    return times.round(3).rename_axis("name").reset_index().assign(machine=cpu_name())


def write_table(table: pd.DataFrame, path: Path) -> None:
    with atomic(path) as file:
        table.to_csv(file, index=False)


def read_times(path: Path) -> dict[str, float]:
    """Returns name -> milliseconds a face, as timed last; empty before the first timing."""
    if not path.is_file():
        return {}
    table = pd.read_csv(path)
    return dict(zip(table["name"], table["ms_per_face"], strict=True))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=run("a run"), metavar="RUN", help="finished runs, or .csv.gz files")
    parser.add_argument("--name", help="name of the row (default: the study of the run)")
    parser.add_argument("--data", type=path_type("--data"), metavar="PATH", help="FER2013")
    parser.add_argument("--ensemble", action="store_true", help="the runs are members of one row")
    parser.add_argument("--tta", choices=tuple(VIEWS), help="predict again, from other views of each face")
    parser.add_argument("--remove", metavar="NAME", help="removes a row first")
    parser.add_argument("--no-timing", action="store_true", help="keep the milliseconds of times.csv")
    parser.add_argument("--readme", type=Path, help="file with <!-- results --> marks for a short table")
    parser.add_argument("--out", type=Path, default=HERE, metavar="FOLDER", help="default: the folder of this file")
    args = parser.parse_args(arguments)
    if args.remove:
        remove(args.remove, args.out)
    names = add(args.runs, args.name, args.data, args.ensemble, args.out, args.tta) if args.runs else []
    files = write(args.out, timing=not args.no_timing)
    if args.readme:
        table = pd.read_csv(args.out / "leaderboard.csv")
        fill_marks(args.readme, overview(table, stored.read(args.out)) + "\n", "results")
    if names:
        print(f"rows: {', '.join(names)}")
    print(f"wrote {args.out}/: {', '.join(files)}\nnext: read {shlex.quote(str(args.out / 'README.md'))}")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
