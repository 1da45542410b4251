"""Puts a trained network into fer/weights, where commands find the networks that ship.

    python -m fer.exporting.ship runs/standard/fer2013/seed-0 runs/standard/fer2013/seed-1 --name standard

Of several runs of one recipe, which differ in their seeds, the best on PublicTest ships, and the card has them all.
Writes <name>.pt and <name>.onnx with weights in float16, <name>.int8.onnx, the model card <name>.md, and SHA256SUMS;
networks of other names stay. The figures of the card come from the runs' predictions of the test split, and this
reading of the test split is recorded as by fer.evaluate. Refuses a network or a file that is larger than LIMITS allow
for its name, and a run on other data than FER2013's official split.
"""

import hashlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fer.arguments import Parser, add_trust
from fer.errors import UserError, one_line_errors
from fer.evaluation.records import Record, record_of
from fer.exporting.card import card
from fer.exporting.formats import export
from fer.files import atomic, write_text
from fer.identity import configuration_identity
from fer.prediction.network import INT8
from fer.shipped import NAMES, SUMS, WEIGHTS, read_sums

FORMATS = {".pt": ("weights", "fp16"), ".onnx": ("onnx", "fp16"), INT8: ("onnx", "int8")}
"""Suffix of a file -> kind and precision for `export`."""


class Limit(NamedTuple):
    """The most parameters of a network, and the most bytes of each of its files."""

    parameters: int
    size: int


LIMITS = {
    "standard": Limit(2_400_000, 5_000_000),
    "pocket": Limit(450_000, 1_000_000),
    "tiny": Limit(60_000, 160_000),
}


def ship(runs: Sequence[Path], name: str, command: str, folder: Path = WEIGHTS) -> list[Path]:
    """Writes the files; returns their paths. Raises UserError for runs that cannot be shipped."""
    records = {run: record_of(run) for run in runs}
    for run, record in records.items():
        check(run, record, LIMITS[name])
    if len({configuration_identity(record) for record in records.values()}) > 1:
        raise UserError(f"{runs[0]} and the others are runs of different options; give the seeds of one recipe")
    best = max(runs, key=lambda run: records[run]["val/accuracy"])
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        export(best, kind, precision, None, folder / f"{name}{suffix}") for suffix, (kind, precision) in FORMATS.items()
    ]
    check_sizes(files, LIMITS[name])
    write_text(folder / f"{name}.md", card(best, records, name, command, files))
    write_sums(folder, files)
    return [*files, folder / f"{name}.md", folder / SUMS]


def check(run: Path, record: Record, limit: Limit) -> None:
    """Raises UserError unless the run is finished, small enough and trained on FER2013's official split."""
    if record.get("status") != "finished":
        raise UserError(f"{run}: not a finished run; name the folder that fer.train wrote")
    data = record["data"]
    if not data["official_split"] or data["origin"] != "FER2013":
        raise UserError(f"{run}: trained on {data['origin']}; what ships is trained on FER2013's official split")
    if record["parameters"] > limit.parameters:
        raise UserError(f"{run}: {record['parameters']:,} parameters, more than the limit of {limit.parameters:,}")


def check_sizes(files: Sequence[Path], limit: Limit) -> None:
    """Deletes the files and raises UserError if one is too large."""
    for path in files:
        size = path.stat().st_size
        if size > limit.size:
            for file in files:
                file.unlink()
            raise UserError(f"{path} has {size:,} bytes, more than {limit.size:,}; train a smaller network")


def write_sums(folder: Path, files: Sequence[Path]) -> None:
    """Adds the files to SHA256SUMS, or replaces their lines."""
    sums = read_sums(folder / SUMS) | {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with atomic(folder / SUMS) as file:
        file.writelines(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of finished runs of one recipe")
    parser.add_argument("--name", required=True, choices=NAMES, help="name of the files")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FOLDER", help="default: fer/weights")
    add_trust(parser)
    args = parser.parse_args(arguments)
    options = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "fer.exporting.ship", *options])
    paths = ship(args.runs, args.name, command, args.out)
    print("\n".join(f"wrote {path}" for path in paths))
    print(f"next: python -m fer.predict PICTURE --checkpoint {args.name}")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
