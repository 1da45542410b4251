"""Explains predictions with Grad-CAM and integrated gradients, for a few faces of each class.

Both explain the logit of the predicted class, by captum: pip install 'fer-lightning[explain]'.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from fer.augment import Blur
from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.tta import evaluating
from fer.models.attention import CBAM, Masking
from fer.plots.explain import Explained, heat_sheet

SURE, WRONG = 3, 2  # faces of each class: surely recognised, surely mistaken
STEPS = 32
SMOOTHING = 1.0  # standard deviation in pixels of what is shown of integrated gradients
GATES = (SqueezeExcitation, CBAM, Masking)  # they scale a map; their own convolutions make none to explain
PASSED = ("Norm", "Norm2d", "Identity", "Dropout", "Dropout2d", "SqueezeExcitation", "StochasticDepth")
"""Ends of the names of layers between a convolution and its activation."""
AT_ONCE = 8  # images explained together; integrated gradients take STEPS times as many through the network


class Map(NamedTuple):
    """A feature map inside a network; `name` as in `classifier.model.named_modules()`."""

    name: str
    layer: nn.Module
    height: int
    width: int


def sheets(classifier: Classifier, split: Split, logits: Tensor) -> dict[str, Figure]:
    """{"gradcam": …, "integrated_gradients": …}: a line a class, faces beside their heat; logits: (N, C) of `split`.

    Raises UserError where captum is missing, or for a network without a map.
    """
    labels, predicted = split.labels.cpu(), logits.argmax(1)
    chosen = [examples(logits, labels, index) for index in range(len(classifier.classes))]
    rows = torch.cat(chosen)
    images = split.images[rows.to(split.images.device)]
    last = last_map(classifier, images[:1])
    heats = {
        "gradcam": gradcam(classifier, images, predicted[rows], last),
        "integrated_gradients": readable(integrated_gradients(classifier, images, predicted[rows])),
    }
    titles = {
        "gradcam": "Grad-CAM (Selvaraju et al. 2017), position by position (Draelos & Carin 2020): red speaks for the "
        f"predicted class\nin the last map, {last.height}×{last.width} positions, behind {last.name}",
        "integrated_gradients": "Integrated gradients (Sundararajan et al. 2017) from even grey, smoothed:\n"
        "red speaks for the predicted class, blue against it",
    }
    names = classifier.classes
    guesses = [names[index] for index in predicted[rows]]
    shares = logits.softmax(1)[rows, predicted[rows]].tolist()
    figures = {}
    for name, heat in heats.items():
        cells = map(Explained, images[:, 0].cpu().numpy(), heat.numpy(), guesses, shares)
        lines = {own: list(islice(cells, len(mine))) for own, mine in zip(names, chosen, strict=True)}
        figures[name] = heat_sheet(lines, titles[name], columns=SURE + WRONG)
    return figures


def examples(logits: Tensor, labels: Tensor, index: int) -> Tensor:
    """Rows of class `index`: up to SURE recognised and up to WRONG mistaken, those of the highest probability."""
    probabilities, predicted = logits.softmax(1).max(1)
    order = probabilities.argsort(descending=True, stable=True)
    mine = order[labels[order] == index]
    right = predicted[mine] == index
    return torch.cat([mine[right][:SURE], mine[~right][:WRONG]])


def gradcam(classifier: Classifier, images: Tensor, targets: Tensor, last: Map | None = None) -> Tensor:
    """(N, H, W) in [0, 1], 1 at each image's highest: where the last map speaks for the class in `targets` (N,).

    images: (N, 1, H, W) uint8. The channels of the map times their gradients, summed, what is negative cut off.
    Gradients count position by position (HiResCAM, Draelos & Carin 2020, arXiv:2011.08891), which is the same as
    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) where the head averages the map, as Grad-CAM supposes. Our
    dense heads do not: with gradients averaged over the map, greying the hottest tenth of a face costs the predicted
    class 14 points of probability, no more than a random tenth; with gradients as they are, 27 (experiment=two_convs,
    250 faces of PublicTest).
    """
    layer = (last or last_map(classifier, images[:1])).layer
    method, heats = captum_attr().LayerGradientXActivation(classifier, layer), []
    with evaluating(classifier):
        for pixels, target in batches(classifier, images, targets):
            heats.append(method.attribute(pixels, target).detach().sum(1, keepdim=True).relu())
    heat = F.interpolate(torch.cat(heats).float().cpu(), size=images.shape[-2:], mode="bilinear")[:, 0]
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)


def integrated_gradients(classifier: Classifier, images: Tensor, targets: Tensor, steps: int = STEPS) -> Tensor:
    """(N, H, W), signed: what each pixel adds to the logit of the class in `targets`, compared with an image of even
    grey, the mean of `images`; the sum is the difference between the two logits, but for the error of `steps` steps.

    images: (N, 1, H, W) uint8. Sundararajan et al. 2017, arXiv:1703.01365.
    """
    method, grey = captum_attr().IntegratedGradients(classifier), images.float().mean().item() / 255
    with evaluating(classifier):
        parts = [
            method.attribute(pixels, grey, target, n_steps=steps, internal_batch_size=8 * AT_ONCE).detach()
            for pixels, target in batches(classifier, images, targets)
        ]
    return torch.cat(parts)[:, 0].float().cpu()


def readable(gradients: Tensor) -> Tensor:
    """(N, H, W) in [-1, 1]: summed over neighbours, for gradients of pixels flicker, and 1 at the 99th percentile."""
    smooth = Blur(sigma=(SMOOTHING, SMOOTHING)).transform(gradients[:, None], torch.full((len(gradients),), SMOOTHING))
    scale = smooth.abs().flatten(1).quantile(0.99, dim=1).clamp(min=1e-12)
    return (smooth[:, 0] / scale[:, None, None]).clamp(-1, 1)


def batches(classifier: Classifier, images: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels in [0, 1] that take gradients, and targets, on the classifier's device."""
    floats = (part.to(classifier.device).float().div(255).requires_grad_() for part in images.split(AT_ONCE))
    return zip(floats, targets.to(classifier.device).split(AT_ONCE), strict=True)


def last_map(classifier: Classifier, images: Tensor) -> Map:
    """The map of the last convolution that a forward pass of `images` reaches and that has more than one position,
    taken after the norm and activation that follow directly. Raises UserError for a network without."""
    found: Map | None = None
    following = False

    def look(name: str, layer: nn.Module, output: Tensor) -> None:
        nonlocal found, following
        convolution = isinstance(layer, nn.Conv2d)
        size = output.shape[-2:] if isinstance(output, Tensor) and output.ndim == 4 else torch.Size([1])
        follows = following and not convolution and size == (found.height, found.width)
        if follows or (convolution and size.numel() > 1):
            found = Map(name, layer, *size)
        following = size.numel() > 1 if convolution else follows and type(layer).__name__.endswith(PASSED)

    hooks = [
        layer.register_forward_hook(lambda layer, _, output, name=name: look(name, layer, output))
        for name, layer in layers(classifier.model)
    ]
    try:
        with evaluating(classifier), torch.no_grad():
            classifier(images.to(classifier.device))
    finally:
        for hook in hooks:
            hook.remove()
    if found is None:
        raise UserError(f"{type(classifier.model).__name__} has no convolution with a map to explain by Grad-CAM")
    return found


def layers(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules without children, by name; a gate counts as one."""
    if isinstance(network, GATES) or not any(network.children()):
        yield name, network
        return
    for key, child in network.named_children():
        yield from layers(child, f"{name}.{key}".lstrip("."))


def captum_attr():
    """captum.attr, or a UserError that says how to get it."""
    try:
        import captum.attr
    except ModuleNotFoundError:
        raise UserError("explanations need captum: pip install 'fer-lightning[explain]'") from None
    return captum.attr
