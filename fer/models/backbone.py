"""Any classification network of torchvision or timm, by name, untrained."""

import difflib

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

DROPOUT = {"torchvision": "dropout", "timm": "drop_rate"}  # what each library calls head_dropout
ONE_OUTPUT = {"aux_logits": False, "init_weights": True}  # no auxiliary logits; no warning about the initial weights
DEFAULTS = {"googlenet": ONE_OUTPUT, "inception_v3": ONE_OUTPUT}
SHORT = {
    "mobilenetv4": ("mobilenetv4_conv_small", {}),
    "vit_tiny": ("vit_tiny_patch16_224", {"patch_size": 8, "dynamic_img_size": True}),
}  # names of timm's families -> the member meant, and its options for small images
SIZE = 48  # pixels of a side, for networks that are built for one size
FORBIDDEN_OPTIONS = (
    "pretrained",
    "weights",
    "checkpoint",
    "cache_dir",
    "features_only",
    "aux_logits",
)  # parts of option names


class Backbone(nn.Module):
    """Network `name` of `library` with random weights: images (N, in_channels, H, W), float -> logits (N, classes).

    Nothing is loaded or downloaded: names are looked up in the library's own list, and options that name weights,
    files or other outputs are refused. `resize` first scales the images to resize × resize pixels, bilinearly, for
    networks that halve their input too often for 48 pixels or take one size only. torchvision's networks want three
    channels, so grey images go in three times; timm builds its first layer for in_channels.

    timm's networks for one size, such as vision transformers, are built for `resize`, or else 48 pixels, unless
    `img_size` says otherwise. "mobilenetv4" stands for timm's mobilenetv4_conv_small, "vit_tiny" for
    vit_tiny_patch16_224 with patches of 8×8 pixels.

    head_dropout: the library's own dropout before its last layer, None for the network's default.
    options: passed to the network, such as timm's `output_stride`, `drop_path_rate`, `img_size`; timm takes null for
    the network's default.
    Raises ValueError for an unknown name, library or option, ModuleNotFoundError where timm is missing.
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
            raise ValueError(f"model.{refused[0]} is not taken: networks start untrained and give logits alone")
        if head_dropout is not None:
            options[DROPOUT[library]] = head_dropout
        self.resize = resize
        self.channels = 3 if library == "torchvision" else in_channels
        if in_channels not in (1, self.channels):
            raise ValueError(f"model.in_channels is {in_channels}; torchvision's networks take 1 or 3")
        try:
            self.network = BUILDERS[library](name, num_classes, in_channels, options, resize or SIZE)
        except (TypeError, AssertionError, KeyError) as error:
            given = ", ".join(f"{key}={value}" for key, value in options.items())
            raise ValueError(f"model={name} of {library} cannot be built with {given}: {one_line(error)}") from error

    def forward(self, images: Tensor) -> Tensor:
        if self.resize is not None:
            images = F.interpolate(images, size=(self.resize, self.resize), mode="bilinear")
        return self.network(images.expand(-1, self.channels, -1, -1))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): the input of the last linear layer or convolution, averaged over positions."""
        inputs: list[Tensor] = []
        hook = record_input(last_layer(self.network), inputs)
        try:
            self(images)
        finally:
            hook.remove()
        return inputs[0].mean((2, 3)) if inputs[0].ndim == 4 else inputs[0]


def last_layer(network: nn.Module) -> nn.Module:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def record_input(layer: nn.Module, record: list[Tensor]) -> RemovableHandle:
    """Appends the first input of each call of `layer` to `record` until the handle is removed."""
    return layer.register_forward_pre_hook(lambda layer, inputs: record.append(inputs[0]))


def torchvision_network(name: str, num_classes: int, in_channels: int, options: dict, size: int) -> nn.Module:
    check_name(name, torchvision.models.list_models(module=torchvision.models), "torchvision")  # classifiers only
    options = DEFAULTS.get(name, {}) | options
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)


def timm_network(name: str, num_classes: int, in_channels: int, options: dict, size: int) -> nn.Module:
    try:
        import timm
    except ModuleNotFoundError as error:
        message = f"model.library=timm (model.name={name}) needs timm: pip install 'fer-lightning[timm]'"
        raise ModuleNotFoundError(message, name="timm") from error
    name, usual = SHORT.get(name, (name, {}))
    check_name(name, timm.list_models(), "timm")  # bare names: timm itself would also take hf-hub: and local-dir:
    if timm.get_pretrained_cfg_value(name, "fixed_input_size"):
        usual = {"img_size": size, **usual}
    options = usual | {key: value for key, value in options.items() if value is not None}
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
