"""Layers and options that several networks share."""

from collections.abc import Collection, Sequence
from typing import Any

from torch import nn

FEWEST = 8
"""Hidden units of a gate that scales channels, at least: a sixteenth of few channels would be one or two."""


def known(option: str, name: Any, names: Collection) -> Any:
    """`name` if it is one of `names`; else ValueError, which names the option and lists the choices."""
    if name not in names:
        choices = ", ".join("null" if choice is None else str(choice) for choice in names)
        raise ValueError(f"{option}: no '{name}'; there are {choices}")
    return name


def each(value: Any, index: int) -> Any:
    """The value of one block: the same for all, or its own (the last one counts for all further blocks)."""
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


def squeezed(width: int) -> int:
    """Hidden units of a gate over `width` channels: a sixteenth, but at least FEWEST."""
    return max(FEWEST, width // 16)


def linear_decay(count: int, last: float) -> list[float]:
    """Drop rates of `count` residual branches: they grow linearly with depth and end at `last` (Huang et al. 2016)."""
    check_share("model.stochastic_depth", last)
    return [last * (index + 1) / count for index in range(count)]


def draw_he(network: nn.Module) -> None:
    """Draws the kernels of all convolutions as He et al. 2015 and sets their biases to zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
