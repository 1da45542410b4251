"""The benchmark is honest: the same work in every column, warm-up left out, the device waited for.

No test looks at how long anything takes.
"""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from omegaconf import DictConfig

from fer.config import compose_config

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


@pytest.fixture(scope="session")
def tiny() -> Callable[..., DictConfig]:
    """`tiny("rounds=1", …)`: the config of a benchmark of seconds."""
    return lambda *overrides: compose_config([*TINY, *overrides], name="benchmark")


class Clock:
    """Seconds that pass only where the test lets them."""

    def __init__(self):
        self.now, self.readings = 0.0, 0

    def __call__(self) -> float:
        self.readings += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paced() -> Callable[..., SimpleNamespace]:
    """`paced(3, 4, how="fp32")`: a column whose blocks have these images/s, one after the other."""

    def make(*speeds: float, how: str = "") -> SimpleNamespace:
        left = iter(speeds)
        return SimpleNamespace(block=lambda warmup, steps: next(left), how=how)

    return make
