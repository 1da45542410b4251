"""Checks and measures everything on one GPU; gpu.sh starts it.

    python experiments/speed/gpu.py --data fer2013.csv --out OUT

Writes gpu.md, and below OUT/gpu/ what the steps leave: runs, tables of fer.benchmark, a log of each step.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fer.arguments import path
from fer.errors import UserError, one_line_errors
from fer.files import write_text
from fer.git import commit
from fer.hardware import hardware, versions
from fer.report import markdown_table
from fer.studies.redaction import command_without_paths

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("cnn2", "cnn3", "vgg_lean", "resnet_cifar")
BATCHES = (128, 512, 2048)
IMAGES = 28_709
SWEEP = ["model=cnn2", "data.batch_size=128", "test=false", "callbacks.early_stopping=null", "callbacks.pictures=null"]
ONE, EIGHT = "eight runs, one after the other", "eight runs at once"
AIMS = [
    ("whole/ceiling of cnn3 at batches of 512 or more", "ratio", ">= 0.95"),
    ("images/s of cnn3", "images_per_s", ">= 60,000"),
    ("seconds an epoch of FER2013, cnn3", "epoch", "<= 0.6"),
    ("PublicTest of speedrun_gpu, %", "public", ">= 70"),
    ("PrivateTest of speedrun_gpu, %", "private", ">= 72"),
    ("seconds of fit of speedrun_gpu", "fit", "< 60"),
]
"""What is measured, its key in `figures`, the aim."""


class Step(NamedTuple):
    """A command, and the seconds after which it is killed."""

    name: str
    command: list[str]
    seconds: int


class Result(NamedTuple):
    """outcome: "passed", or what went wrong."""

    step: Step
    seconds: float
    outcome: str


def steps(data: Sequence[str], folder: Path, extra: Sequence[str] = (), python: str = sys.executable) -> list[Step]:
    """Returns the steps; their limits add up to nine minutes.

    data: options that name the data. folder: takes what they write. extra: options of every training and benchmark.
    """
    tests = [
        python,
        "-m",
        "pytest",
        "-m",
        "cuda",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        str(ROOT / "tests"),
    ]
    growth = ["growth=batch_size", "columns=[ceiling,whole]", "rounds=3", "seconds=1"]
    growth += [f"values.batch_size=[{','.join(map(str, BATCHES))}]", f"output_dir={folder}/benchmark"]
    study = f"gpu_{os.getpid()}"  # a sweep skips runs that it finds finished
    sweep = [*SWEEP, *data, "trainer.max_epochs=5", "seed=0,1,2,3,4,5,6,7"]
    parallel = ["launcher=parallel", "launcher.jobs=8", "launcher.gpus=[0]"]
    train, benchmark = [python, "-m", "fer.train"], [python, "-m", "fer.benchmark"]
    return [
        Step("tests", tests, 150),
        *(Step(f"benchmark {model}", [*benchmark, f"model={model}", *growth, *data, *extra], 40) for model in MODELS),
        Step("speedrun_gpu", [*train, "experiment=speedrun_gpu", *data, f"output_dir={folder}/speedrun", *extra], 110),
        Step(ONE, [*train, "-m", f"study={study}/one_by_one", *sweep, *extra], 70),
        Step(EIGHT, [*train, "-m", f"study={study}/at_once", *sweep, *parallel, *extra], 50),
    ]


def run(step: Step, log: Path) -> str:
    """Runs a step as a process, its output into `log`; returns the outcome."""
    with log.open("w", encoding="utf-8") as file:
        try:
            done = subprocess.run(
                step.command, stdout=file, stderr=subprocess.STDOUT, timeout=step.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {step.seconds} s"
    return "passed" if done.returncode == 0 else f"failed with exit code {done.returncode}, see {log.name}"


def run_all(plan: Sequence[Step], folder: Path, runner: Callable[[Step, Path], str] = run) -> list[Result]:
    """Runs the steps one after the other, whatever becomes of each."""
    results = []
    for number, step in enumerate(plan, 1):
        print(f"{number} of {len(plan)}: {step.name}", flush=True)
        start = time.perf_counter()
        outcome = runner(step, folder / f"step{number}.log")
        results.append(Result(step, time.perf_counter() - start, outcome))
        print(f"  {outcome}, {results[-1].seconds:.0f} s", flush=True)
    return results


def speeds(folder: Path) -> pd.DataFrame:
    """Returns model, batch, whole and ceiling in images/s, and their ratio; empty where nothing was measured."""
    file = folder / "benchmark" / "growth_batch_size.csv"
    columns = ["model", "batch", "ceiling", "whole", "ratio"]
    if not file.is_file():
        return pd.DataFrame(columns=columns)
    table = pd.read_csv(file)
    wide = table.pivot_table(index=["model", "value"], columns="column", values="images_per_s").reset_index()
    wide["ratio"] = wide["whole"] / wide["ceiling"]
    return wide.rename(columns={"value": "batch"})[columns]


def figures(folder: Path) -> dict[str, float]:
    """Returns the figures that AIMS names, as far as they were measured."""
    values = {}
    table = speeds(folder)
    cnn3 = table[(table["model"] == "cnn3") & (table["batch"] >= 512)]
    if len(cnn3):
        best = cnn3["whole"].max()
        values |= {"ratio": cnn3["ratio"].max(), "images_per_s": best, "epoch": IMAGES / best}
    record_file = folder / "speedrun" / "metrics.json"
    if record_file.is_file():
        record = json.loads(record_file.read_text(encoding="utf-8"))
        if record.get("status") == "finished":
            public, private = 100 * record["val/accuracy"], 100 * record["test/accuracy"]
            values |= {"public": public, "private": private, "fit": record["fit_seconds"]}
    return values


def page(results: Sequence[Result], folder: Path) -> str:
    """Returns gpu.md."""
    machine, installed = hardware(), versions()
    where = machine["gpu"] or f"no GPU: a rehearsal on {machine['cpu']}, whose figures mean nothing"
    values = figures(folder)
    aims = [(title, f"{values[key]:,.2f}" if key in values else "–", aim) for title, key, aim in AIMS]
    table = speeds(folder).round({"ceiling": 0, "whole": 0, "ratio": 2})
    outcomes = [(result.step.name, f"{result.seconds:.0f}", result.outcome) for result in results]
    times = {result.step.name: result.seconds for result in results if result.outcome == "passed"}
    blocks = [
        "# One GPU",
        f"{where}; torch {installed['torch']}, lightning {installed['lightning']}; commit {commit()}. "
        "`experiments/speed/gpu.sh` wrote this page.",
        markdown_table(pd.DataFrame(aims, columns=["measured", "value", "aim"])),
        "## Images/s by batch size",
        markdown_table(table) if len(table) else "Not measured.",
    ]
    if ONE in times and EIGHT in times:
        blocks.append(f"Eight runs at once take {times[EIGHT] / times[ONE]:.2f} of the time of one after the other.")
    commands = [command_without_paths(shlex.join(["python", *result.step.command[1:]])) for result in results]
    blocks += [
        "## Steps",
        markdown_table(pd.DataFrame(outcomes, columns=["step", "seconds", "outcome"])),
        "```\n" + "\n".join(commands) + "\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=path("--data"), required=True, metavar="PATH", help="FER2013")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="FOLDER", help="takes gpu.md")
    args = parser.parse_args(arguments)
    if not Path(args.data).exists():
        raise UserError(f"--data {args.data}: no such file or folder")
    folder = args.out.absolute() / "gpu"
    folder.mkdir(parents=True, exist_ok=True)
    results = run_all(steps(["data=fer2013", f"data.root={Path(args.data).absolute()}"], folder), folder)
    write_text(args.out / "gpu.md", page(results, folder))
    print(f"wrote {args.out / 'gpu.md'}")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
