"""RepVGG: three branches in training, which fuse into one 3×3 convolution for inference."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from fer.models.layers import check_share, check_stages, he_init


class RepVGG(nn.Module):
    """RepVGG (Ding et al. 2021, arXiv:2101.03697): a plain stack of 3×3 convolutions at inference.

    In training each layer is the sum of three branches, each followed by BatchNorm: a 3×3 convolution, a 1×1
    convolution and, where size and width do not change, the identity. ReLU follows the sum. `fused` folds the branches
    into one 3×3 convolution with bias, which gives the same logits in evaluation. Global average pooling and the output
    layer follow the last stage.

    widths, blocks: channels and layers of each stage. Every stage except the first halves height and width in its first
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
        in_width = in_channels
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                self.blocks.append(Block(in_width, width, stride))
                in_width = width
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(in_width, num_classes)
        he_init(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.dropout(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the mean of the last maps, F = widths[-1]."""
        return self.blocks(images.expand(-1, self.in_channels, -1, -1)).mean((2, 3))

    def fused(self) -> "RepVGG":
        """Returns a copy in evaluation mode with the same logits, each layer one 3×3 convolution and ReLU.

        The copy's layers are `nn.Sequential`, so it cannot be trained as a RepVGG again.
        """
        network = copy.deepcopy(self).eval()
        for index, block in enumerate(network.blocks):
            if isinstance(block, Block):
                network.blocks[index] = block.fused()
        return network


class Block(nn.Module):
    """One layer: ReLU of the sum of its branches; (B, in_width, H, W) -> (B, width, ⌈H / stride⌉, ⌈W / stride⌉)."""

    def __init__(self, in_width: int, width: int, stride: int):
        super().__init__()
        self.stride = stride
        self.wide = Conv2dNormActivation(in_width, width, 3, stride, activation_layer=None)
        self.point = Conv2dNormActivation(in_width, width, 1, stride, activation_layer=None)
        self.identity = nn.BatchNorm2d(width) if in_width == width and stride == 1 else None
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        total = self.wide(maps) + self.point(maps)
        if self.identity is not None:
            total = total + self.identity(maps)
        return self.activation(total)

    @torch.no_grad()
    def fused(self) -> nn.Sequential:
        """Returns the layer's inference form: one convolution with bias, folded in float64, and ReLU."""
        (wide, wide_norm), (point, point_norm) = convolution_and_norm(self.wide), convolution_and_norm(self.point)
        branches = [
            fold_norm(wide.weight, wide_norm),
            fold_norm(F.pad(point.weight, [1, 1, 1, 1]), point_norm),
        ]
        if self.identity is not None:
            branches.append(fold_norm(nn.init.dirac_(torch.empty_like(wide.weight)), self.identity))
        kernels, biases = zip(*branches, strict=True)
        convolution = nn.Conv2d(wide.in_channels, wide.out_channels, 3, self.stride, padding=1).to(wide.weight)
        convolution.load_state_dict({"weight": sum(kernels), "bias": sum(biases)})
        return nn.Sequential(convolution, nn.ReLU())


def convolution_and_norm(branch: Conv2dNormActivation) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    convolution, norm = branch
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return convolution, norm


def fold_norm(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Returns kernel and bias, float64, of the convolution that equals `kernel` followed by `norm` in evaluation."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight.double() / (variance.double() + norm.eps).sqrt()
    return kernel.double() * scale[:, None, None, None], norm.bias.double() - mean.double() * scale
