"""RepVGG: three branches in training, one 3×3 convolution in use."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import check_share, check_stages, draw_he


class RepVGG(nn.Module):
    """RepVGG (Ding et al. 2021, arXiv:2101.03697): a plain stack of 3×3 convolutions once trained.

    In training each layer is the sum of a 3×3 convolution, a 1×1 convolution and, where size and width stay, the
    identity, each followed by BatchNorm; then ReLU. `fused` folds the three into one 3×3 convolution with bias, which
    gives the same logits in evaluation. Global average pooling and the output layer follow the last stage.

    widths, blocks: channels and layers of each stage. Each stage but the first halves height and width in its first
    layer. dropout: share in [0, 1) of features dropped before the output layer.
    Input: (B, 1 or in_channels, H, W) float, any size; a grey image is repeated over `in_channels`. Output:
    (B, num_classes) logits. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (1, 2, 3, 3),
        dropout: float = 0.0,
        in_channels: int = 1,
    ):
        super().__init__()
        check_stages(widths, blocks)
        check_share("model.dropout", dropout)
        self.in_channels = in_channels
        self.blocks = nn.Sequential()
        before = in_channels
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                self.blocks.append(Block(before, width, stride))
                before = width
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(before, num_classes)
        draw_he(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.dropout(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): the average of the last maps, F = widths[-1]."""
        return self.blocks(images.expand(-1, self.in_channels, -1, -1)).mean((2, 3))

    def fused(self) -> "RepVGG":
        """A copy in evaluation mode with one 3×3 convolution and ReLU a layer, and the logits of this network there."""
        network = copy.deepcopy(self).eval()
        for index, block in enumerate(network.blocks):
            if isinstance(block, Block):
                network.blocks[index] = block.fused()
        return network


class Block(nn.Module):
    """One layer: ReLU of the sum of its branches; (B, before, H, W) -> (B, width, H / stride, W / stride)."""

    def __init__(self, before: int, width: int, stride: int):
        super().__init__()
        self.wide = Conv2dNormActivation(before, width, 3, stride, activation_layer=None)
        self.point = Conv2dNormActivation(before, width, 1, stride, activation_layer=None)
        self.identity = nn.BatchNorm2d(width) if before == width and stride == 1 else None
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        total = self.wide(maps) + self.point(maps)
        if self.identity is not None:
            total = total + self.identity(maps)
        return self.activation(total)

    @torch.no_grad()
    def fused(self) -> nn.Sequential:
        """The same layer in evaluation, as a convolution with bias and ReLU; folded in float64."""
        wide = self.wide[0].weight
        branches = [folded(wide, self.wide[1]), folded(F.pad(self.point[0].weight, [1, 1, 1, 1]), self.point[1])]
        if self.identity is not None:
            branches.append(folded(nn.init.dirac_(torch.empty_like(wide)), self.identity))
        kernels, biases = zip(*branches, strict=True)
        width, before = wide.shape[:2]
        place = {"device": wide.device, "dtype": wide.dtype}
        convolution = nn.Conv2d(before, width, 3, self.wide[0].stride, padding=1, **place)
        convolution.weight.copy_(sum(kernels))
        convolution.bias.copy_(sum(biases))
        return nn.Sequential(convolution, nn.ReLU())


def folded(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """(kernel, bias) in float64 of the convolution that does what `kernel` and then `norm` do in evaluation."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return kernel.double() * scale[:, None, None, None], norm.bias.double() - norm.running_mean.double() * scale
