"""Explains predictions with Grad-CAM and integrated gradients, for a few faces of each class.

Both explain the logit of the predicted class. They need captum: pip install 'fer-lightning[explain]'.
"""

from collections.abc import Iterator
from types import ModuleType

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from fer.augment import Blur
from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.feature_map import FeatureMap, last_feature_map
from fer.evaluation.tta import evaluation_mode
from fer.plots.explain import Explained, heat_sheet

CORRECT, WRONG = 3, 2
"""Faces of each class: confidently recognised, and confidently mistaken."""
STEPS = 32
SMOOTHING = 1.0
"""Standard deviation in pixels of the blur of integrated gradients in figures."""
BATCH_SIZE = 8
"""Images explained together; integrated gradients pass STEPS times as many through the network."""


def heat_figures(classifier: Classifier, split: Split, logits: Tensor) -> dict[str, Figure]:
    """Returns figures named gradcam and integrated_gradients: a line for each class, faces beside their heat maps.

    logits: (N, C) of `split`. Raises UserError if captum is missing, and for a network without a feature map.
    """
    labels, predicted, names = split.labels.cpu(), logits.argmax(1), classifier.classes
    rows_by_class = [example_rows(logits, labels, index) for index in range(len(names))]
    rows = torch.cat(rows_by_class)
    images = split.images[rows.to(split.images.device)]
    feature_map = last_feature_map(classifier, images[:1])
    gradients = integrated_gradients(classifier, images, predicted[rows])
    heats = {
        "gradcam": gradcam(classifier, images, predicted[rows], feature_map),
        "integrated_gradients": smoothed(gradients),
    }
    titles = {
        "gradcam": "Grad-CAM (Selvaraju et al. 2017), position by position (Draelos & Carin 2020): red speaks for the "
        f"predicted class\nin the last map, {feature_map.height}×{feature_map.width} positions, behind "
        f"{feature_map.name}",
        "integrated_gradients": "Integrated gradients (Sundararajan et al. 2017) from even grey, smoothed:\n"
        "red speaks for the predicted class, blue against it",
    }
    predictions = [names[index] for index in predicted[rows]]
    probabilities = logits.softmax(1)[rows, predicted[rows]].tolist()
    figures = {}
    for name, heat in heats.items():
        cells = map(Explained, images[:, 0].cpu().numpy(), heat.numpy(), predictions, probabilities)
        lines = {label: [next(cells) for _ in own] for label, own in zip(names, rows_by_class, strict=True)}
        figures[name] = heat_sheet(lines, titles[name], columns=CORRECT + WRONG)
    return figures


def example_rows(logits: Tensor, labels: Tensor, index: int) -> Tensor:
    """Returns rows of class `index`: up to CORRECT recognised and up to WRONG mistaken ones, most confident first."""
    probabilities, predicted = logits.softmax(1).max(1)
    order = probabilities.argsort(descending=True, stable=True)
    of_class = order[labels[order] == index]
    correct = predicted[of_class] == index
    return torch.cat([of_class[correct][:CORRECT], of_class[~correct][:WRONG]])


def gradcam(classifier: Classifier, images: Tensor, targets: Tensor, feature_map: FeatureMap | None = None) -> Tensor:
    """Returns (N, H, W) in [0, 1]: how much each position of a feature map speaks for the class in `targets`.

    The map's channels are multiplied by their gradients and summed; negative sums become 0, and each image is scaled to
    a maximum of 1. Gradients count position by position (HiResCAM, Draelos & Carin 2020, arXiv:2011.08891). That equals
    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) if the head averages the map, which Grad-CAM assumes. Our dense
    heads do not: if the hottest tenth of a face is greyed, the predicted class loses 14 points of probability with
    gradients averaged over the map, no more than for a random tenth, and 27 points with gradients as they are
    (experiment=two_convs, 250 faces of PublicTest).

    images: (N, 1, H, W) uint8. targets: (N,) int64. feature_map: by default the last one of the network.
    """
    feature_map = feature_map or last_feature_map(classifier, images[:1])
    method, heats = captum_attr().LayerGradientXActivation(classifier, feature_map.layer), []
    with evaluation_mode(classifier):
        for pixels, target in batches(classifier, images, targets):
            heats.append(method.attribute(pixels, target).detach().sum(1, keepdim=True).relu())
    heat = F.interpolate(torch.cat(heats).float().cpu(), size=images.shape[-2:], mode="bilinear")[:, 0]
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)


def integrated_gradients(classifier: Classifier, images: Tensor, targets: Tensor, steps: int = STEPS) -> Tensor:
    """Returns (N, H, W): the contribution of each pixel to the logit of the class in `targets`, positive or negative.

    Contributions are relative to an image of even grey, the mean of `images` (Sundararajan et al. 2017,
    arXiv:1703.01365). Their sum is the difference between the two logits, up to the error of `steps` integration steps.

    images: (N, 1, H, W) uint8. targets: (N,) int64.
    """
    method, grey = captum_attr().IntegratedGradients(classifier), images.float().mean().item() / 255
    with evaluation_mode(classifier):
        parts = [
            method.attribute(pixels, grey, target, n_steps=steps, internal_batch_size=8 * BATCH_SIZE).detach()
            for pixels, target in batches(classifier, images, targets)
        ]
    return torch.cat(parts)[:, 0].float().cpu()


def smoothed(gradients: Tensor) -> Tensor:
    """Returns (N, H, W) gradients in [-1, 1], blurred because they flicker, and 1 at each image's 99th percentile."""
    blur = Blur(sigma=(SMOOTHING, SMOOTHING))
    smooth = blur.transform(gradients[:, None], torch.full((len(gradients),), SMOOTHING))
    scale = smooth.abs().flatten(1).quantile(0.99, dim=1).clamp(min=1e-12)
    return (smooth[:, 0] / scale[:, None, None]).clamp(-1, 1)


def batches(classifier: Classifier, images: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields pixels in [0, 1] that require gradients, and targets, on the classifier's device."""
    for pixels, target in zip(images.split(BATCH_SIZE), targets.split(BATCH_SIZE), strict=True):
        floats = pixels.to(classifier.device).float().div(255).requires_grad_()
        yield floats, target.to(classifier.device)


def captum_attr() -> ModuleType:
    """Returns the module captum.attr. Raises UserError with the command that installs it."""
    try:
        import captum.attr
    except ModuleNotFoundError:
        raise UserError("explanations need captum: pip install 'fer-lightning[explain]'") from None
    return captum.attr
