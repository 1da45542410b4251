import io
import math
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer.config import compose_config
from fer.schedulers import Piecewise, WarmupCosine

CONF = Path(__file__).parents[1] / "conf"
SCHEDULERS = sorted((CONF / "scheduler").glob("*.yaml"))
OPTIMIZERS = sorted((CONF / "optimizer").glob("*.yaml"))
ADAGRAD = CONF / "optimizer" / "adagrad.yaml"  # the one without momentum
STEPS = 40


def build(scheduler, optimizer=CONF / "optimizer" / "sgd.yaml", **options):
    """Optimizer and scheduler from their files, the way a run builds them."""
    parts = {"optimizer": OmegaConf.load(optimizer), "scheduler": OmegaConf.load(scheduler)}
    cfg = OmegaConf.create({**parts, "trainer": {"max_epochs": 30}})
    cfg = OmegaConf.to_container(cfg, resolve=True)
    assert cfg["scheduler"].pop("interval") in ("step", "epoch")
    if "total_steps" in cfg["scheduler"]:
        cfg["scheduler"]["total_steps"] = STEPS
    params = [nn.Parameter(torch.ones(3, 2)), nn.Parameter(torch.ones(2))]
    built = hydra.utils.instantiate(cfg["optimizer"], params)
    return built, hydra.utils.instantiate(cfg["scheduler"] | options, optimizer=built)


def rates(optimizer, scheduler, steps):
    """Learning rate of each of the next steps."""
    actual = []
    for _ in range(steps):
        actual.append(optimizer.param_groups[0]["lr"])
        for param in optimizer.param_groups[0]["params"]:
            param.grad = torch.ones_like(param)
        optimizer.step()
        scheduler.step(*[1.0] * isinstance(scheduler, ReduceLROnPlateau))
    return actual


def saved(state):
    """`state` after a checkpoint that is loaded the safe way."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda path: path.stem)
def test_every_schedule_drives_every_optimizer(optimizer, scheduler):
    optimizer, scheduler = build(scheduler, optimizer)
    assert scheduler.optimizer is optimizer
    actual = rates(optimizer, scheduler, STEPS - 1)
    assert all(math.isfinite(rate) and rate >= 0 for rate in actual)
    assert max(actual) > 0


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda path: path.stem)
def test_schedule_resumes_exactly(scheduler):
    optimizer, schedule = build(scheduler)
    rates(optimizer, schedule, 7)
    resumed_optimizer, resumed = build(scheduler)
    resumed_optimizer.load_state_dict(saved(optimizer.state_dict()))
    resumed.load_state_dict(saved(schedule.state_dict()))
    assert rates(resumed_optimizer, resumed, 20) == rates(optimizer, schedule, 20)


@pytest.mark.parametrize("epochs", [2, 3, 8, 20, 90])
@pytest.mark.parametrize("scheduler", ["step", "multistep"])
def test_stages_begin_within_the_run_and_before_its_last_epoch(scheduler, epochs):
    cfg = compose_config(["output_dir=x", f"scheduler={scheduler}", f"trainer.max_epochs={epochs}"])
    options = OmegaConf.to_container(cfg, resolve=True)["scheduler"]
    del options["interval"]
    optimizer, _ = build(CONF / "scheduler" / "constant.yaml")
    actual = rates(optimizer, hydra.utils.instantiate(options, optimizer=optimizer), epochs)
    assert len(set(actual)) > 1
    assert actual[0] == max(actual)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", [1.0] * 12),
        ("step", [1.0] * 10 + [0.5] * 2),
        ("exponential", [0.95**epoch for epoch in range(12)]),
        ("plateau", [1.0] * 5 + [0.5] * 4 + [0.25] * 3),
        ("warm_restarts", [(1 + math.cos(math.pi * epoch / 10)) / 2 for epoch in range(10)] + [1.0]),
    ],
)
def test_rates_are_those_that_the_file_promises(name, expected):
    optimizer, scheduler = build(CONF / "scheduler" / f"{name}.yaml")
    start = optimizer.defaults["lr"]
    assert rates(optimizer, scheduler, len(expected)) == pytest.approx([start * factor for factor in expected])


def test_onecycle_peaks_at_the_rate_of_the_optimizer():
    optimizer, scheduler = build(CONF / "scheduler" / "onecycle.yaml")
    actual = rates(optimizer, scheduler, STEPS - 1)
    assert max(actual) == pytest.approx(optimizer.defaults["lr"])
    assert actual.index(max(actual)) == round(0.3 * STEPS) - 1


@pytest.mark.parametrize("optimizer", sorted({*OPTIMIZERS} - {ADAGRAD}), ids=lambda path: path.stem)
def test_onecycle_can_cycle_the_momentum(optimizer):
    optimizer, scheduler = build(CONF / "scheduler" / "onecycle.yaml", optimizer, cycle_momentum=True)
    rates(optimizer, scheduler, 12)
    group = optimizer.param_groups[0]
    assert (group["betas"][0] if "betas" in group else group["momentum"]) == pytest.approx(0.85, abs=0.01)


def test_onecycle_says_why_it_cannot_cycle_adagrad():
    with pytest.raises(hydra.errors.InstantiationException, match="momentum"):
        build(CONF / "scheduler" / "onecycle.yaml", ADAGRAD, cycle_momentum=True)


@pytest.mark.parametrize("warmup", [0.0, 0.2])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_warmup_cosine_is_its_formula(warmup, floor):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=2.0)
    actual = rates(optimizer, WarmupCosine(optimizer, STEPS, warmup, floor), STEPS + 3)
    ramp = int(warmup * STEPS)
    expected = [2.0 * (t + 1) / (ramp + 1) for t in range(ramp)]
    for t in range(STEPS - ramp):
        expected.append(2.0 * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * t / (STEPS - ramp)))))
    assert actual == pytest.approx([*expected, *[2.0 * floor] * 3])


def test_warmup_cosine_lasts_a_single_step():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=2.0)
    assert rates(optimizer, WarmupCosine(optimizer, total_steps=1), 2) == [2.0, 0.0]


@pytest.mark.parametrize(
    "option", [{"total_steps": None}, {"total_steps": 0}, {"warmup": 1.0}, {"warmup": -0.1}, {"min_lr_ratio": 2}]
)
def test_warmup_cosine_names_a_bad_option(option):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    with pytest.raises(ValueError, match=f"scheduler.{next(iter(option))} "):
        WarmupCosine(optimizer, **({"total_steps": STEPS} | option))


def test_piecewise_rates_change_at_their_milestones():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=2.0)
    assert rates(optimizer, Piecewise(optimizer, [2, 3], [0.5, 0.1]), 5) == [2.0, 2.0, 1.0, 0.2, 0.2]


@pytest.mark.parametrize(
    ("milestones", "factors", "name"),
    [([2, 3], [0.5], "milestones"), ([3, 2], [0.5, 0.1], "milestones"), ([2], [-1], "factors")],
)
def test_piecewise_names_a_bad_option(milestones, factors, name):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    with pytest.raises(ValueError, match=f"scheduler.{name} "):
        Piecewise(optimizer, milestones, factors)
