"""Networks of torchvision and timm by name, with random weights."""

import difflib

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

DROPOUT = {"torchvision": "dropout", "timm": "drop_rate"}
"""Name of head_dropout in each library."""
ONE_OUTPUT = {"aux_logits": False, "init_weights": True}
"""Switches off auxiliary logits, and a warning about the initial weights."""
DEFAULTS = {"googlenet": ONE_OUTPUT, "inception_v3": ONE_OUTPUT}
SHORT_NAMES = {
    "mobilenetv4": ("mobilenetv4_conv_small", {}),
    "vit_tiny": ("vit_tiny_patch16_224", {"patch_size": 8, "dynamic_img_size": True}),
}
"""Name of a family -> timm's name of one member, and its options for small images."""
IMAGE_SIZE = 48
"""Height and width in pixels for networks that are built for one size."""
FORBIDDEN_OPTIONS = ("pretrained", "weights", "checkpoint", "cache_dir", "features_only", "aux_logits")
"""Parts of the names of options that load something or change the output."""


class Backbone(nn.Module):
    """A classification network of torchvision or timm with random weights.

    Nothing is loaded or downloaded: names are looked up in the library's own list, and options that name weights,
    files or other outputs are refused.

    name: as the library lists it, or a key of SHORT_NAMES: "mobilenetv4" is timm's mobilenetv4_conv_small, "vit_tiny"
        is vit_tiny_patch16_224 with patches of 8×8 pixels.
    library: "torchvision" or "timm".
    in_channels: torchvision's networks have three input channels, so a grey image is repeated; timm builds its first
        layer for `in_channels`.
    resize: scales the images to resize × resize pixels first, bilinearly; for networks that downsample too often for 48
        pixels or accept one size only. timm's networks for one size, such as vision transformers, are built for
        `resize`, or else 48 pixels, unless `img_size` is given.
    head_dropout: the library's own dropout before the last layer; None for the network's default.
    options: passed to the network, such as timm's `output_stride`, `drop_path_rate` or `img_size`. For timm's networks
        None stands for the default.

    Input: (B, in_channels, H, W) float. Output: (B, num_classes) logits. Raises ValueError for an unknown name, library
    or option, and ModuleNotFoundError if timm is missing.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        *,
        library: str = "torchvision",
        in_channels: int = 1,
        resize: int | None = None,
        head_dropout: float | None = None,
        **options,
    ):
        super().__init__()
        if library not in BUILDERS:
            raise ValueError(f"model.library is {library!r}; choose one of {', '.join(BUILDERS)}")
        if refused := [key for key in options if any(part in key for part in FORBIDDEN_OPTIONS)]:
            raise ValueError(f"model.{refused[0]} is not taken; model.pretrained=true or PATH gives trained weights")
        if head_dropout is not None:
            options[DROPOUT[library]] = head_dropout
        self.resize = resize
        self.channels = 3 if library == "torchvision" else in_channels
        if in_channels not in (1, self.channels):
            raise ValueError(f"model.in_channels is {in_channels}; torchvision's networks take 1 or 3")
        try:
            self.network = BUILDERS[library](name, num_classes, in_channels, options, resize or IMAGE_SIZE)
        except (TypeError, AssertionError, KeyError, RuntimeError) as error:
            given = ", ".join(f"{key}={value}" for key, value in options.items() if value is not None) or "defaults"
            raise ValueError(f"model={name} of {library} cannot be built with {given}: {one_line(error)}") from error

    def forward(self, images: Tensor) -> Tensor:
        if self.resize is not None:
            images = F.interpolate(images, size=(self.resize, self.resize), mode="bilinear")
        return self.network(images.expand(-1, self.channels, -1, -1))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the input of the last linear layer or convolution, averaged over positions."""
        inputs: list[Tensor] = []
        hook = record_inputs(last_layer(self.network), inputs)
        try:
            self(images)
        finally:
            hook.remove()
        return inputs[0].mean((2, 3)) if inputs[0].ndim == 4 else inputs[0]


def last_layer(network: nn.Module) -> nn.Module:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def record_inputs(layer: nn.Module, record: list[Tensor]) -> RemovableHandle:
    """Appends the first input of each call of `layer` to `record` until the handle is removed."""
    return layer.register_forward_pre_hook(lambda layer, inputs: record.append(inputs[0]))


def torchvision_network(name: str, num_classes: int, in_channels: int, options: dict, size: int) -> nn.Module:
    check_name(name, torchvision.models.list_models(module=torchvision.models), "torchvision")  # classifiers
    options = DEFAULTS.get(name, {}) | options
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)


def timm_network(name: str, num_classes: int, in_channels: int, options: dict, size: int) -> nn.Module:
    try:
        import timm
    except ModuleNotFoundError as error:
        message = f"model.library=timm (model.name={name}) needs timm: pip install 'fer-lightning[timm]'"
        raise ModuleNotFoundError(message, name="timm") from error
    name, defaults = SHORT_NAMES.get(name, (name, {}))
    # After a dot stands which weights. timm itself would also accept the prefixes hf-hub: and local-dir:
    check_name(name.partition(".")[0], timm.list_models(), "timm")
    if timm.get_pretrained_cfg_value(name, "fixed_input_size"):
        defaults = {"img_size": size, **defaults}
    options = defaults | {key: value for key, value in options.items() if value is not None}
    return timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=in_channels, **options)


BUILDERS = {"torchvision": torchvision_network, "timm": timm_network}


def check_name(name: str, names: list[str], library: str) -> None:
    """Raises ValueError, naming the closest of `names`, unless `name` is one of them."""
    if name not in names:
        matches = difflib.get_close_matches(name, names, cutoff=0.4)
        close = ", ".join(matches) if matches else f"one of {library}.models.list_models()"
        raise ValueError(f"model.name is {name!r}, which {library} does not have as a classifier; try {close}")


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
