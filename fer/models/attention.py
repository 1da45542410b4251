"""Attention modules that scale a feature map; `attention` of CNN and ResNet puts one at the end of a block or stage."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import checked_choice, gate_units

KINDS = (None, "cbam", "masking")


class CBAM(nn.Module):
    """Convolutional block attention module (Woo et al. 2018, arXiv:1807.06521): scales channels, then positions.

    The weights of channels, in (0, 1), are the sigmoid of a shared two-layer perceptron applied to the average and to
    the maximum over positions, and summed. The weights of positions are the sigmoid of a 7×7 convolution with
    BatchNorm over the maximum and the average over channels. The perceptron has width // 16 hidden units, but at least
    8. Input and output: (B, width, H, W) float.
    """

    def __init__(self, width: int, kernel_size: int = 7):
        super().__init__()
        hidden = gate_units(width)
        self.channels = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.positions = Conv2dNormActivation(2, 1, kernel_size, activation_layer=None)

    def forward(self, maps: Tensor) -> Tensor:
        weights = self.channels(maps.mean((2, 3))) + self.channels(maps.amax((2, 3)))
        maps = maps * weights.sigmoid()[:, :, None, None]
        summary = torch.cat([maps.amax(1, keepdim=True), maps.mean(1, keepdim=True)], 1)
        return maps * self.positions(summary).sigmoid()


class Masking(nn.Module):
    """Residual masking, after Pham, Vu & Tran 2020 (ICPR, "Residual Masking Network"): maps · (1 + mask).

    The mask, in (0, 1), comes from a small U-Net over the maps: `levels` scales, each half the size of the one before,
    joined again from coarse to fine; a softmax over channels ends it. Unlike the original, whose channels double at
    each scale, the U-Net keeps width // 2 channels, has one 3×3 convolution with BatchNorm and ReLU a scale instead of
    a residual block, and enlarges by nearest neighbours instead of transposed convolutions, so that any size fits.
    Input and output: (B, width, H, W) float.
    """

    def __init__(self, width: int, levels: int):
        super().__init__()
        inner = max(1, width // 2)
        widths = [width] + [inner] * (levels - 1)
        self.down = nn.ModuleList(Conv2dNormActivation(before, inner, 3) for before in widths)
        self.up = nn.ModuleList(Conv2dNormActivation(2 * inner, inner, 3) for _ in range(levels - 1))
        self.logits = nn.Conv2d(inner, width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return maps * (1 + self.logits(self.joined(self.scales(maps))).softmax(1))

    def scales(self, maps: Tensor) -> list[Tensor]:
        """(B, width // 2, …) at each scale, from fine to coarse."""
        scales = [self.down[0](maps)]
        for layer in self.down[1:]:
            scales.append(layer(F.max_pool2d(scales[-1], 2, ceil_mode=True)))
        return scales

    def joined(self, scales: list[Tensor]) -> Tensor:
        """(B, width // 2, H, W) of all scales."""
        coarse = scales[-1]
        for layer, fine in zip(self.up, scales[-2::-1], strict=True):
            enlarged = F.interpolate(coarse, size=fine.shape[-2:])
            coarse = layer(torch.cat([enlarged, fine], 1))
        return coarse


def attention(kind: str | None, width: int, levels: int) -> list[nn.Module]:
    """The module of a kind, or none for null. width: channels. levels: scales of a mask.

    Raises ValueError for an unknown kind.
    """
    match checked_choice("model.attention", kind, KINDS):
        case "cbam":
            return [CBAM(width)]
        case "masking":
            return [Masking(width, levels)]
        case _:
            return []
