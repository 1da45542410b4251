"""Residual networks for small images."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

from fer.models.attention import attention_modules
from fer.models.layers import check_share, check_stages, gate_units, he_init, linear_decay, value_at


class ResNet(nn.Module):
    """Residual network with the stem of the CIFAR networks: one 3×3 convolution at full size, no pooling.

    He et al. 2016, arXiv:1512.03385, section 4.2. Every stage except the first halves height and width in its first
    block; where size or width changes, the shortcut is a 1×1 convolution. Global average pooling and the output layer
    follow the last stage.

    widths, blocks: channels and residual blocks of each stage.
    preactivation: BatchNorm and ReLU precede the convolutions (He et al. 2016, arXiv:1603.05027).
    squeeze_excitation: scales the channels of each branch (Hu et al. 2018, arXiv:1709.01507), with width // 16 hidden
    units, but at least 8.
    stochastic_depth: share in [0, 1) of images for which the last block's branch is skipped in training; the shares
    of the earlier blocks grow linearly up to it (Huang et al. 2016, arXiv:1603.09382).
    attention: None, "cbam" or "masking" at the end of each stage, or a list with one for each stage; see
    fer.models.attention.
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
        in_width = widths[0]
        self.stem = stem(in_channels, in_width, preactivation)
        self.stages = nn.Sequential()
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            stage = nn.Sequential()
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                stage.append(block(in_width, width, stride, squeeze_excitation, next(rates)))
                in_width = width
            stage.extend(attention_modules(value_at(attention, index), width, len(widths) - index))
            self.stages.append(stage)
        self.end = nn.Sequential(nn.BatchNorm2d(in_width), nn.ReLU()) if preactivation else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(in_width, num_classes)
        he_init(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.dropout(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the mean of the last maps, F = widths[-1]."""
        maps = self.stem(images.expand(-1, self.in_channels, -1, -1))
        return self.end(self.stages(maps)).mean((2, 3))


class Block(nn.Module):
    """Basic block: ReLU(branch + shortcut); (B, in_width, H, W) -> (B, width, ⌈H / stride⌉, ⌈W / stride⌉)."""

    def __init__(self, in_width: int, width: int, stride: int, squeeze_excitation: bool, rate: float):
        super().__init__()
        self.branch = nn.Sequential(
            Conv2dNormActivation(in_width, width, 3, stride),
            Conv2dNormActivation(width, width, 3, activation_layer=None),
            *branch_end(width, squeeze_excitation, rate),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or in_width != width:
            self.shortcut = Conv2dNormActivation(in_width, width, 1, stride, activation_layer=None)
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        return self.activation(self.branch(maps) + self.shortcut(maps))


class PreactivationBlock(nn.Module):
    """Block whose BatchNorm and ReLU precede the convolutions, with no layer after the sum; shapes as in Block."""

    def __init__(self, in_width: int, width: int, stride: int, squeeze_excitation: bool, rate: float):
        super().__init__()
        self.start = nn.Sequential(nn.BatchNorm2d(in_width), nn.ReLU())
        self.branch = nn.Sequential(
            Conv2dNormActivation(in_width, width, 3, stride),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            *branch_end(width, squeeze_excitation, rate),
        )
        self.shortcut = None
        if stride > 1 or in_width != width:
            self.shortcut = nn.Conv2d(in_width, width, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        activated = self.start(maps)
        shortcut = maps if self.shortcut is None else self.shortcut(activated)
        return self.branch(activated) + shortcut


def stem(in_channels: int, width: int, preactivation: bool) -> nn.Module:
    """Returns a 3×3 convolution, followed by BatchNorm and ReLU unless the first block starts with them."""
    if preactivation:
        return nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    return Conv2dNormActivation(in_channels, width, 3)


def branch_end(width: int, squeeze_excitation: bool, rate: float) -> list[nn.Module]:
    """Returns the layers after the convolutions of a branch: squeeze-and-excitation and stochastic depth, if any."""
    layers: list[nn.Module] = []
    if squeeze_excitation:
        layers.append(SqueezeExcitation(width, gate_units(width)))
    if rate:
        layers.append(StochasticDepth(rate, "row"))
    return layers
