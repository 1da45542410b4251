"""Measures what a run costs besides its training steps: start, imports, data, memory, sweeps and parallel runs.

    python experiments/speed/overhead.py --data fer2013.csv
    python experiments/speed/overhead.py --data fer2013.csv --parallel
    python experiments/speed/overhead.py --only sweep

Starts fer.train as a user would, in child processes, and reads the time stamps that they write. --parallel adds two
runs of some minutes, first one after the other, then at once (launcher=parallel). Writes overhead.csv into
experiments/speed/ (--out), a row for each figure, and rewrites README.md there. The file cache is warm: the very first
start is not counted.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pandas as pd

from fer.arguments import whole
from fer.benchmarking import report, results
from fer.errors import UserError, one_line_errors
from fer.memory import peak_mb
from fer.studies.redaction import command_without_paths

TIMESTAMPS = Path(__file__).with_name("timestamps.py")
STARTS = 3
SHORT_RUN = ["model=cnn2", "trainer.max_steps=2", "data.limit=500", "test=false", "callbacks.early_stopping=null"]
MEMORY_RUN = [
    "model=cnn3",
    "data.batch_size=64",
    "trainer.max_steps=20",
    "test=false",
    "callbacks.early_stopping=null",
]
SHORT_SWEEPS = [
    [
        "model=cnn",
        "model.blocks=[[4]]",
        "model.head=[8]",
        "trainer.max_epochs=2",
        "data.per_class={train: 10, val: 5, test: 5}",
        "seed=0,1,2,3,4,5",
        f"study={study}",
        *more,
    ]
    for study, more in {"with_pictures": ["report=true"], "without": []}.items()
]
LONG_RUN = ["model=cnn2", "callbacks.early_stopping=null", "test=false"]
STAGES = {
    "python": "the interpreter",
    "torch": "import torch",
    "lightning": "import lightning",
    "fer": "import fer and the rest",
    "data begins": "options, rehearsal",
    "data ends": "data",
    "step": "network, trainer, record",
}
"""Time stamps of a start in their order, with what the process does before each."""

PARTS = ("start", "sweep", "memory", "parallel")
"""What is measured; the last only where it is asked for."""

Row = tuple[str, float, str]
"""What was measured, its value and its unit."""


class Process(NamedTuple):
    """A child process that has ended: its duration, (name, seconds after its start) of each time stamp, peak memory.

    processor: the time stamps in seconds of processor time, which other programs on the same cores do not change.
    """

    seconds: float
    timestamps: list[tuple[str, float]]
    peak_mb: float
    processor: Sequence[tuple[str, float]] = ()

    def first(self, name: str) -> float:
        """Returns the seconds from the start to the first time stamp of this name."""
        return self.all(name)[0]

    def all(self, name: str) -> list[float]:
        return [seconds for stamp, seconds in self.timestamps if stamp == name]


def train(options: Sequence[str], folder: Path, cache: Path | None = None) -> Process:
    """Runs fer.train with these options in `folder`. Raises UserError where it fails."""
    file = Path(tempfile.mkstemp(dir=folder, suffix=".timestamps")[1])
    return run([sys.executable, str(TIMESTAMPS), str(file), *options], folder, cache, file)


def run(command: Sequence[str], folder: Path, cache: Path | None = None, file: Path | None = None) -> Process:
    """Runs a command in `folder` and reads the time stamps that it writes to `file`. Raises UserError if it fails."""
    log = folder / "log.txt"
    environment = dict(os.environ)
    if cache:
        environment["XDG_CACHE_HOME"] = str(cache)
    with log.open("w", encoding="utf-8") as out:
        start = time.time()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        end = time.time()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        lines = log.read_text(errors="replace", encoding="utf-8").strip().splitlines() or ["no output"]
        raise UserError(f"{shlex.join(command[1:])} failed: {lines[-1]}")
    stamps = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()] if file else []
    seconds = [(name, float(now) - start) for name, now, _ in stamps]
    return Process(end - start, seconds, peak_mb(usage), [(name, float(used)) for name, _, used in stamps])


def measure(data: Sequence[str], folder: Path, parts: Sequence[str], epochs: int) -> list[Row]:
    """Returns the rows of the named parts. `epochs`: length of the runs side by side."""
    cache = folder / "cache"
    cache.mkdir()
    functions = {"start": starting, "sweep": sweeping, "memory": memory, "parallel": partial(parallel, epochs=epochs)}
    return [row for part in parts for row in functions[part](data, folder, cache)]


def starting(data: Sequence[str], folder: Path, cache: Path) -> list[Row]:
    """Measures `--help` and the start of a run."""
    first = train([*SHORT_RUN, *data, "output_dir=first"], folder, cache)
    helps = [run([sys.executable, "-m", "fer.train", "--help"], folder).seconds for _ in range(STARTS)]
    starts = [train([*SHORT_RUN, *data, f"output_dir=start{number}"], folder, cache) for number in range(STARTS)]
    return [
        ("python -m fer.train --help", median(helps), "s"),
        ("data, first read", data_seconds(first), "s"),
        ("data, cached", median(map(data_seconds, starts)), "s"),
        *start_rows(starts),
    ]


def sweeping(data: Sequence[str], folder: Path, cache: Path) -> list[Row]:
    """Measures what a run of a sweep costs besides its steps."""
    sweep = train(["-m", *SHORT_RUN, *data, "study=sweep", "seed=0,1,2,3"], folder, cache)
    short = [train(["-m", *data, *options], folder, cache) for options in SHORT_SWEEPS]
    pause = ("from the end of a run to the first step of the next, in a sweep", median(pauses(sweep)), "s")
    return [pause, *short_rows(*short)]


def memory(data: Sequence[str], folder: Path, cache: Path) -> list[Row]:
    """Measures the peak memory of a run."""
    peak = train([*MEMORY_RUN, *data, "output_dir=memory"], folder, cache).peak_mb
    imports = run([sys.executable, "-c", "import fer.training.experiment"], folder).peak_mb
    return [("peak memory of a run, cnn3, batches of 64", peak, "MB"), ("of which held by imports", imports, "MB")]


def data_seconds(process: Process) -> float:
    return process.first("data ends") - process.first("data begins")


def start_rows(starts: Sequence[Process]) -> list[Row]:
    """Returns the median time from the command to the first training step, and the medians of its stages."""
    rows = [("from the command to the first training step", median(start.first("step") for start in starts), "s")]
    begins = [0.0] * len(starts)
    for name, stage in STAGES.items():
        ends = [start.first(name) for start in starts]
        seconds = median(end - begin for begin, end in zip(begins, ends, strict=True))
        rows.append((f"– {stage}", seconds, "s"))
        begins = ends
    return rows


def pauses(sweep: Process) -> list[float]:
    """Returns the seconds between the end of each run but the last and the first step of the next."""
    return [step - end for end, step in zip(sweep.all("run ends"), sweep.all("step")[1:], strict=False)]


def short_rows(with_pictures: Process, without: Process) -> list[Row]:
    """Returns the time from the end of a short run to that of the next in a sweep, with and without pictures."""
    rows = []
    clocks = {"": (with_pictures, without), ", processor time": (on_processor(with_pictures), on_processor(without))}
    for clock, (slow, fast) in clocks.items():
        before, after = median(periods(slow)), median(periods(fast))
        rows += [
            (f"a run of two epochs on 70 faces in a sweep, report=true{clock}", before, "s"),
            (f"the same without pictures, as sweeps leave them out{clock}", after, "s"),
            (f"– of which besides steps and validations{clock}", median(besides(fast)), "s"),
            (f"without pictures, relative{clock}", after / before, ""),
        ]
    return rows


def on_processor(process: Process) -> Process:
    """Returns the process with its time stamps in processor time."""
    return process._replace(timestamps=list(process.processor))


def periods(sweep: Process) -> list[float]:
    """Returns the seconds between the ends of successive runs."""
    return [end - earlier for earlier, end in pairwise(sweep.all("run ends"))]


def besides(sweep: Process) -> list[float]:
    """Returns the part of `periods` outside of the time from a run's first step to the end of its last epoch."""
    fits = [end - step for step, end in zip(sweep.all("step"), sweep.all("last epoch ends"), strict=True)]
    return [period - fit for period, fit in zip(periods(sweep), fits[1:], strict=True)]


def parallel(data: Sequence[str], folder: Path, cache: Path, epochs: int) -> list[Row]:
    """Measures two runs one after the other on all cores, then at once, each pinned to its share of them."""
    options = ["-m", *LONG_RUN, f"trainer.max_epochs={epochs}", *data, "seed=0,1"]
    serial = train([*options, "study=serial"], folder, cache).seconds
    at_once = train([*options, "study=parallel", "launcher=parallel", "launcher.jobs=2"], folder, cache).seconds
    return [
        ("two runs, one after the other", serial, "s"),
        ("two runs at once", at_once, "s"),
        ("runs an hour at once, relative", serial / at_once, ""),
    ]


def table(rows: list[Row], data: str, options: str, command: str) -> pd.DataFrame:
    """Returns the rows with the setting and provenance columns of `fer.benchmarking.results`."""
    named = {"model": "cnn2", "data": data, "options": options}
    setting = dict.fromkeys(results.SETTING, "") | results.machine_columns() | named
    columns = setting | results.provenance_columns() | {"command": command_without_paths(command)}
    return pd.DataFrame(rows, columns=["part", "value", "unit"]).round({"value": 3}).assign(**columns)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="PATH", help="FER2013 in any layout (default: synthetic faces)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"only these of {', '.join(PARTS)}")
    parser.add_argument("--parallel", type=whole, nargs="?", const=4, metavar="EPOCHS", help="also two runs at once")
    parser.add_argument("--out", type=Path, metavar="FOLDER", default=Path("experiments/speed"))
    args = parser.parse_args(arguments)
    if args.data and not args.data.exists():
        raise UserError(f"--data {args.data}: no such file or folder")
    return args


def write(rows: list[Row], data: str, options: str, command: str, folder: Path) -> list[str]:
    """Writes overhead.csv and README.md; returns the names of all files in `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        results.store(table(rows, data, options, command), folder / "overhead.csv")
        return report.render(folder)
    except OSError as error:
        fix = "choose another with --out FOLDER"
        raise UserError(f"{folder}: cannot be written ({error.strerror}); {fix}") from error


def main(arguments: list[str] | None = None) -> None:
    if arguments is None:
        arguments = sys.argv[1:]
    args = parse(arguments)
    command = shlex.join(["python", "experiments/speed/overhead.py", *arguments])
    data = ["data=fer2013", f"data.root={args.data.absolute()}"] if args.data else ["data=synthetic"]
    parts = args.only or [*PARTS[:-1], *(PARTS[-1:] if args.parallel else ())]
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(data, Path(folder), parts, args.parallel or 4)
    options = f"--only {' '.join(args.only)}" if args.only else ""
    files = write(rows, "FER2013" if args.data else "synthetic faces", options, command, args.out)
    for name, value, unit in rows:
        print(f"{value:10,.2f} {unit:2}  {name}")
    print(f"wrote {args.out}/: {', '.join(files)}\nnext: read {args.out}/README.md", flush=True)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
