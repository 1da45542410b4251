"""Residual networks for small images."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

from fer.models.attention import attention as attention_modules
from fer.models.layers import check_share, check_stages, draw_he, gate_units, linear_decay, value_at


class ResNet(nn.Module):
    """Residual network with the stem of the CIFAR networks: one 3×3 convolution at full size, no pooling.

    He et al. 2016, arXiv:1512.03385, section 4.2; with `preactivation` the order of He et al. 2016, arXiv:1603.05027.
    Each stage but the first halves height and width in its first block; where size or width changes, the shortcut is a
    1×1 convolution. Global average pooling and the output layer follow the last stage.

    widths, blocks: channels and residual blocks of each stage.
    squeeze_excitation: scales the channels of each branch (Hu et al. 2018, arXiv:1709.01507), with width // 16 hidden
    units, but at least 8.
    stochastic_depth: share in [0, 1) of images for which the last block's branch is left out in training; the shares
    of the earlier blocks grow linearly towards it (Huang et al. 2016, arXiv:1603.09382).
    attention: null, "cbam" or "masking" at the end of each stage, or a list with one a stage; see fer.models.attention.
    dropout: share in [0, 1) of features dropped before the output layer.
    Input: (B, 1 or in_channels, H, W) float, any size; a grey image is repeated over `in_channels`. Output:
    (B, num_classes) logits. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = (16, 48, 96, 192),
        blocks: Sequence[int] = (1, 2, 2, 2),
        preactivation: bool = False,
        squeeze_excitation: bool = False,
        stochastic_depth: float = 0.0,
        attention: str | Sequence[str | None] | None = None,
        dropout: float = 0.0,
        in_channels: int = 1,
    ):
        super().__init__()
        check_stages(widths, blocks)
        check_share("model.dropout", dropout)
        self.in_channels = in_channels
        block = PreactivationBlock if preactivation else Block
        rates = iter(linear_decay(sum(blocks), stochastic_depth))
        before = widths[0]
        self.stem = stem(in_channels, before, preactivation)
        self.stages = nn.Sequential()
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            stage = nn.Sequential()
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                stage.append(block(before, width, stride, squeeze_excitation, next(rates)))
                before = width
            stage.extend(attention_modules(value_at(attention, index), width, len(widths) - index))
            self.stages.append(stage)
        self.end = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU()) if preactivation else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(before, num_classes)
        draw_he(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.dropout(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): the average of the last maps, F = widths[-1]."""
        maps = self.stem(images.expand(-1, self.in_channels, -1, -1))
        return self.end(self.stages(maps)).mean((2, 3))


class Block(nn.Module):
    """Basic block: ReLU(branch + shortcut); (B, before, H, W) -> (B, width, H / stride, W / stride)."""

    def __init__(self, before: int, width: int, stride: int, squeeze_excitation: bool, rate: float):
        super().__init__()
        self.branch = nn.Sequential(
            Conv2dNormActivation(before, width, 3, stride),
            Conv2dNormActivation(width, width, 3, activation_layer=None),
            *branch_end(width, squeeze_excitation, rate),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = Conv2dNormActivation(before, width, 1, stride, activation_layer=None)
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        return self.activation(self.branch(maps) + self.shortcut(maps))


class PreactivationBlock(nn.Module):
    """BatchNorm and ReLU come before the convolutions, and nothing after the sum; shapes as in Block."""

    def __init__(self, before: int, width: int, stride: int, squeeze_excitation: bool, rate: float):
        super().__init__()
        self.start = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        self.branch = nn.Sequential(
            Conv2dNormActivation(before, width, 3, stride),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            *branch_end(width, squeeze_excitation, rate),
        )
        self.shortcut = None
        if stride > 1 or before != width:
            self.shortcut = nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        active = self.start(maps)
        passed = maps if self.shortcut is None else self.shortcut(active)
        return self.branch(active) + passed


def stem(in_channels: int, width: int, preactivation: bool) -> nn.Module:
    """One 3×3 convolution; BatchNorm and ReLU follow unless the first block starts with them."""
    if preactivation:
        return nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    return Conv2dNormActivation(in_channels, width, 3)


def branch_end(width: int, squeeze_excitation: bool, rate: float) -> list[nn.Module]:
    """What follows the convolutions of a branch: squeeze-and-excitation, then stochastic depth, where asked for."""
    layers = [SqueezeExcitation(width, gate_units(width))] if squeeze_excitation else []
    return [*layers, StochasticDepth(rate, "row")] if rate else layers
