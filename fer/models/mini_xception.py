"""mini-Xception, a small network of depthwise separable convolutions."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import he_init


class MiniXception(nn.Module):
    """mini-Xception (Arriaga, Valdenegro-Toro & Plöger 2017, arXiv:1710.07557), 56,951 parameters for 7 classes.

    Two 3×3 convolutions without padding, then residual blocks: two depthwise separable convolutions and a max pool of
    stride 2, with a 1×1 convolution of stride 2 as the shortcut. A last 3×3 convolution has one output map for each
    class; the logits are the means of these maps. The original takes 64×64 pixels.

    stem: channels of the first two convolutions. widths: channels of each block.
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
        self.blocks = nn.Sequential()
        in_width = stem
        for width in widths:
            self.blocks.append(Block(in_width, width))
            in_width = width
        self.output = nn.Conv2d(widths[-1], num_classes, 3, padding=1)
        he_init(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.maps(images)).mean((2, 3))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the mean of the last block's maps, F = widths[-1]."""
        return self.maps(images).mean((2, 3))

    def maps(self, images: Tensor) -> Tensor:
        return self.blocks(self.stem(images.expand(-1, self.in_channels, -1, -1)))


class Block(nn.Module):
    """Residual block; (B, in_width, H, W) -> (B, width, ⌈H / 2⌉, ⌈W / 2⌉)."""

    def __init__(self, in_width: int, width: int):
        super().__init__()
        self.branch = nn.Sequential(
            separable(in_width, width),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            separable(width, width),
            nn.BatchNorm2d(width),
            nn.MaxPool2d(3, 2, 1),
        )
        self.shortcut = Conv2dNormActivation(in_width, width, 1, 2, activation_layer=None)

    def forward(self, maps: Tensor) -> Tensor:
        return self.branch(maps) + self.shortcut(maps)


def separable(in_width: int, width: int) -> nn.Module:
    """Returns a depthwise separable convolution: 3×3 in each channel, then 1×1 over channels."""
    depthwise = nn.Conv2d(in_width, in_width, 3, padding=1, groups=in_width, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(in_width, width, 1, bias=False))
