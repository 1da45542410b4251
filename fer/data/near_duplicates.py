"""Finds near duplicates: copies that were moved, resized, mirrored, recompressed, brightened or watermarked.

1. `descriptors`: the low cosine frequencies of a window of each image, as perceptual hashes take them (Zauner 2010).
2. `candidates`: the middle window of each image against moved, larger, smaller and mirrored windows of all others.
   Only this step meets all pairs, as products of matrices; of FER2013's 640 million, 45 thousand go on.
3. `verify`: lays the one image over the other (`fer.data.alignment`) and correlates their fine structure. Alignment
   brings two copies of one photo together, but not two photos of one person: on FER2013 hardly any pair lies between.

Whether a pair is found depends on its two images alone.

How right it is, by eye, of the 8,130 pairs on FER2013 that differ in pixels (5,903 where images that occur several
times count once): 180 drawn at random are one photo each. Of the 64 least alike (0.900–0.916) three show one person at
another moment.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fer.data.alignment import agreement, align, fine, halved, tones
from fer.data.cache import cached_arrays
from fer.preprocess import SIZE

FREQUENCIES = 8
MIDDLE = 44  # side of the middle window, in pixels
WINDOWS = [  # (x, y, side) in pixels from the centre: between them they catch ±2 pixels and ±10 % of size
    *((x, y, MIDDLE) for x in (-1.2, 1.2) for y in (-1.2, 1.2)),
    *((0, 0, side) for side in (41, MIDDLE, 47)),
]
MIN_COSINE = 0.88  # least cosine between descriptors of a candidate
MIN_HALF_SIZE = 0.75  # least correlation of an aligned candidate at half size, before the dearer one at full size
MIN_SIMILARITY = 0.9  # least similarity of a pair: below it come other moments, and soon other people
MIN_OVERLAP = 0.7  # least share of an image that lies in the other
MIN_STRUCTURE = 2.0  # grey levels: images whose fine structure is no stronger resemble too many others
BLOCK, BATCH = 1024, 256  # images and pairs at a time, so that intermediate results stay in the processor's cache


class Pairs(NamedTuple):
    """P pairs: what image `first` shows at (x, y), `second` shows at zoom · (x, y) + move.

    Coordinates are pixels from the centre, to the right and downwards.
    """

    first: np.ndarray  # (P,) int64
    second: np.ndarray  # (P,) int64
    similarity: np.ndarray  # (P,) float32, 0.9–1
    zoom: np.ndarray  # (P, 2) float32: (z, z), or (-z, z) for a mirror image
    move: np.ndarray  # (P, 2) float32
    brighter: np.ndarray  # (P,) float32: grey levels by which the mean of `second` is higher
    contrast: np.ndarray  # (P,) float32: standard deviation of `second`, in those of `first`


def cached_near_pairs(images: np.ndarray) -> Pairs:
    """Returns `near_pairs(images)`, from the cache where these images were searched before."""
    return Pairs(**cached_arrays("near pairs", np.ascontiguousarray(images), lambda: near_pairs(images)._asdict()))


def near_pairs(images: np.ndarray) -> Pairs:
    """Returns the pairs of (N, 48, 48) uint8 images that show the same photo; images without structure are in none.

    The order of the images changes nothing but the numbers in `first` and `second`. The work grows with N²: for FER2013
    it takes one core half a minute. It uses as many threads as torch may.
    """
    order = sorted(range(len(images)), key=lambda row: images[row].tobytes())
    pixels = torch.from_numpy(images[order].reshape(-1, SIZE, SIZE))
    strength = [fine(block.float()).square().mean((1, 2)).sqrt() for block in pixels.split(BLOCK)]
    rows = (torch.cat(strength) > MIN_STRUCTURE).nonzero()[:, 0]
    pixels = pixels[rows]
    batches = zip(*(column.split(BATCH) for column in candidates(pixels)), strict=True)
    verified = in_threads(lambda batch: verify(pixels, *batch), batches)
    columns = [torch.cat(parts).numpy() for parts in zip(*verified, strict=True)]
    first, second, *rest = columns
    rows = np.array(order, dtype=np.int64)[rows.numpy()]
    return Pairs(rows[first], rows[second], *rest)


def candidates(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(N, 48, 48) -> first < second, the window of `second` that fits best, and whether it is mirrored; each (P,)."""
    middle = descriptors(pixels, 0, 0, MIDDLE)
    others = [descriptors(image, *window) for image in (pixels, pixels.flip(-1)) for window in WINDOWS]

    def similar_rows(start: int) -> Tensor:
        """(2, P): pairs of a row of one block with a row of it or a later one."""
        rows, pairs = middle[start : start + BLOCK], []
        for other in range(start, len(pixels), BLOCK):
            best = rows @ others[0][other : other + BLOCK].T
            for columns in others[1:]:
                torch.maximum(best, rows @ columns[other : other + BLOCK].T, out=best)
            pairs.append((best > MIN_COSINE).nonzero().T + torch.tensor([[start], [other]]))
        return torch.cat(pairs, 1)

    pairs = torch.cat(
        [torch.empty(2, 0, dtype=torch.int64), *in_threads(similar_rows, range(0, len(pixels), BLOCK))], 1
    )
    first, second = pairs[:, pairs[0] < pairs[1]]
    best = torch.stack([(middle[first] * columns[second]).sum(1) for columns in others]).argmax(0)
    return first, second, best % len(WINDOWS), best >= len(WINDOWS)


def in_threads(function: Callable, pieces: Iterable) -> list:
    """Returns `function(piece)` for each piece, in order, in as many threads as torch may use.

    Torch would run many threads for each small operation, which wait for each other, long on a busy machine.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, pieces))
    finally:
        torch.set_num_threads(threads)


def descriptors(pixels: Tensor, x: float, y: float, side: float) -> Tensor:
    """(N, 48, 48) -> (N, D) of length 1: low frequencies of a window without its mean, times the frequency.

    Amplitudes in photographs fall as 1/frequency; so all count alike.
    """
    down, right = cosines(y, side), cosines(x, side)
    waves = torch.cat([down @ block.float() @ right.T for block in pixels.split(BLOCK)])
    order = torch.arange(FREQUENCIES).float()
    frequency = torch.hypot(order[:, None], order)
    kept = (frequency > 0) & (frequency < FREQUENCIES - 0.5)
    return normalize((waves * frequency)[:, kept], eps=1e-6)


def cosines(centre: float, side: float) -> Tensor:
    """(8, 48): the first rows of a cosine transform over the window; pixels count as far as they lie in it."""
    start = (SIZE + 2 * centre - side) / 2
    inside = torch.arange(SIZE + 1).double().clamp(start, start + side).diff()
    phase = torch.pi * (torch.arange(SIZE) + 0.5 - start) / side
    return (torch.cos(torch.arange(FREQUENCIES)[:, None] * phase) * inside / side).float()


def verify(pixels: Tensor, first: Tensor, second: Tensor, window: Tensor, mirrored: Tensor) -> list[Tensor]:
    """Returns the columns of `Pairs` for the candidates that show the same photo."""
    a, b = pixels[first].float(), pixels[second].float()
    b = torch.where(mirrored[:, None, None], b.flip(-1), b)
    x, y, side = torch.tensor(WINDOWS)[window].T
    scale, shift, rough = align(halved(a), halved(b), side / MIDDLE, torch.stack([x, y], 1))
    kept = (rough > MIN_HALF_SIZE).nonzero()[:, 0]
    similarity, share = agreement(fine(a[kept]), fine(b[kept]), scale[kept], shift[kept])
    same = (similarity > MIN_SIMILARITY) & (share > MIN_OVERLAP)
    kept, similarity = kept[same], similarity[same]
    scale, shift = scale[kept], shift[kept]
    side = torch.stack([1 - 2 * mirrored[kept].float(), torch.ones(len(kept))], 1)
    brighter, contrast = tones(a[kept], b[kept], scale, shift)
    return [first[kept], second[kept], similarity, side * scale[:, None], side * shift, brighter, contrast]
