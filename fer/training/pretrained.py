"""Weights of networks of timm and torchvision that were trained on other data, from a hub or a file."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

from fer.errors import UserError, first_line
from fer.log_levels import log_level
from fer.models.backbone import IMAGE_SIZE, SHORT_NAMES

TARGET = "fer.models.backbone.Backbone"
PREFIX = "network."
"""What Backbone puts before the names of the network's parameters."""

DOWNLOADERS = ("timm", "huggingface_hub")
"""Loggers that report every attempt to download."""

SECONDS = 10
"""After which huggingface.co counts as out of reach."""

State = dict[str, Tensor]


def pretrained_state(node: Mapping[str, Any], num_classes: int) -> State:
    """Returns the weights for the network of a `model` node with `pretrained`, by their names in a Backbone.

    `node["pretrained"]` is True for the library's own weights, downloaded at the first use, or the path of a file:
    .safetensors, .pth or .pt. For grey pictures timm sums the first layer's kernels over the colours. Raises UserError
    for other networks, for files that cannot be read, and where nothing can be downloaded.
    """
    if node.get("_target_") != TARGET:
        raise UserError("model.pretrained is for networks of timm and torchvision; init_from=RUN starts from a run")
    file = None if node["pretrained"] is True else Path(str(node["pretrained"])).expanduser()
    if file is not None and not file.is_file():
        raise UserError(f"model.pretrained={file}: no such file; give a file of weights, or true to download them")
    read = {"timm": timm_state, "torchvision": torchvision_state}[node.get("library") or "torchvision"]
    state = read(node, num_classes, file)
    return {f"{PREFIX}{name}": tensor for name, tensor in state.items()}


def timm_state(node: Mapping[str, Any], num_classes: int, file: Path | None) -> State:
    """Returns timm's weights for the network, adapted by timm to one channel, without those of the last layer."""
    import timm

    name, options = SHORT_NAMES.get(node["name"], (node["name"], {}))
    known = ("_target_", "library", "name", "resize", "pretrained", "freeze", "head_dropout")
    options = options | {key: value for key, value in node.items() if key not in known and value is not None}
    if timm.get_pretrained_cfg_value(name, "fixed_input_size"):
        options = {"img_size": node.get("resize") or IMAGE_SIZE, **options}
    overlay = {"file": str(file)} if file else None
    try:
        with log_level(logging.CRITICAL, *DOWNLOADERS), nullcontext() if file else one_attempt():
            network = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=num_classes, in_chans=1, **options
            )
    except Exception as error:
        if file:
            raise UserError(f"model.pretrained={file}: not weights of {name} ({first_line(error)})") from error
        place = timm.get_pretrained_cfg_value(name, "hf_hub_id") or "its page of timm"
        raise UserError(
            f"model.pretrained=true: the weights of {name} cannot be downloaded ({first_line(error)}); get "
            f"model.safetensors of {place} from huggingface.co and type model.pretrained=PATH/model.safetensors"
        ) from error
    settings: Any = network.pretrained_cfg
    head = settings.get("classifier")
    state = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(f"{head}.")}
    if file and not state.keys() & timm.models.load_state_dict(str(file), weights_only=True).keys():
        raise UserError(f"model.pretrained={file}: not weights of {name} (no name in it is one of the network's)")
    return state


@contextmanager
def one_attempt() -> Iterator[None]:
    """Lets huggingface_hub read its cache alone where it cannot be reached; it would try for a minute."""
    from huggingface_hub import constants, utils

    before = constants.HF_HUB_OFFLINE
    try:
        if not before:
            utils.get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # whichever the client of this version raises
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def torchvision_state(node: Mapping[str, Any], num_classes: int, file: Path | None) -> State:
    """Returns torchvision's weights for the network; the last layer keeps its 1000 classes."""
    if file:
        return file_state(file)
    name = node["name"]
    weights = torchvision.models.get_model_weights(name)["DEFAULT"]
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True))
    except Exception as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise UserError(
            f"model.pretrained=true: the weights of {name} cannot be downloaded ({first_line(error)}); put "
            f"{Path(weights.url).name} from {weights.url} into {cache}, or type model.pretrained=PATH"
        ) from error


def file_state(path: Path) -> State:
    """Returns the tensors in a .safetensors, .pth or .pt file. Only tensors and plain containers are unpickled."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"model.pretrained={path}: cannot be read ({first_line(error)})") from error
    content = content.get("state_dict", content.get("model", content)) if isinstance(content, dict) else {}
    state = {name: tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    if not state:
        raise UserError(f"model.pretrained={path}: holds no weights; expected a state_dict")
    return state
