"""The script that measures a GPU, rehearsed on the CPU: its commands start, and its page has every figure."""

import json
import shlex
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from fer import validation
from fer.benchmark import check
from fer.config import compose_config
from fer.train import train

ROOT = Path(__file__).parents[2]
DATA = ["data=synthetic", "data.synthetic.train=35", "data.synthetic.val=14", "data.synthetic.test=14"]
TINY = [
    *("model.blocks=[[4]]", "trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.precision=32-true"),
    *("data.progressive_resizing=null", "callbacks.pictures=null"),
]


@pytest.fixture
def gpu(load_script):
    return load_script("speed/gpu.py")


@pytest.fixture
def rehearsed(gpu, tmp_path, monkeypatch):
    """Results and folder of all steps: the speedrun trains, the other commands are parsed and leave made figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fer.training.scoring.write_report", lambda *_, **__: None)

    def runner(step, log):
        words = step.command[step.command.index("-m") + 1 :]
        overrides = [word for word in words[1:] if word != "-m"]
        if words[0] == "fer.benchmark":
            cfg = compose_config(overrides, "benchmark")
            check(cfg)
            validation.check(cfg)
            write_growth(Path(cfg.output_dir), overrides[0].partition("=")[2])
        elif step.name == "speedrun_gpu":
            train(compose_config([*overrides, *TINY]))
        elif words[0] == "fer.train":
            first = [word.partition(",")[0] if word.startswith("seed=") else word for word in overrides]
            validation.check(compose_config([*first, "output_dir=x"]))
        return "passed" if step.name != "tests" else "failed with exit code 1, see step1.log"

    return gpu.run_all(gpu.steps(DATA, tmp_path), tmp_path, runner), tmp_path


def write_growth(folder: Path, model: str) -> None:
    folder.mkdir(exist_ok=True)
    rows = [
        {"model": model, "value": batch, "column": column, "images_per_s": speed}
        for batch in (128, 512)
        for column, speed in (("ceiling", 100.0 * batch), ("whole", 96.0 * batch))
    ]
    file = folder / "growth_batch_size.csv"
    old = [pd.read_csv(file)] if file.exists() else []
    pd.concat([*old, pd.DataFrame(rows)]).to_csv(file, index=False)


def test_every_figure_reaches_the_page(gpu, rehearsed):
    results, folder = rehearsed
    page = gpu.page(results, folder)
    record = json.loads((folder / "speedrun" / "metrics.json").read_text())
    expected = {
        "ratio": 0.96,
        "images_per_s": 49_152,
        "epoch": 28_709 / 49_152,
        "public": 100 * record["val/accuracy"],
        "private": 100 * record["test/accuracy"],
        "fit": record["fit_seconds"],
    }
    assert gpu.figures(folder) == pytest.approx(expected)
    for title, key, _ in gpu.AIMS:
        assert f"| {title} | {expected[key]:,.2f} |".replace(">", "&gt;") in page
    assert "failed with exit code 1" in page
    assert "Eight runs at once take" in page
    assert str(folder) not in page


def test_the_limits_add_up_to_nine_minutes(gpu, tmp_path):
    plan = gpu.steps(DATA, tmp_path)
    assert sum(step.seconds for step in plan) <= 540 + 40 * (len(gpu.MODELS) - 4)
    assert len({step.name for step in plan}) == len(plan)


def test_a_step_that_fails_or_lasts_too_long_does_not_stop_the_others(gpu, tmp_path):
    plan = [gpu.Step("fails", ["sh", "-c", "echo words; exit 3"], 5), gpu.Step("slow", ["sleep", "5"], 0.1)]
    failed, slow = gpu.run_all(plan, tmp_path)
    assert failed.outcome == "failed with exit code 3, see step1.log"
    assert (tmp_path / "step1.log").read_text() == "words\n"
    assert slow.outcome == "stopped after 0.1 s"


def test_the_script_says_how_to_call_it():
    done = subprocess.run(["bash", str(ROOT / "experiments/speed/gpu.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert shlex.split(done.stderr)[0] == "usage:"
