"""The benchmark is honest: the same work in every column, warm-up left out, the device waited for. No test looks at how
long anything takes."""

import io
import subprocess
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from omegaconf import OmegaConf
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from fer.benchmark import benchmark, check
from fer.benchmarking import keras_column, lightning_fit, loops, preparation, report, results, rounds, timing
from fer.benchmarking.costs import ACTIONS, StepProfiler
from fer.benchmarking.growth import axis_values, config_at
from fer.benchmarking.per_sample import transforms
from fer.config import compose_config
from fer.errors import UserError
from fer.losses import CrossEntropy
from fer.models.cnn import CNN
from fer.plots import speed
from fer.training import fit
from fer.training.callbacks import ValidatedInTime
from fer.training.checkpointing import LastCheckpoint

CPU = torch.device("cpu")
TINY = [
    "data=synthetic",
    "data.synthetic={train: 140, val: 35, test: 35, seed: 0, imbalance: false, label_noise: 0.0}",
    "data.batch_size=35",
    "model=cnn",
    "model.blocks=[[8],[16]]",
    "model.head=[16]",
    "model.dropout=0",
    "model.head_dropout=0",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "rounds=2",
    "warmup_steps=1",
    "steps=4",
]


def tiny(*overrides: str):
    return compose_config([*TINY, *overrides], name="benchmark")


class Clock:
    """Seconds that pass only where the test lets them."""

    def __init__(self):
        self.now, self.readings = 0.0, 0

    def __call__(self) -> float:
        self.readings += 1
        return self.now


# Timing


def test_warm_up_steps_are_left_out_of_a_block():
    clock = Clock()

    def train(steps: int) -> int:
        clock.now += 100 if steps == 3 else 2 * steps
        return 10 * steps

    assert timing.timed(train, 3, 5, clock) == 5 * 10 / (5 * 2)


def test_warm_up_steps_are_left_out_of_a_fit():
    clock, pauses = Clock(), []

    def between() -> None:
        pauses.append(blocks.steps_done)
        clock.now += 1000  # the other columns' blocks

    blocks = lightning_fit.BlockTimer(2, 3, 4, clock, between)
    blocks.on_train_start(None, None)
    for step in range(blocks.total_steps):
        clock.now += 100 if step % 7 < 3 else 2
        blocks.on_train_batch_end(None, None, None, (None, torch.zeros(10 if step % 7 < 3 else 5)), step)
    assert blocks.speeds == [5 / 2, 5 / 2]
    assert pauses == [0, 7]
    assert clock.readings == 4


def test_the_device_is_waited_for_at_both_ends_of_a_block(monkeypatch):
    said = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: said.append("wait"))
    watch = timing.DeviceClock(torch.device("cuda", 0), lambda: said.append("clock") or len(said))
    timing.timed(lambda steps: said.append(f"{steps} steps") or steps, 1, 2, watch)
    assert said == ["1 steps", "wait", "clock", "2 steps", "wait", "clock"]


def test_a_cpu_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: pytest.fail("waited"))
    timing.synchronise(CPU)


def test_figures_are_medians_over_rounds_and_ratios_are_taken_within_a_round():
    speeds = {"ceiling": [100.0, 50.0, 200.0], "whole": [90.0, 40.0, 100.0]}
    table = timing.summarise(speeds).set_index("column")
    ratios = np.divide(speeds["whole"], speeds["ceiling"])
    assert table.loc["whole", "images_per_s"] == np.median(speeds["whole"]) == 90
    assert table.loc["whole", "ratio_to_ceiling"] == np.median(ratios) == 0.8
    assert table.loc["whole", "spread"] == max(abs(np.array(speeds["whole"]) - 90)) == 50
    assert table.loc["ceiling", "ratio_to_ceiling"] == 1
    assert table.loc["whole", ["slowest", "fastest"]].tolist() == [40, 100]
    assert table.loc["whole", "rounds"] == "90.0 40.0 100.0"


def paced(*speeds: float, how: str = "") -> SimpleNamespace:
    """A column whose blocks have these images/s, one after the other."""
    left = iter(speeds)
    return SimpleNamespace(block=lambda warmup, steps: next(left), how=how)


def test_candidates_are_ranked_by_their_fastest_short_block():
    first, second, third = paced(5, 4, 4), paced(1, 1, 1), paced(3, 3, 9)
    assert timing.by_speed([first, second, third]) == [(third, 9), (first, 5), (second, 1)]


@pytest.mark.parametrize(
    ("speeds", "kept"),
    [
        ({"bf16-mixed, channels_last": 4, "bf16-mixed, contiguous": 3, "32-true, contiguous": 1}, [0, 2]),
        ({"32-true, contiguous": 4, "bf16-mixed, channels_last": 2, "bf16-mixed, contiguous": 3}, [0, 2]),
    ],
)
def test_the_fastest_ceiling_runs_with_the_wholes_own_format_or_the_second(monkeypatch, speeds, kept):
    columns = [paced(*[speed] * 3, how=how) for how, speed in speeds.items()]
    monkeypatch.setattr(preparation, "candidates", lambda *_: columns)
    chosen, speed = preparation.ceilings(tiny("channels_last=false"), None, None)
    assert list(chosen.values()) == [columns[index] for index in kept]
    assert speed == 4


def test_blocks_hold_whole_intervals_of_logging():
    assert [timing.steps_for(2, steps_per_s, 20) for steps_per_s in (0.1, 14, 36, 1e6)] == [20, 20, 80, 2000]


def test_the_faster_way_of_a_column_counts_and_names_the_other():
    speeds = {
        "ceiling: a": [9, 9],
        "ceiling: b": [20, 20],
        "default: 0": [5, 5],
        "default: 2": [10, 10],
        "whole": [16, 16],
    }
    how = {"ceiling: a": "fp32", "ceiling: b": "bf16", "default: 0": "0 workers", "default: 2": "2", "whole": "bf16"}
    table = rounds.tabulate(speeds, how)
    assert table["column"].tolist() == ["ceiling", "whole", "default"]
    assert table["images_per_s"].tolist() == [20, 16, 10]
    assert table["ratio_to_ceiling"].tolist() == [1, 0.8, 0.5]
    assert table["how"].tolist() == ["bf16 (fp32: 9)", "bf16", "2 (0 workers: 5)"]


# The same work


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> dict[str, Any]:
    """What hooks of torch saw of each network while three columns ran their rounds."""
    cfg = preparation.prepare(tiny())
    datamodule, watch = preparation.read_data(cfg), timing.DeviceClock(CPU)
    columns = {"ceiling": loops.Ceiling(cfg, datamodule, watch), "default": loops.Default(cfg, datamodule, watch)}
    seen, losses, steps = defaultdict(lambda: {"batches": []}), defaultdict(list), defaultdict(int)

    def forward(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        if isinstance(module, CNN):
            entry = seen[id(module)]
            entry["batches"].append(tuple(inputs[0].shape))
            entry["parameters"] = sum(p.numel() for p in module.parameters())
            entry["first"] = id(next(module.parameters()))
        elif isinstance(module, CrossEntropy):
            losses[id(module)].append(output.item())

    def stepped(optimizer: torch.optim.Optimizer, *_) -> None:
        steps[id(optimizer.param_groups[0]["params"][0])] += 1

    hooks = register_module_forward_hook(forward), register_optimizer_step_post_hook(stepped)
    with hooks[0], hooks[1], redirect_stdout(io.StringIO()) as said:
        speeds, _ = rounds.run_rounds(cfg, datamodule, columns, watch, cfg.steps, tmp_path_factory.mktemp("fit"))
    for entry in seen.values():
        entry["steps"] = steps[entry["first"]]
    return {"columns": list(seen.values()), "losses": list(losses.values()), "speeds": speeds, "said": said.getvalue()}


def test_every_column_takes_the_same_number_of_optimizer_steps(work):
    assert [entry["steps"] for entry in work["columns"]] == [2 * (1 + 4)] * 3


def test_every_column_trains_the_same_network(work):
    assert len({entry["parameters"] for entry in work["columns"]}) == 1


def test_every_column_sees_the_same_batches(work):
    assert [set(entry["batches"]) for entry in work["columns"]] == [{(35, 1, 48, 48)}] * 3
    assert [len(entry["batches"]) for entry in work["columns"]] == [10] * 3


def test_every_column_really_trains(work):
    assert len(work["losses"]) == 3
    assert np.isfinite(work["losses"]).all()
    ceiling = work["losses"][0]  # runs first, on one batch
    assert ceiling[-1] < ceiling[0]


def test_every_column_has_a_speed_in_every_round(work):
    assert {name: len(speeds) for name, speeds in work["speeds"].items()} == {"ceiling": 2, "whole": 2, "default": 2}


def test_the_end_of_every_round_is_announced(work):
    assert [line.split(":")[0] for line in work["said"].splitlines()] == ["round 1 of 2", "round 2 of 2"]


def test_the_whole_is_the_fit_of_train_but_for_what_saves_and_validates(tmp_path, monkeypatch):
    asked = []

    class Trainer:
        def __init__(self, **options):
            asked.append(options)
            raise RuntimeError("stop")

    cfg = preparation.prepare(tiny(f"output_dir={tmp_path}", "callbacks.pictures.histograms=true"))
    datamodule = preparation.read_data(cfg)
    monkeypatch.setattr(pl, "Trainer", Trainer)
    for start in (
        lambda: fit.fit(cfg, datamodule, tmp_path),
        lambda: lightning_fit.make_trainer(cfg, lightning_fit.BlockTimer(1, 1, 1, Clock()), tmp_path),
    ):
        with pytest.raises(Exception, match="stop"):
            start()
    train, ours = asked
    apart = ModelCheckpoint | LastCheckpoint | EarlyStopping | ValidatedInTime
    left_out = [c for c in train["callbacks"] if isinstance(c, apart)]
    kept = [type(c) for c in train["callbacks"] if c not in left_out]
    assert len(left_out) == 4
    assert [type(c) for c in ours["callbacks"]] == [*kept, lightning_fit.BlockTimer]
    for name in ("logger", "plugins"):
        assert [type(part) for part in ours[name]] == [type(part) for part in train[name]]
    changed = {"max_epochs", "max_steps", "limit_val_batches", "enable_checkpointing", "profiler"}
    same = set(train) - changed - {"callbacks", "logger", "plugins"}
    assert {name: ours[name] for name in same} == {name: train[name] for name in same}
    assert set(ours) - set(train) <= changed


def test_the_default_user_sees_the_pixels_that_the_classifier_sees():
    cfg = tiny("augment=none", "data.normalize=train")
    datamodule = preparation.read_data(cfg)
    default = loops.Default(cfg, datamodule, timing.DeviceClock(CPU))
    images = datamodule.splits["train"].images
    theirs = torch.stack([default.loader.dataset[row][0] for row in range(5)])
    torch.testing.assert_close(theirs, default.classifier.normalise(images[:5]))


def test_transforms_have_the_ranges_of_the_config_and_name_what_torchvision_lacks():
    augment = OmegaConf.to_container(compose_config(["augment=strong"]).augment)
    transform, missing = transforms(augment, 0.5, 0.25)
    flip, affine, jitter = transform.transforms[:3]
    assert missing == ["gamma", "noise", "erasing"]
    assert (flip.p, affine.degrees, affine.translate, affine.shear) == (0.5, [-12, 12], (0.06, 0.06), [-5, 5])
    assert affine.scale == (0.85, 1.15)
    assert (jitter.brightness, jitter.contrast) == ((0.8, 1.2), (0.8, 1.2))


def test_ceilings_come_in_every_format_and_in_the_precision_of_the_whole():
    cfg = tiny("trainer.precision=bf16-mixed")
    ceilings = preparation.candidates(cfg, preparation.read_data(cfg), timing.DeviceClock(CPU))
    assert {"32-true, contiguous", "bf16-mixed, channels_last"} <= {ceiling.how for ceiling in ceilings}
    assert len({ceiling.how for ceiling in ceilings}) == len(ceilings)


# Where the rest goes


def test_the_parts_of_a_step_add_up_to_it():
    clock = Clock()
    parts = StepProfiler(clock)
    for step in range(5):
        for number, mark in enumerate(ACTIONS.values(), 1):
            with parts.profile(f"[Something]{mark}"):
                clock.now += number if step >= 2 else 100
        with parts.profile("[Callback]Lines.on_train_batch_end"):
            clock.now += 1
    found = parts.mean_costs(warmup=2, step_seconds=11)
    assert [value for value, _ in found.values()] == [1000, 2000, 3000, 4000, 1000]
    assert clock.readings == 2 * 5 * len(ACTIONS)


# The report


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The folder after one measurement without a command line."""
    folder = tmp_path_factory.mktemp("speed") / "out"
    benchmark(tiny(f"output_dir={folder}", "rounds=1", "steps=2"))
    return folder


def test_one_measurement_leaves_tables_figure_and_readme(written):
    assert {path.name for path in written.iterdir()} == {"README.md", "benchmark.csv", "benchmark.png", "costs.csv"}


def test_the_table_has_a_row_a_column(written):
    table = results.read(written / "benchmark.csv")
    columns = ["ceiling", "whole", "default"] + ["keras"] * (find_spec("tensorflow") is not None)
    assert table["column"].tolist() == columns
    assert {"images_per_s", "ratio_to_ceiling", "spread", "machine", "model", "batch_size", "commit"} <= set(table)
    assert (table["images_per_s"] > 0).all()


def test_costs_hold_the_parts_of_a_step_and_what_lies_apart(written):
    costs = results.read(written / "costs.csv")
    apart = ["validation", "checkpoint", "checkpoint on disk", "peak memory"]
    assert costs["part"].tolist()[:9] == [*ACTIONS, "logging and the rest", *apart]
    assert set(speed.PARTS) == set(costs["part"][costs["unit"] == report.STEP])


def test_the_readme_is_made_from_the_table(written):
    text = (written / "README.md").read_text()
    table = results.read(written / "benchmark.csv")
    for column, images, commit in table[["column", "images_per_s", "commit"]].to_numpy():
        assert f"| {column} | {images:,.0f} ±" in text
        assert commit in text
    assert "python -m fer.benchmark" in text


def test_rounds_that_differ_too_much_are_said_to():
    steady, busy = (timing.summarise({"ceiling": speeds}) for speeds in ([100, 90, 119], [100, 100, 150]))
    assert report.busy_notes(steady) == []
    assert report.busy_notes(busy) == ["note: a round lies 50 % off its median; the machine was busy, so measure again"]


def rows(speeds: dict[str, float], **changed: str) -> pd.DataFrame:
    known = dict.fromkeys([*results.SETTING, *results.PROVENANCE], "x") | changed
    return pd.DataFrame({"column": list(speeds), "images_per_s": list(speeds.values())}).assign(**known)


def test_a_new_measurement_replaces_its_setting_and_keeps_all_others(tmp_path):
    path = tmp_path / "t.csv"
    for new in (
        rows({"ceiling": 1.0, "whole": 0.5}),
        rows({"ceiling": 2.0}, batch_size="128", options=""),
        rows({"ceiling": 3.0}, machine="y"),
        rows({"ceiling": 4.0}, batch_size="128", options="", commit="later"),
        rows({"ceiling": 5.0}),
    ):
        results.store(new, path)
    assert results.read(path)["images_per_s"].tolist() == [3.0, 4.0, 5.0]


def test_a_table_of_something_else_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"is no table of fer\.benchmark"):
        results.store(rows({"ceiling": 1.0}), tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("word", "counts"),
    [
        ("optimizer=adam", True),
        ("model.dropout=0", True),
        ("~callbacks.pictures", True),
        ("model=cnn3", False),
        ("rounds=3", False),
        ("values.width=[1]", False),
        ("seed=3", False),
        ("data.root=/x", False),
        ("output_dir=x", False),
    ],
)
def test_what_changes_the_work_makes_another_setting(word, counts):
    assert results.is_setting(word) is counts


def test_figures_draw_every_column_and_part():
    table = timing.summarise({"ceiling": [9, 9], "whole": [8, 7], "default": [3, 3], "keras": [4, 4]})
    parts = dict.fromkeys(speed.PARTS, 1.0)
    figure = speed.speed_figure({"a\nb": table, "c\nd": table}, {"a\nb": parts})
    figure.canvas.draw()
    assert [len(axes.patches) for sub in figure.subfigs for axes in sub.axes] == [4, 5, 4, 0]
    growth = pd.concat([table.assign(value=value) for value in (16, 64)])
    axes = speed.growth_figure({"a\nb": growth}, "batch size").axes[0]
    assert [label.get_text() for label in axes.get_legend().get_texts()] == ["ceiling", "whole", "default", "keras"]


# Growth


def test_growth_changes_its_axis_only():
    cfg = tiny()
    for axis, value, path, expected in (
        ("batch_size", 16, "data.batch_size", 16),
        ("threads", 1, "threads", 1),
        ("width", 0.5, "model.blocks", [[4], [8]]),
        ("data", 70, "data.synthetic.train", 70),
    ):
        cfg.growth = axis
        changed = config_at(cfg, value)
        assert OmegaConf.select(changed, path) == expected
        OmegaConf.update(changed, path, OmegaConf.select(cfg, path))
        changed.model.head = cfg.model.head
        assert changed == cfg


def test_real_data_grow_by_their_limit():
    cfg = compose_config(["data=fer2013", "growth=data"], name="benchmark")
    assert config_at(cfg, 1000).data.limit == 1000


def test_width_needs_a_network_with_blocks():
    cfg = compose_config(["model=resnet18", "growth=width"], name="benchmark")
    with pytest.raises(UserError, match=r"model\.blocks"):
        config_at(cfg, 2)


def test_threads_double_up_to_the_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert axis_values(tiny("growth=threads")) == [1, 2, 4, 6]


def test_growth_leaves_out_batches_larger_than_the_data(tmp_path, capsys):
    wanted = ["growth=batch_size", "values.batch_size=[35,200]", "columns=[ceiling]", "rounds=1", "steps=1"]
    files = benchmark(tiny(*wanted, f"output_dir={tmp_path}"))
    assert files == ["README.md", "growth_batch_size.csv", "growth_batch_size.png"]
    assert results.read(tmp_path / "growth_batch_size.csv")["value"].tolist() == [35]
    assert "left out: data.batch_size=200: the training split has 140 images" in capsys.readouterr().out


# Options


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("columns=[ceiling,torch]", "columns: no 'torch'; there are ceiling, whole, default, keras"),
        ("columns=[whole]", "columns: ceiling must be one of them"),
        ("columns=whole", "columns=whole: expected a list such as [ceiling,whole]"),
        ("growth=size", "growth=size: expected one of batch_size, threads, width, data, null"),
        ("rounds=0", "rounds=0: expected a positive integer"),
        ("warmup_steps=0", "warmup_steps=0"),
        ("steps=1.5", "steps=1.5"),
        ("seconds=0", "seconds=0: expected a number > 0"),
        ("seconds=long", "seconds=long"),
        ("seconds=null", "seconds=None"),
        ("trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches=2"),
        ("resume=runs/x", "resume=runs/x"),
    ],
)
def test_options_that_cannot_be_measured_are_one_clear_line(override, words):
    with pytest.raises(UserError) as error:
        check(tiny(override))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["scheduler=plateau"], "scheduler=plateau"),
        (["trainer.precision=64-true"], "trainer.precision=64-true"),
        (["data.batch_size=141"], "the training split has 140 images"),
        (["growth=width", "values.width=[wide]"], "values.width"),
    ],
)
def test_what_turns_out_unsuited_is_one_clear_line(overrides, words, tmp_path):
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        benchmark(tiny(*overrides, f"output_dir={tmp_path}"))


def test_an_unknown_column_ends_in_one_line_before_anything_heavy_is_loaded():
    code = (
        "import sys, fer.benchmark as b; sys.argv[1:] = ['columns=[fast]']; b.config.run_command(b.main, 'benchmark')"
    )
    watch = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {code}"
    result = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "error: columns: no 'fast'; there are ceiling, whole, default, keras\n"
    assert result.stdout.strip() == "False"


# Keras


def pretend_tensorflow(monkeypatch, is_there: bool = True) -> None:
    monkeypatch.setattr(keras_column, "find_spec", lambda name: object() if is_there else None)


def test_keras_is_left_out_where_tensorflow_is_missing(monkeypatch, capsys):
    pretend_tensorflow(monkeypatch, is_there=False)
    assert preparation.other_columns(tiny("columns=[ceiling,keras]"), None, None) == {}
    assert capsys.readouterr().out == "keras is left out: tensorflow is not installed\n"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model=resnet18", "only fer.models.cnn.CNN"),
        ("optimizer=muon", "fer.optimizers.Muon has no"),
        ("model.head_pool=2", "model.head_pool=2"),
        ("model.activation=hardswish", "model.activation=hardswish"),
        ("model=cnn3", None),
    ],
)
def test_keras_says_what_it_cannot_build(monkeypatch, override, words):
    pretend_tensorflow(monkeypatch)
    reason = keras_column.reason_to_skip(compose_config([override], name="benchmark"))
    assert reason is None if words is None else words in reason


ECHO = """
import json, sys
request = json.loads(sys.stdin.readline())
print("a library says something")
print(json.dumps({"parameters": request["batch_size"], "library": "Keras 3"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"images_per_s": json.loads(line)["steps"]}), flush=True)
"""


def test_keras_answers_block_by_block_from_its_own_process(monkeypatch):
    monkeypatch.setattr(keras_column, "COMMAND", [sys.executable, "-c", ECHO])
    keras = keras_column.Keras(tiny(), 7)
    assert keras.parameters == 35
    assert keras.how.startswith("Keras 3: ")
    assert [keras.block(2, steps) for steps in (3, 4)] == [3, 4]
    keras.close()
    assert keras.process.returncode == 0


@pytest.mark.parametrize(("code", "words"), [("", "no message"), ("raise OSError('full')", "OSError: full")])
def test_a_keras_that_ends_is_one_clear_line(monkeypatch, code, words):
    monkeypatch.setattr(keras_column, "COMMAND", [sys.executable, "-c", code])
    with pytest.raises(UserError, match=rf"keras: its process ended \({words}\)"):
        keras_column.Keras(tiny(), 7)


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
@pytest.mark.parametrize("model", ["cnn2", "cnn3", "cnn3_light", "cnn4", "simple", "strided"])
def test_keras_trains_as_many_parameters(model):
    from fer.benchmarking import keras_fit  # imports tensorflow

    options = keras_column.arguments(compose_config([f"model={model}"]).model)
    translated = keras_fit.translate(7, options)
    count = sum(int(np.prod(weight.shape)) for weight in translated.trainable_weights)
    assert count == sum(p.numel() for p in CNN(7, **options).parameters())
