"""CNN: the configurable convolutional network behind most options of `model`."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.modules import activation as activations

from fer.models.attention import attention_modules
from fer.models.layers import check_share, checked_choice, value_at

UNSUITABLE = ("MultiheadAttention", "GLU", "Threshold", "Softmax", "Softmax2d", "LogSoftmax", "Softmin")
ACTIVATIONS = {name.lower(): getattr(activations, name) for name in activations.__all__ if name not in UNSUITABLE}
POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
NORMS = ("batch", "group", "layer", "instance", "none")
INITS = {"he": nn.init.kaiming_normal_, "glorot": nn.init.xavier_uniform_, "default": None}


class CNN(nn.Module):
    """Blocks of convolutions, then a head of dense layers.

    Each convolution is followed by norm and activation, and each block ends with pooling, attention and dropout. The
    head flattens; then dense layers follow, each with norm, activation and dropout, and the output layer.

    blocks: for each block the channels of its convolutions: `[[64, 64], [128]]` is two convolutions of 64 channels and,
        in the second block, one of 128.
    kernel_size, stride, padding, pool_size: one number, or one for each block. padding "same" keeps the size at
        stride 1, and is kernel_size // 2 otherwise.
    pool: "max", "avg" or "none". pool_stride: None for pool_size. pool_padding: in pixels.
    norm: "batch", "group" (at most 8 groups), "layer", "instance" or "none". norm_last: norm after the activation.
    activation: any activation of torch.nn; case and underscores do not matter.
    dropout: share in [0, 1) of elements, or with `channel_dropout` of whole channels.
    attention: None, "cbam" or "masking" after each block's pooling, or a list with one for each block; see
        fer.models.attention.
    head: units of the dense layers. head_norm, head_dropout: as norm and dropout. head_pool: averages the maps over a
        grid of head_pool × head_pool cells before they are flattened.
    init: initial weights: "he" (He et al. 2015) or "glorot" (Glorot and Bengio 2010), both with zero biases, or
        "default", torch's own, under which the signal vanishes in deep stacks without norm.
    image_size: height and width of the images in pixels.

    Input: (B, 1 or in_channels, H, W) float; a grey image is repeated over `in_channels`. Output: (B, num_classes)
    logits. Raises ValueError for unknown names, for shares out of range and if a block leaves no pixels.
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
        self.blocks = nn.Sequential()
        width, size = in_channels, image_size
        for index, widths in enumerate(blocks):
            kernel, step, pad, window = (value_at(v, index) for v in (kernel_size, stride, padding, pool_size))
            pad = kernel // 2 if pad == "same" else pad
            block = nn.Sequential()
            for out_width in widths:
                block.append(nn.Conv2d(width, out_width, kernel, step, pad))
                block.extend(norm_and_activation(norm, activation, out_width, norm_last))
                width, size = out_width, output_size(size, kernel, step, pad)
            if pool != "none":
                pool_step = pool_stride or window
                block.append(POOLS[pool](window, pool_step, pool_padding))
                size = output_size(size, window, pool_step, pool_padding)
            if size < 1:
                raise ValueError(
                    f"model: block {index + 1} leaves no pixels of {image_size}; use less kernel or pooling"
                )
            block.extend(attention_modules(value_at(attention, index), width, len(blocks) - index))
            block.extend(dropout_layers(dropout, channel_dropout))
            self.blocks.append(block)
        self.pool = nn.AdaptiveAvgPool2d(head_pool) if head_pool else nn.Identity()
        self.head = nn.Sequential(nn.Flatten())
        features = width * (head_pool or size) ** 2
        for units in head:
            self.head.append(nn.Linear(features, units))
            self.head.extend(norm_and_activation(head_norm, activation, units, norm_last, flat=True))
            self.head.extend(dropout_layers(head_dropout))
            features = units
        self.output = nn.Linear(features, num_classes)
        init_weights(self, init)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the input of the output layer."""
        return self.head(self.pool(self.blocks(images.expand(-1, self.in_channels, -1, -1))))


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Returns the height or width of the maps of a convolution or pooling."""
    return (size + 2 * padding - kernel) // stride + 1


def norm_and_activation(norm: str, name: str, width: int, norm_last: bool, flat: bool = False) -> list[nn.Module]:
    """Returns the layers after a convolution or, if `flat`, a dense layer; name: of the activation."""
    key = checked_choice("model.activation", name.replace("_", "").lower(), ACTIVATIONS)
    layers = [make_norm(norm, width, flat), ACTIVATIONS[key]()]
    if norm_last:
        layers.reverse()
    return [layer for layer in layers if not isinstance(layer, nn.Identity)]


def make_norm(norm: str, width: int, flat: bool = False) -> nn.Module:
    """Returns a layer that normalises (B, width) if `flat`, else (B, width, H, W)."""
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


def dropout_layers(rate: float, channels: bool = False) -> list[nn.Module]:
    """Returns a list with the dropout layer, of whole channels if `channels`; [] for a rate of 0."""
    check_share("model.dropout", rate)
    if not rate:
        return []
    return [nn.Dropout2d(rate)] if channels else [nn.Dropout(rate)]


def init_weights(network: nn.Module, init: str) -> None:
    """Initialises convolutions and dense layers with a method of INITS; "default" leaves them unchanged."""
    draw = INITS[checked_choice("model.init", init, INITS)]
    if draw is None:
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
