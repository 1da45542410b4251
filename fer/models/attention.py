"""Attention modules that scale a feature map: CBAM and residual masking (`attention` of CNN and ResNet)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import checked_choice, gate_units

ATTENTION_KINDS = (None, "cbam", "masking")


class CBAM(nn.Module):
    """Convolutional block attention module (Woo et al. 2018, arXiv:1807.06521): scales channels, then positions.

    Channel weights, in (0, 1): a shared two-layer perceptron sees the average and the maximum over positions; the
    weights are the sigmoid of the sum of its two outputs. It has width // 16 hidden units, but at least 8.
    Position weights, in (0, 1): the sigmoid of a convolution with BatchNorm over the maximum and the average over
    channels.

    width: channels. kernel_size: of that convolution.
    Input and output: (B, width, H, W) float.
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

    The mask, in (0, 1), comes from a small U-Net over the maps with a softmax over channels at its end. The U-Net has
    `levels` scales, each half the size of the previous one. It differs from the original in three points: it keeps
    width // 2 channels at every scale, where the original doubles them; it has one 3×3 convolution with BatchNorm and
    ReLU for each scale, where the original has a residual block; and it upsamples by nearest neighbours instead of
    transposed convolutions, so that any size fits.

    width: channels.
    Input and output: (B, width, H, W) float.
    """

    def __init__(self, width: int, levels: int):
        super().__init__()
        inner = max(1, width // 2)
        input_widths = [width] + [inner] * (levels - 1)
        self.down = nn.ModuleList(Conv2dNormActivation(in_width, inner, 3) for in_width in input_widths)
        self.up = nn.ModuleList(Conv2dNormActivation(2 * inner, inner, 3) for _ in range(levels - 1))
        self.logits = nn.Conv2d(inner, width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return maps * (1 + self.logits(self.decode(self.encode(maps))).softmax(1))

    def encode(self, maps: Tensor) -> list[Tensor]:
        """Returns maps (B, width // 2, …) of each scale, from fine to coarse."""
        scales = [self.down[0](maps)]
        for layer in self.down[1:]:
            scales.append(layer(F.max_pool2d(scales[-1], 2, ceil_mode=True)))
        return scales

    def decode(self, scales: list[Tensor]) -> Tensor:
        """Returns maps (B, width // 2, H, W) that combine all scales."""
        coarse = scales[-1]
        for layer, fine in zip(self.up, scales[-2::-1], strict=True):
            upsampled = F.interpolate(coarse, size=fine.shape[-2:])
            coarse = layer(torch.cat([upsampled, fine], 1))
        return coarse


def attention_modules(kind: str | None, width: int, levels: int) -> list[nn.Module]:
    """Returns a list with the module of that kind; [] for None.

    kind: None, "cbam" or "masking". width: channels. levels: scales of a mask. Raises ValueError for an unknown kind.
    """
    match checked_choice("model.attention", kind, ATTENTION_KINDS):
        case "cbam":
            return [CBAM(width)]
        case "masking":
            return [Masking(width, levels)]
        case _:
            return []
