import io
from collections import defaultdict
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from fer.benchmarking import loops, preparation, rounds, timing
from fer.losses import CrossEntropy
from fer.models.cnn import CNN


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


@pytest.fixture(scope="module")
def work(tmp_path_factory, tiny) -> dict[str, Any]:
    """What hooks of torch saw of each network while three columns ran their rounds."""
    cfg = preparation.prepare(tiny("callbacks.pictures=null"))
    datamodule, watch = preparation.read_data(cfg), timing.DeviceClock(torch.device("cpu"))
    columns = {"ceiling": loops.Ceiling(cfg, datamodule, watch), "default": loops.Default(cfg, datamodule, watch)}
    networks, losses, steps = defaultdict(lambda: {"batches": []}), defaultdict(list), defaultdict(int)

    def forward(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        if isinstance(module, CNN):
            entry = networks[id(module)]
            entry["batches"].append(tuple(inputs[0].shape))
            entry["parameters"] = sum(p.numel() for p in module.parameters())
            entry["first"] = id(next(module.parameters()))
        elif isinstance(module, CrossEntropy):
            losses[id(module)].append(output.item())

    def stepped(optimizer: torch.optim.Optimizer, *_) -> None:
        steps[id(optimizer.param_groups[0]["params"][0])] += 1

    hooks = register_module_forward_hook(forward), register_optimizer_step_post_hook(stepped)
    with hooks[0], hooks[1], redirect_stdout(io.StringIO()) as output:
        speeds, _ = rounds.run_rounds(cfg, datamodule, columns, watch, cfg.steps, tmp_path_factory.mktemp("fit"))
    for entry in networks.values():
        entry["steps"] = steps[entry["first"]]
    columns, losses = list(networks.values()), list(losses.values())
    return {"columns": columns, "losses": losses, "speeds": speeds, "output": output.getvalue()}


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
    assert [line.split(":")[0] for line in work["output"].splitlines()] == ["round 1 of 2", "round 2 of 2"]
