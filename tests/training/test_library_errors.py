"""What a library refuses while a run trains is answered with one line; mistakes in other code keep their traceback."""

from pathlib import Path

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from fer.errors import UserError
from fer.training.library_errors import library_errors


def step(optimizer: type[torch.optim.Optimizer], weight: nn.Parameter) -> None:
    weight.grad = torch.ones_like(weight)
    optimizer([weight], lr=0.1).step()


def test_an_optimizer_that_cannot_take_the_gradients():
    with pytest.raises(UserError, match=r"^SparseAdam does not support dense gradients"), library_errors():
        step(torch.optim.SparseAdam, nn.Parameter(torch.ones(2)))


def test_a_configuration_that_lightning_refuses():
    with pytest.raises(UserError, match=r"^no such field$"), library_errors():
        raise MisconfigurationException("no such field\nand more")


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: torch.ones(2, 3).t().view(-1), r"channels_last=false"),
        (lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)), r"data\.batch_size=2"),
    ],
)
def test_known_errors_name_the_option(call, remedy):
    with pytest.raises(UserError, match=remedy), library_errors():
        call()


@pytest.mark.parametrize(
    "call", [lambda: nn.Linear(2, 3)(torch.ones(5)), lambda: 1 / 0, lambda: Path("nowhere").read_text()]
)
def test_other_errors_stay(call):
    with pytest.raises((RuntimeError, ZeroDivisionError, OSError)), library_errors():
        call()


def test_tracebacks_are_shown_on_request(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.delenv("FER_HYDRA_RAISES", raising=False)
    with pytest.raises(MisconfigurationException), library_errors():
        raise MisconfigurationException("no such field")
