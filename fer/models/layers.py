"""Checks of options, and initialisation, that several networks share."""

from collections.abc import Collection, Sequence
from typing import Any

from torch import nn

MIN_GATE_UNITS = 8
"""A sixteenth of few channels would be one or two hidden units, too few for a gate."""


def checked_choice(option: str, name: Any, names: Collection) -> Any:
    """Returns `name`. Raises ValueError with the option and its choices unless `name` is one of `names`."""
    if name not in names:
        choices = ", ".join("null" if choice is None else str(choice) for choice in names)
        raise ValueError(f"{option}: no '{name}'; there are {choices}")
    return name


def value_at(value: Any, index: int) -> Any:
    """Returns the value for block `index`; of a sequence, the last value also serves all further blocks."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value[min(index, len(value) - 1)]
    return value


def check_share(option: str, share: float) -> None:
    """Raises ValueError unless `share` is in [0, 1)."""
    if not 0 <= share < 1:
        raise ValueError(f"{option}={share}: expected a share in [0, 1)")


def check_stages(widths: Sequence[int], blocks: Sequence[int]) -> None:
    """Raises ValueError unless there is a positive number of blocks for each width."""
    if len(widths) != len(blocks) or not blocks or min(*widths, *blocks) < 1:
        raise ValueError(
            f"model.widths={list(widths)} and model.blocks={list(blocks)}: expected as many positive integers in both"
        )


def gate_units(width: int) -> int:
    """Returns the number of hidden units of a gate over `width` channels: a sixteenth, but at least MIN_GATE_UNITS."""
    return max(MIN_GATE_UNITS, width // 16)


def linear_decay(count: int, last: float) -> list[float]:
    """Returns drop rates of `count` residual branches, which grow linearly up to `last` (Huang et al. 2016).

    Raises ValueError unless `last` is in [0, 1).
    """
    check_share("model.stochastic_depth", last)
    return [last * (index + 1) / count for index in range(count)]


def he_init(network: nn.Module) -> None:
    """Draws the kernels of all convolutions as in He et al. 2015 and sets their biases to zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
