"""mini-Xception, the small network of separable convolutions."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import draw_he


class MiniXception(nn.Module):
    """mini-Xception (Arriaga, Valdenegro-Toro & Plöger 2017, arXiv:1710.07557), 56,951 parameters for 7 classes.

    Two 3×3 convolutions without padding; then residual blocks of two depthwise separable convolutions and a max pool of
    stride 2, beside a 1×1 convolution of stride 2. A 3×3 convolution gives one map a class; the logits are their
    averages. The original takes 64×64 pixels.

    stem: channels of the first two convolutions. widths: channels of the blocks.
    Input: (B, 1 or in_channels, H, W) float, H and W at least 6; a grey image is repeated over `in_channels`. Output:
    (B, num_classes) logits.
    """

    def __init__(
        self,
        num_classes: int,
        stem: int = 8,
        widths: Sequence[int] = (16, 32, 64, 128),
        in_channels: int = 1,
    ):
        super().__init__()
        self.in_channels = in_channels
        self.stem = nn.Sequential(
            Conv2dNormActivation(in_channels, stem, 3, padding=0), Conv2dNormActivation(stem, stem, 3, padding=0)
        )
        befores = [stem, *widths[:-1]]
        self.blocks = nn.Sequential(*(Block(*pair) for pair in zip(befores, widths, strict=True)))
        self.output = nn.Conv2d(widths[-1], num_classes, 3, padding=1)
        draw_he(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.maps(images)).mean((2, 3))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): the average of the last block's maps, F = widths[-1]."""
        return self.maps(images).mean((2, 3))

    def maps(self, images: Tensor) -> Tensor:
        return self.blocks(self.stem(images.expand(-1, self.in_channels, -1, -1)))


class Block(nn.Module):
    """(B, before, H, W) -> (B, width, ⌈H / 2⌉, ⌈W / 2⌉)."""

    def __init__(self, before: int, width: int):
        super().__init__()
        self.branch = nn.Sequential(
            separable(before, width),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            separable(width, width),
            nn.BatchNorm2d(width),
            nn.MaxPool2d(3, 2, 1),
        )
        self.shortcut = Conv2dNormActivation(before, width, 1, 2, activation_layer=None)

    def forward(self, maps: Tensor) -> Tensor:
        return self.branch(maps) + self.shortcut(maps)


def separable(before: int, width: int) -> nn.Module:
    """A 3×3 convolution of each channel by itself, then a 1×1 convolution over channels."""
    depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(before, width, 1, bias=False))
