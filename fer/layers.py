"""Finds the layers of any network: the output layer, the backbone before it, and what `model.freeze` names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from fer.errors import UserError

BACKBONE = "backbone"
"""Value of `model.freeze` that stands for everything before the output layer."""


def weighted(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Returns names and modules of the layers with weight matrices, such as convolutions, in order of definition."""
    return [
        (name, module)
        for name, module in network.named_modules()
        if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))
    ]


def output_layer(network: nn.Module) -> nn.Module:
    """Returns the layer that computes the logits: the last linear layer or, without one, the last weighted layer.

    Raises UserError for a network without weights.
    """
    layers = [module for _, module in weighted(network)]
    if not layers:
        raise UserError("model: a network without weights has no output layer")
    return next((layer for layer in reversed(layers) if isinstance(layer, nn.Linear)), layers[-1])


def backbone(network: nn.Module) -> nn.ModuleList:
    """Returns all layers but the output layer, as Lightning's BackboneFinetuning expects in `module.backbone`."""
    output = output_layer(network)
    return nn.ModuleList(module for module in network.modules() if module is not output and not list(module.children()))


def depths(network: nn.Module) -> dict[str, int]:
    """Returns the layer number of every parameter, by name; 0 is the first weighted layer.

    A layer's biases, and the norms behind it, have its number. The output layer has the highest number wherever the
    network defines it.
    """
    output = output_layer(network)
    numbers, number = {}, -1
    for module_name, module in network.named_modules():
        own = list(module.named_parameters(prefix=module_name, recurse=False))
        if module is output:
            numbers |= {name: -1 for name, _ in own}
            continue
        number += any(parameter.ndim > 1 for _, parameter in own)
        numbers |= {name: max(number, 0) for name, _ in own}
    top = number + 1
    return {name: top if depth < 0 else depth for name, depth in numbers.items()}


def freeze(network: nn.Module, what: str | int | Sequence[str]) -> None:
    """Makes parameters constant, and BatchNorm layers whose parameters are all frozen keep their statistics.

    what: "backbone", all but the output layer; a count of layers from the first; or names of modules, `*` stands for
    anything. Raises UserError for a name that no module has, and where no parameter is left to train.
    """
    for parameter in parameters_of(network, what):
        parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in network.parameters()):
        last = max(depths(network).values())
        raise UserError(
            f"model.freeze={what}: nothing is left to train; {BACKBONE}, or {last}, leaves the output layer"
        )
    keep_frozen_statistics(network)


def parameters_of(network: nn.Module, what: str | int | Sequence[str]) -> list[nn.Parameter]:
    """Returns the parameters that a value of `freeze` names."""
    if what == BACKBONE:
        kept = {id(parameter) for parameter in output_layer(network).parameters()}
        return [parameter for parameter in network.parameters() if id(parameter) not in kept]
    if isinstance(what, int) and not isinstance(what, bool):
        if what < 0:
            raise UserError(f"model.freeze={what}: expected a count of layers from the first, {BACKBONE}, or names")
        numbers = depths(network)
        return [parameter for name, parameter in network.named_parameters() if numbers[name] < what]
    patterns = [what] if isinstance(what, str | bool) else what
    return [parameter for pattern in patterns for parameter in below(network, str(pattern))]


def below(network: nn.Module, pattern: str) -> list[nn.Parameter]:
    """Returns the parameters of the modules whose name matches, and of all modules inside them."""
    modules = [module for name, module in network.named_modules() if name and fnmatchcase(name, pattern)]
    if not modules:
        names = ", ".join(name for name, _ in network.named_children())
        raise UserError(
            f"model.freeze={pattern}: no such module; expected {BACKBONE}, a count of layers, or of: {names}"
        )
    return [parameter for module in modules for parameter in module.parameters()]


def keep_frozen_statistics(network: nn.Module) -> None:
    """Puts norms whose parameters are all frozen into evaluation mode, so that their statistics stay too."""
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, _NormBase) and own and not any(parameter.requires_grad for parameter in own):
            module.eval()
