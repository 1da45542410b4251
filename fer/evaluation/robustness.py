"""Measures accuracy on corrupted images, and agreement between a face and its mirror image."""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from fer import augment
from fer.augment.erasing import rectangle_masks
from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.evaluation.tta import predict

SEED = 0
GREY = 128
"""Grey level of the square that hides a part of a face."""


class Corruption(NamedTuple):
    """apply: `apply(images, value)` takes and returns (N, 1, H, W) uint8. meaning: format of a value in words.

    values: of strengths 1 to 5. identity: the value that leaves an image unchanged, or nearly.
    """

    apply: Callable[[Tensor, float], Tensor]
    meaning: str
    values: tuple[float, float, float, float, float]
    identity: float = 0.0


def accuracy_curves(classifier: Classifier, split: Split, max_images: int | None = None) -> pd.DataFrame:
    """Returns the accuracy under each of CORRUPTIONS at five growing strengths.

    Columns: corruption, strength (0: uncorrupted), value, meaning (the value with its unit), accuracy in [0, 1]. The
    measurement follows Hendrycks & Dietterich (2019, arXiv:1903.12261). Random parts (noise, direction of the rotation,
    position of the square) are the same in every call, and for one image the same at every strength.

    max_images: measures on a `subset` of at most that many images.
    """
    if max_images is not None and max_images < len(split):
        split = subset(split, max_images)
    split = split.to(torch.device("cpu"))
    uncorrupted = accuracy(classifier, split)
    rows = []
    for name, corruption in CORRUPTIONS.items():
        rows.append((name, 0, corruption.identity, "untouched", uncorrupted))
        for strength, value in enumerate(corruption.values, 1):
            corrupted = Split(corruption.apply(split.images, value), split.labels, split.ids)
            rows.append((name, strength, value, corruption.meaning.format(value), accuracy(classifier, corrupted)))
    return pd.DataFrame(rows, columns=["corruption", "strength", "value", "meaning", "accuracy"])


def flip_consistency(classifier: Classifier, split: Split) -> float:
    """Returns the share of images that get the same class as their mirror image, in [0, 1]."""
    mirrored = Split(split.images.flip(-1), split.labels, split.ids)
    same = predict(classifier, split).argmax(1) == predict(classifier, mirrored).argmax(1)
    return same.double().mean().item()


def accuracy(classifier: Classifier, split: Split) -> float:
    return (predict(classifier, split).argmax(1) == split.labels.cpu()).double().mean().item()


def subset(split: Split, size: int) -> Split:
    """Returns `size` random images with the same class shares, in their original order; the seed is fixed."""
    shuffled = np.random.default_rng(SEED).permutation(len(split))
    labels = pd.Series(split.labels.cpu().numpy()[shuffled])
    groups = labels.groupby(labels)
    position = (groups.cumcount() + 0.5) / groups.transform("size")  # spreads each class evenly over [0, 1)
    rows = np.sort(shuffled[np.argsort(position.to_numpy(), kind="stable")[:size]])
    index = torch.from_numpy(rows).to(split.images.device)
    return Split(split.images[index], split.labels[index], split.ids[rows])


def blur(images: Tensor, deviation: float) -> Tensor:
    """Gaussian blur; deviation: the standard deviation in pixels."""
    kernel = augment.Blur(sigma=(deviation, deviation))
    return as_bytes(kernel.transform(as_floats(images), torch.full((len(images),), deviation)))


def noise(images: Tensor, deviation: float) -> Tensor:
    """Gaussian noise; deviation: the standard deviation in percent of the range from black to white."""
    drawn = torch.randn(images.shape, generator=generator())
    return as_bytes(as_floats(images) + deviation / 100 * drawn)


def rotation(images: Tensor, degrees: float) -> Tensor:
    """Rotation about the centre in a random direction for each image; pixels of the border continue outside."""
    sign = torch.randint(0, 2, (len(images),), generator=generator()) * 2.0 - 1
    zeros, ones = torch.zeros(len(images)), torch.ones(len(images))
    affine = augment.Affine(padding="border")
    return as_bytes(affine.transform(as_floats(images), degrees * sign, zeros, zeros, ones, zeros))


def darkness(images: Tensor, percent: float) -> Tensor:
    """Removes `percent` of the light."""
    return as_bytes(as_floats(images) * (1 - percent / 100))


def jpeg(images: Tensor, quality: float) -> Tensor:
    """JPEG compression; quality: Pillow's, 1 to 95."""
    compressed = [torch.from_numpy(jpeg_image(image, int(quality))) for image in images[:, 0].numpy()]
    return torch.stack(compressed)[:, None]


def occlusion(images: Tensor, side: float) -> Tensor:
    """A grey square of `side` × `side` pixels at a random position inside the image."""
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
    "JPEG": Corruption(jpeg, "quality {:g}", (50, 30, 15, 8, 4), identity=100),
    "occlusion": Corruption(occlusion, "{:g} px square", (8, 12, 16, 20, 24)),
}


def jpeg_image(image: np.ndarray, quality: int) -> np.ndarray:
    """Returns (H, W) uint8, compressed and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def as_floats(images: Tensor) -> Tensor:
    """Converts uint8 to [0, 1]."""
    return images / 255


def as_bytes(images: Tensor) -> Tensor:
    """Converts [0, 1] to uint8, as a camera would store it."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
