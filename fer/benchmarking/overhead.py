"""Measures what a run costs besides its training steps: start, imports, data, memory, sweeps and parallel runs.

    python -m fer.benchmarking.overhead --data fer2013.csv
    python -m fer.benchmarking.overhead --data fer2013.csv --parallel

Starts fer.train as a user would, in processes of its own, and reads off when what happened. With --parallel also two
runs of some minutes one after the other and then at once. Writes overhead.csv into experiments/speed/ (--out), a row a
figure, and rewrites README.md there. The file cache is warm: the first start of all is not counted.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from fer.arguments import whole
from fer.errors import UserError, one_line_errors
from fer.memory import peak_mb

if TYPE_CHECKING:
    import pandas as pd

STARTS = 3
SHORT = ["model=cnn2", "trainer.max_steps=2", "data.limit=500", "test=false", "callbacks.early_stopping=null"]
MEMORY = ["model=cnn3", "data.batch_size=64", "trainer.max_steps=20", "test=false", "callbacks.early_stopping=null"]
LONG = ["model=cnn2", "callbacks.early_stopping=null", "test=false", "trainer.max_epochs={epochs}"]


class Started(NamedTuple):
    """A child that has ended. seconds: from its start; marks: (name, seconds after its start), in order."""

    seconds: float
    marks: list[tuple[str, float]]
    peak_mb: float

    def at(self, name: str, start: int = 0) -> float:
        """When the first mark of that name, from number `start` on, was left."""
        return next(seconds for mark, seconds in self.marks[start:] if mark == name)

    def all(self, name: str) -> list[float]:
        return [seconds for mark, seconds in self.marks if mark == name]


def run(arguments: Sequence[str], folder: Path, cache: Path | None = None) -> Started:
    """fer.train with these options, in `folder`; UserError where it fails."""
    file = Path(tempfile.mkstemp(dir=folder, suffix=".marks")[1])
    return started([sys.executable, "-m", "fer.benchmarking.marked", str(file), *arguments], folder, cache, file)


def started(command: Sequence[str], folder: Path, cache: Path | None = None, file: Path | None = None) -> Started:
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as out:
        begun = time.time()
        environment = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        ended = time.time()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        last = (log.read_text(errors="replace", encoding="utf-8").strip().splitlines() or ["no output"])[-1]
        raise UserError(f"{shlex.join(command[1:])} failed: {last}")
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()] if file else []
    return Started(ended - begun, [(name, float(at) - begun) for name, at in lines], peak_mb(used))


def measure(data: Sequence[str], folder: Path, epochs: int | None) -> list[tuple[str, float, str]]:
    """(what, value, unit) of everything; `epochs`: of the runs side by side, None for none of these."""
    cache = folder / "cache"
    cache.mkdir()
    first = run([*SHORT, *data, "output_dir=first"], folder, cache)
    helps = [started([sys.executable, "-m", "fer.train", "--help"], folder).seconds for _ in range(STARTS)]
    starts = [run([*SHORT, *data, f"output_dir=start{n}"], folder, cache) for n in range(STARTS)]
    sweep = run(["-m", *SHORT, *data, "study=sweep", "seed=0,1,2,3"], folder, cache)
    memory = run([*MEMORY, *data, "output_dir=memory"], folder, cache)
    rows = [
        ("python -m fer.train --help", median(helps), "s"),
        ("data, first read", reading(first), "s"),
        ("data, cached", median(map(reading, starts)), "s"),
        *parts_of_a_start(starts),
        ("from the end of a run to the first step of the next, in a sweep", median(gaps(sweep)), "s"),
        ("peak memory of a run, cnn3, batches of 64", memory.peak_mb, "MB"),
        ("of which held by imports", imports(folder).peak_mb, "MB"),
    ]
    return rows + (side_by_side(data, folder, cache, epochs) if epochs else [])


def reading(run: Started) -> float:
    return run.at("data ends") - run.at("data begins")


def parts_of_a_start(starts: Sequence[Started]) -> list[tuple[str, float, str]]:
    """From the command to the first training step, and where that time goes; medians."""
    names = ["python", "torch", "lightning", "fer", "data begins", "data ends", "step"]
    means = {
        "python": "the interpreter",
        "torch": "import torch",
        "lightning": "import lightning",
        "fer": "import fer and the rest",
        "data begins": "options, rehearsal",
        "data ends": "data",
        "step": "network, trainer, record",
    }
    rows = [("from the command to the first training step", median(start.at("step") for start in starts), "s")]
    for before, name in zip([None, *names], names, strict=False):
        spent = median(start.at(name) - (start.at(before) if before else 0.0) for start in starts)
        rows.append((f"– {means[name]}", spent, "s"))
    return rows


def gaps(sweep: Started) -> list[float]:
    """Seconds between the end of each run but the last and the next one's first step."""
    return [step - end for end, step in zip(sweep.all("run ends"), sweep.all("step")[1:], strict=False)]


def imports(folder: Path) -> Started:
    return started([sys.executable, "-c", "import fer.training.experiment"], folder)


def side_by_side(data: Sequence[str], folder: Path, cache: Path, epochs: int) -> list[tuple[str, float, str]]:
    """Two runs one after the other, then at once."""
    options = ["-m", *(option.format(epochs=epochs) for option in LONG), *data, "seed=0,1"]
    one = run([*options, "study=one"], folder, cache).seconds
    two = run([*options, "study=two", "launcher=parallel", "launcher.jobs=2"], folder, cache).seconds
    names = ("two runs, one after the other", "two runs at once")
    return [(names[0], one, "s"), (names[1], two, "s"), ("at once, relative", two / one, "")]


def table(rows: list[tuple[str, float, str]], data: str, command: str) -> "pd.DataFrame":
    """With what was measured where, as `fer.benchmarking.record` keeps it."""
    import pandas as pd

    from fer.benchmarking import record
    from fer.studies.redaction import command_without_paths

    setting = dict.fromkeys(record.SETTING, "") | record.machine() | {"model": "cnn2", "data": data}
    known = setting | record.provenance() | {"command": command_without_paths(command)}
    return pd.DataFrame(rows, columns=["part", "value", "unit"]).round({"value": 3}).assign(**known)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="PATH", help="FER2013 in any layout; else the synthetic faces")
    parser.add_argument("--parallel", type=whole, nargs="?", const=4, metavar="EPOCHS", help="also two runs at once")
    parser.add_argument("--out", type=Path, metavar="FOLDER", default=Path("experiments/speed"))
    args = parser.parse_args(arguments)
    if args.data and not args.data.exists():
        raise UserError(f"--data {args.data}: no such file or folder")
    typed = shlex.join(
        ["python", "-m", "fer.benchmarking.overhead", *(sys.argv[1:] if arguments is None else arguments)]
    )
    data = ["data=fer2013", f"data.root={args.data.absolute()}"] if args.data else ["data=synthetic"]
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(data, Path(folder), args.parallel)
    from fer.benchmarking import record, report

    try:
        args.out.mkdir(parents=True, exist_ok=True)
        record.store(table(rows, "FER2013" if args.data else "synthetic faces", typed), args.out / "overhead.csv")
        files = report.render(args.out)
    except OSError as error:
        raise UserError(
            f"{args.out}: cannot be written ({error.strerror}); choose another with --out FOLDER"
        ) from error
    for name, value, unit in rows:
        print(f"{value:10,.2f} {unit:2}  {name}")
    print(f"wrote {args.out}/: {', '.join(files)}\nnext: read {args.out}/README.md", flush=True)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
