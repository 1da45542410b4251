"""CNN: the configurable convolutional network behind most variants."""

from collections.abc import Sequence

from torch import Tensor, nn

from fer.models.attention import attention as attention_modules
from fer.models.layers import check_share, checked_choice, value_at

UNSUITED = ("MultiheadAttention", "GLU", "Threshold", "Softmax", "Softmax2d", "LogSoftmax", "Softmin")
ACTIVATIONS = {
    name.lower(): getattr(nn.modules.activation, name) for name in nn.modules.activation.__all__ if name not in UNSUITED
}
POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
NORMS = ("batch", "group", "layer", "instance", "none")
STARTS = {"he": nn.init.kaiming_normal_, "glorot": nn.init.xavier_uniform_, "default": None}


class CNN(nn.Module):
    """Blocks of convolutions, then a head of dense layers.

    One block is a list of widths: `blocks=[[64, 64], [128]]` is two convolutions of 64 and one of 128 channels. Each
    convolution is followed by norm and activation (the other way round with `norm_last`); each block ends with pooling
    and dropout. The head flattens, or with `head_pool` first averages over a grid of that many cells a side, then has
    one dense layer, norm (`head_norm`), activation and dropout for each width in `head`, and the output layer.

    kernel_size, stride, padding, pool_size: one number, or one a block; padding "same" keeps the size at stride 1
    and is kernel_size // 2 otherwise. pool: "max", "avg" or "none"; pool_stride null = pool_size; pool_padding.
    norm: "batch", "group" (8 groups or fewer), "layer", "instance" or "none". activation: the name of any activation
    of torch.nn, case and underscores aside. dropout in [0, 1), of elements, or of whole channels with
    `channel_dropout`. attention: null, "cbam" or "masking" behind each block's pooling, or a list with one a block; see
    fer.models.attention. init: weights at the start, "he" (He et al. 2015) or "glorot" (Glorot and Bengio 2010) with
    biases of zero, or "default", torch's own, which fades out in deep stacks without norm. Input (B, 1 or in_channels,
    H, W) float, output (B, num_classes) logits; a grey image is repeated over `in_channels`. Raises ValueError for
    unknown names.
    """

    def __init__(
        self,
        num_classes: int,
        blocks: Sequence[Sequence[int]] = ((64, 64), (128, 128), (256, 256)),
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        padding: int | str | Sequence[int] = "same",
        pool: str = "max",
        pool_size: int | Sequence[int] = 2,
        pool_stride: int | None = None,
        pool_padding: int = 0,
        norm: str = "batch",
        norm_last: bool = False,
        activation: str = "relu",
        dropout: float = 0.25,
        channel_dropout: bool = False,
        attention: str | Sequence[str | None] | None = None,
        head: Sequence[int] = (512, 256),
        head_norm: str = "batch",
        head_dropout: float = 0.5,
        head_pool: int | None = None,
        init: str = "default",
        in_channels: int = 1,
        image_size: int = 48,
    ):
        super().__init__()
        self.in_channels = in_channels
        checked_choice("model.pool", pool, (*POOLS, "none"))
        layers, width, size = [], in_channels, image_size
        for index, widths in enumerate(blocks):
            kernel, step, pad, window = (value_at(v, index) for v in (kernel_size, stride, padding, pool_size))
            pad = kernel // 2 if pad == "same" else pad
            block = []
            for out in widths:
                block += [
                    nn.Conv2d(width, out, kernel, step, pad),
                    *norm_and_activation(norm, activation, out, norm_last),
                ]
                width, size = out, (size + 2 * pad - kernel) // step + 1
            if pool != "none":
                hop = pool_stride or window
                block.append(POOLS[pool](window, hop, pool_padding))
                size = (size + 2 * pool_padding - window) // hop + 1
            if size < 1:
                raise ValueError(
                    f"model: block {index + 1} leaves no pixels of {image_size}; use less kernel or pooling"
                )
            block += attention_modules(value_at(attention, index), width, len(blocks) - index)
            block += drop(dropout, channel_dropout)
            layers.append(nn.Sequential(*block))
        self.blocks = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(head_pool) if head_pool else nn.Identity()
        features = width * (head_pool or size) ** 2
        dense = []
        for out in head:
            dense += [nn.Linear(features, out), *norm_and_activation(head_norm, activation, out, norm_last, flat=True)]
            dense += drop(head_dropout)
            features = out
        self.head = nn.Sequential(nn.Flatten(), *dense)
        self.output = nn.Linear(features, num_classes)
        start(self, init)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): what the output layer sees."""
        return self.head(self.pool(self.blocks(images.expand(-1, self.in_channels, -1, -1))))


def norm_and_activation(norm: str, activation: str, width: int, norm_last: bool, flat: bool = False) -> list[nn.Module]:
    key = checked_choice("model.activation", activation.replace("_", "").lower(), ACTIVATIONS)
    layers = [make_norm(norm, width, flat), ACTIVATIONS[key]()]
    if norm_last:
        layers.reverse()
    return [layer for layer in layers if not isinstance(layer, nn.Identity)]


def make_norm(norm: str, width: int, flat: bool = False) -> nn.Module:
    """Normalises (B, width) if `flat`, else (B, width, H, W)."""
    match checked_choice("model.norm", norm, NORMS):
        case "batch":
            return nn.BatchNorm1d(width) if flat else nn.BatchNorm2d(width)
        case "group":
            return nn.GroupNorm(next(groups for groups in (8, 4, 2, 1) if width % groups == 0), width)
        case "layer":
            return nn.LayerNorm(width) if flat else nn.GroupNorm(1, width)
        case "instance":
            return nn.LayerNorm(width) if flat else nn.InstanceNorm2d(width, affine=True)
        case _:
            return nn.Identity()


def drop(rate: float, channels: bool = False) -> list[nn.Module]:
    check_share("model.dropout", rate)
    if not rate:
        return []
    return [nn.Dropout2d(rate)] if channels else [nn.Dropout(rate)]


def start(network: nn.Module, init: str) -> None:
    """Initialises the weights of convolutions and dense layers, unless `init` is "default"."""
    draw = STARTS[checked_choice("model.init", init, STARTS)]
    for layer in network.modules():
        if draw and isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
