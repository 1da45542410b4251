"""Measures accuracy on corrupted images, and agreement between a face and its mirror image."""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from fer import augment
from fer.augment.erasing import rectangle_masks
from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.evaluation.tta import predict
from fer.plots import face_sheet

SEED = 0
GREY = 128


class Corruption(NamedTuple):
    """`change(images, value)` takes and returns (N, 1, H, W) uint8; `meaning` puts a value into words."""

    change: Callable[[Tensor, float], Tensor]
    meaning: str
    values: tuple[float, ...]  # of strengths 1 to 5
    untouched: float = 0.0  # the value that leaves a picture as it is, or nearly


def curves(classifier: Classifier, split: Split, most: int | None = None) -> pd.DataFrame:
    """Accuracy in [0, 1] under each of CORRUPTIONS at five growing strengths, in the spirit of Hendrycks & Dietterich
    (2019, arXiv:1903.12261): columns corruption, strength (0: untouched), value, meaning (the value with its unit),
    accuracy.

    `most` takes that many images with the same class shares. What is random (noise, the side to turn to, the place of
    the square) is the same in every call, and of one image the same at every strength.
    """
    split = (split if most is None or most >= len(split) else subset(split, most)).to(torch.device("cpu"))
    plain = accuracy(classifier, split)
    rows = []
    for name, (change, meaning, values, untouched) in CORRUPTIONS.items():
        rows.append((name, 0, untouched, "untouched", plain))
        for strength, value in enumerate(values, 1):
            worse = Split(change(split.images, value), split.labels, split.ids)
            rows.append((name, strength, value, meaning.format(value), accuracy(classifier, worse)))
    return pd.DataFrame(rows, columns=["corruption", "strength", "value", "meaning", "accuracy"])


def sheet(split: Split, row: int = 0) -> Figure:
    """One face under each corruption at each strength, a line a corruption: what `curves` measures."""
    face = split.images[row : row + 1].cpu()
    faces, titles = [], []
    for name, (change, meaning, values, _) in CORRUPTIONS.items():
        faces += [face, *(change(face, value) for value in values)]
        titles += [name, *(meaning.format(value) for value in values)]
    return face_sheet(torch.cat(faces)[:, 0].numpy(), titles, columns=1 + len(values))


def flip_consistency(classifier: Classifier, split: Split) -> float:
    """The share of images that get the same class as their mirror image, in [0, 1]."""
    mirrored = Split(split.images.flip(-1), split.labels, split.ids)
    same = predict(classifier, split).argmax(1) == predict(classifier, mirrored).argmax(1)
    return same.double().mean().item()


def accuracy(classifier: Classifier, split: Split) -> float:
    return (predict(classifier, split).argmax(1) == split.labels.cpu()).double().mean().item()


def subset(split: Split, most: int) -> Split:
    """`most` images with the same class shares, drawn by a fixed seed, in their old order."""
    shuffled = np.random.default_rng(SEED).permutation(len(split))
    labels = pd.Series(split.labels.cpu().numpy()[shuffled])
    each = labels.groupby(labels)
    turn = (each.cumcount() + 0.5) / each.transform("size")  # each class is spread evenly over [0, 1)
    rows = np.sort(shuffled[np.argsort(turn.to_numpy(), kind="stable")[:most]])
    taken = torch.from_numpy(rows).to(split.images.device)
    return Split(split.images[taken], split.labels[taken], split.ids[rows])


def blur(images: Tensor, deviation: float) -> Tensor:
    """Gaussian, its standard deviation in pixels."""
    kernel = augment.Blur(sigma=(deviation, deviation))
    return as_bytes(kernel.transform(as_floats(images), torch.full((len(images),), deviation)))


def noise(images: Tensor, deviation: float) -> Tensor:
    """Gaussian, its standard deviation in percent of the range from black to white."""
    drawn = torch.randn(images.shape, generator=generator())
    return as_bytes(as_floats(images) + deviation / 100 * drawn)


def rotation(images: Tensor, degrees: float) -> Tensor:
    """About the centre, each image to a side of its own; the border's pixels go on outside."""
    side = torch.randint(0, 2, (len(images),), generator=generator()) * 2.0 - 1
    still, whole = torch.zeros(len(images)), torch.ones(len(images))
    turn = augment.Affine(padding="border")
    return as_bytes(turn.transform(as_floats(images), degrees * side, still, still, whole, still))


def darkness(images: Tensor, percent: float) -> Tensor:
    """Takes away `percent` of the light."""
    return as_bytes(as_floats(images) * (1 - percent / 100))


def jpeg(images: Tensor, quality: float) -> Tensor:
    """Through JPEG at Pillow's quality, 1 to 95."""
    return torch.stack([torch.from_numpy(through_jpeg(image, int(quality))) for image in images[:, 0].numpy()])[:, None]


def occlusion(images: Tensor, side: float) -> Tensor:
    """A grey square of `side` pixels, anywhere inside the image."""
    height, width = images.shape[-2:]
    down, right = torch.rand(2, len(images), generator=generator())
    top, left = (down * (height - side + 1)).floor(), (right * (width - side + 1)).floor()
    size = torch.full((len(images),), side)
    return images.masked_fill(rectangle_masks(images, top, left, size, size), GREY)


CORRUPTIONS = {
    "Gaussian blur": Corruption(blur, "sd {:g} px", (0.5, 1.0, 1.5, 2.0, 3.0)),
    "Gaussian noise": Corruption(noise, "sd {:g} %", (2, 5, 10, 15, 20)),
    "rotation": Corruption(rotation, "{:g}°", (5, 10, 20, 30, 45)),
    "darkness": Corruption(darkness, "{:g} % less light", (20, 40, 60, 80, 90)),
    "JPEG": Corruption(jpeg, "quality {:g}", (50, 30, 15, 8, 4), untouched=100),
    "occlusion": Corruption(occlusion, "{:g} px square", (8, 12, 16, 20, 24)),
}


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """(H, W) uint8, compressed and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def as_floats(images: Tensor) -> Tensor:
    return images / 255


def as_bytes(images: Tensor) -> Tensor:
    """[0, 1] to uint8, as a camera would store it."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
