"""Seeded drawn faces, so that every command runs without a download.

They do not replace photographs, but the task is of the same kind: small movements of brows, lids and mouth distinguish
seven expressions, under varied people, poses, light and noise. Expressions are faint to strong, and they overlap: fear
and surprise, sadness and neutral, anger and disgust share action units, and networks confuse these pairs.
"""

from types import SimpleNamespace

import numpy as np

from fer.data.action_units import action_units, pull
from fer.data.emotions import EMOTIONS, USAGES
from fer.data.faces import SIZE, Faces
from fer.data.portrait import Portrait

FER2013_TRAINING = (3995, 436, 4097, 7215, 4830, 3171, 4965)  # images per class of FER2013's Training part
CHUNK = 64  # pictures drawn at once, from one random stream: 0.6 MB a layer stays in the processor's cache

# name: (low, high), or (share of people who have it, low, high, low without, high without)
RANGES: dict[str, tuple[float, ...]] = {
    # head and features, in units of half the picture
    **{"width": (0.74, 0.94), "top": (1.15, 1.35), "chin": (0.98, 1.12), "jaw": (0.05, 0.32)},
    **{"eye_x": (0.35, 0.43), "eye_y": (-0.24, -0.16), "eye_width": (0.16, 0.21), "eye_tilt": (-0.01, 0.03)},
    **{"lid_up": (0.085, 0.125), "lid_low": (0.04, 0.07), "iris_size": (0.075, 0.095), "lash": (0.016, 0.04)},
    **{"brow_in": (0.13, 0.2), "brow_out": (0.58, 0.7), "brow_above": (0.22, 0.3), "brow_arch": (0, 0.06)},
    **{"brow_thick": (0.02, 0.055), "nose": (0.14, 0.25), "mouth_below": (0.32, 0.38), "mouth_width": (0.27, 0.36)},
    **{"corner": (-0.03, 0.01), "lip_up": (0.035, 0.075), "lip_low": (0.05, 0.095), "crooked": (-0.03, 0.03)},
    # tones and signs of age
    **{"pale": (0.1, 1), "tan": (0, 0.62), "lip_tone": (0.4, 0.72), "iris": (0.1, 0.4), "brow_alpha": (0.55, 0.95)},
    **{"age": (0.3, 0.2, 1, 0, 0.2), "hair_tone": (0.75, 0.04, 0.25, 0.35, 0.8)},
    # hair, beard, glasses
    **{"haired": (0.93, 1, 1, 0, 0), "volume": (0.03, 0.2), "long": (0.45, 1, 1, 0, 0), "length": (0, 1)},
    **{"hairline": (0.2, -0.62, -0.48, -0.98, -0.68), "parting": (-0.3, 0.3), "curtain": (0, 1)},
    **{
        "ragged": (0.05, 0.25),
        "gloss": (0, 0.5),
        "beard": (0.18, 0.15, 0.8, 0, 0),
        "moustache": (0.15, 0.3, 0.9, 0, 0),
    },
    **{"glasses": (0.13, 0.7, 1, 0, 0), "rim": (0.012, 0.03), "rim_tone": (0.03, 0.35)},
    # where they sit and look; roll is the tangent of half the angle
    **{"roll": (-0.1, 0.1), "scale": (1.02, 1.25), "shift_x": (-0.08, 0.08), "shift_y": (-0.08, 0.06)},
    **{"yaw": (-0.2, 0.2), "pitch": (-0.08, 0.08), "gaze_x": (-0.06, 0.06), "gaze_y": (-0.02, 0.02)},
    # light, wall, clothes
    **{"light_x": (-0.6, 0.6), "light_y": (-0.55, 0.15), "light_z": (0.7, 0.95), "ambient": (0.25, 0.6)},
    **{"wall": (0.05, 0.95), "wall_x": (-0.2, 0.2), "wall_y": (-0.2, 0.2), "wall_clouds": (0.4, 0.2, 0.8, 0, 0)},
    **{"cloth": (0.05, 0.9)},
    # what hides a part of the face
    **{"bar": (0.02, 1, 1, 0, 0), "bar_tone": (0.7, 0.02, 0.02, 0.97, 0.97), "bar_x": (-0.8, 0.8)},
    **{"bar_y": (-0.5, 0.8), "bar_width": (0.2, 0.8), "bar_height": (0.1, 0.25), "scarf": (0.02, 1, 1, 0, 0)},
    **{"scarf_y": (0.35, 0.8), "strand": (0.03, 0.9, 0.9, 0, 0), "strand_x": (-0.5, 0.5)},
    **{"hand": (0.04, 1, 1, 0, 0), "hand_side": (0.5, 1, 1, -1, -1), "hand_x": (0.25, 0.7), "hand_y": (0.45, 0.8)},
    # camera; grain is the amplitude of the noise in grey levels
    **{"gain": (0.08, 0.3, 0.6, 0.8, 1.2), "contrast": (0.75, 1.3), "lift": (-0.05, 0.08)},
    **{"blur": (0.4, 0.1, 0.33, 0, 0.1), "grain": (0.2, 4, 8, 1, 4)},
}


def synthetic_faces(
    train: int = 1050,
    val: int = 350,
    test: int = 350,
    seed: int = 0,
    imbalance: bool = False,
    label_noise: float = 0.0,
) -> Faces:
    """Returns drawn faces as Training, PublicTest and PrivateTest of a small FER2013.

    train, val, test: images, 7 or more each; a split depends on its own size and the seed only.
    imbalance: classes have the shares of FER2013's Training, and one image at least; otherwise as equal as they can be.
    label_noise: share of training labels, 0 to 1, replaced by another class at random after the drawing.
    """
    parts = [_split(usage, size, seed, imbalance) for usage, size in enumerate((train, val, test))]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    usage = np.repeat(np.arange(3, dtype=np.int8), (train, val, test))
    wrong = _mislabel(labels[:train], label_noise, np.random.default_rng([seed, len(USAGES)]))
    names = [f"{name}_{n:06d}" for name, size in zip(USAGES, (train, val, test), strict=True) for n in range(size)]
    return Faces(
        images=images,
        labels=labels,
        usage=usage,
        folder=np.full_like(usage, -1),
        ids=np.array(names),
        classes=EMOTIONS,
        layout="synthetic faces",
        sources=("built in",),
        notes=(f"{wrong} training labels were replaced at random (label_noise={label_noise:g})",) if wrong else (),
    )


def _split(usage: int, size: int, seed: int, imbalance: bool) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.SeedSequence([seed, usage])
    shares = FER2013_TRAINING if imbalance else (1,) * len(EMOTIONS)
    labels = np.repeat(np.arange(len(EMOTIONS)), class_counts(size, shares))
    labels = np.random.default_rng(source).permutation(labels)
    return draw(labels, int(source.generate_state(1)[0])), labels


def class_counts(size: int, shares: tuple[int, ...]) -> np.ndarray:
    """Returns (C,) int64 counts that sum to `size` and are close to `shares`: one a class, then by largest remainder.

    Raises ValueError where `size` is below the number of classes.
    """
    if size < len(shares):
        raise ValueError(f"{size} images cannot hold {len(shares)} classes: ask for {len(shares)} or more a split")
    wanted = size * np.array(shares) / sum(shares)
    counts = np.maximum(np.floor(wanted).astype(np.int64), 1)
    while (left := size - counts.sum()) != 0:  # more than one short class can leave too many
        gap = np.where((left < 0) & (counts == 1), np.inf, wanted - counts)
        counts[np.argmax(gap) if left > 0 else np.argmin(gap)] += np.sign(left)
    return counts


def _mislabel(labels: np.ndarray, share: float, rng: np.random.Generator) -> int:
    """Replaces labels in place, each by one of the other classes; returns how many."""
    if not 0 <= share <= 1:
        raise ValueError(f"label_noise is a share from 0 to 1, not {share}")
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    labels[rows] = (labels[rows] + rng.integers(1, len(EMOTIONS), len(rows))) % len(EMOTIONS)
    return len(rows)


def draw(emotions: np.ndarray, seed: int) -> np.ndarray:
    """Returns (N, 48, 48) uint8 faces for (N,) codes of emotions.

    Image i depends only on the seed, 0 or more, on i and on its emotion.
    """
    emotions = np.asarray(emotions, dtype=np.int64)
    starts = range(0, len(emotions), CHUNK)
    parts = [_draw_chunk(emotions[start : start + CHUNK], [seed, start // CHUNK]) for start in starts]
    return np.concatenate([np.empty((0, SIZE, SIZE), np.uint8), *parts])


def _draw_chunk(emotions: np.ndarray, seed: list[int]) -> np.ndarray:
    n, rng = len(emotions), np.random.default_rng(seed)  # draws for a full chunk, so that n does not matter
    units = action_units(np.pad(emotions, (0, CHUNK - n)), rng)
    face = {name: _column(values)[:n] for name, values in pull(_people(rng), units).items()}
    clouds, streaks = _clouds(rng, 5, 5)[:n], _clouds(rng, 4, 17)[:n]
    noise = rng.integers(0, 256, (CHUNK, 3, SIZE, SIZE), dtype=np.uint8)[:n]
    face = SimpleNamespace(**face, clouds=clouds, streaks=streaks)
    return _photograph(Portrait(face).paint(), face, noise)


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).reshape(-1, 1, 1)


def _people(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns a chunk of faces at rest with their pose, light and camera, each parameter (64,) float64."""
    face = {name: _between(rng, *bounds) for name, bounds in RANGES.items()}
    long = face["long"] == 1
    skin = 1 - face["tan"] * face["pale"]
    return face | {
        "skin": skin,
        "lip_tone": skin * face["lip_tone"],
        "hair_tone": np.where(face["hair_tone"] > 0.3, np.minimum(face["hair_tone"], 0.9 * skin), face["hair_tone"]),
        "brow_tone": np.minimum(0.8 * face["hair_tone"], 0.45 * skin),
        "brow_y": face["eye_y"] - face["brow_above"],
        "mouth_y": face["nose"] + face["mouth_below"],
        "length": np.where(long, 0.4 + 1.2 * face["length"], 0.25 * face["length"] - 0.2),
        "curtain": np.where(long, 0.2 * face["curtain"], 0.07 * face["curtain"] - 0.02),
        "ears": 1 - face["long"],
        "beard": np.where(long, 0, face["beard"]),
        "moustache": np.where(long, 0, face["moustache"]),
        "grain": face["grain"] / 255,
    }


def _between(rng: np.random.Generator, *bounds: float) -> np.ndarray:
    chance, where = rng.random((2, CHUNK))
    if len(bounds) == 2:
        return bounds[0] + (bounds[1] - bounds[0]) * where
    share, low, high, low_without, high_without = bounds
    return np.where(chance < share, low + (high - low) * where, low_without + (high_without - low_without) * where)


def _clouds(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Returns (64, 48, 48) float32 from 0 to 1: noise of `rows` × `columns` values, interpolated linearly."""
    grid = rng.random((CHUNK, rows, columns), dtype=np.float32)
    return _stretch(_stretch(grid).swapaxes(1, 2)).swapaxes(1, 2)


def _stretch(grid: np.ndarray) -> np.ndarray:
    at = np.linspace(0, grid.shape[2] - 1, SIZE, dtype=np.float32)
    left = np.minimum(at.astype(np.int64), grid.shape[2] - 2)
    part = at - left.astype(np.float32)
    return grid[:, :, left] * (1 - part) + grid[:, :, left + 1] * part


def _photograph(light: np.ndarray, face: SimpleNamespace, noise: np.ndarray) -> np.ndarray:
    """Returns (N, 48, 48) uint8 pictures of light (N, 48, 48) float32: blurred, exposed, with noise (N, 3, 48, 48)."""
    for axis in (1, 2):
        before, after = (np.take(light, np.clip(np.arange(SIZE) + by, 0, SIZE - 1), axis) for by in (-1, 1))
        light = (1 - face.blur) * light + face.blur / 2 * (before + after)
    light = face.gain * np.maximum(light, 0)
    light = 1.15 * light / np.sqrt(1 + 0.7 * np.square(light))  # bright parts saturate softly, as on film
    light = 0.45 + face.contrast * (light - 0.45) + face.lift
    grain = noise.sum(axis=1, dtype=np.float32) / 127.5 - 3  # three uniform values: close to normal, deviation 1
    return np.rint(255 * np.clip(light + face.grain * grain, 0, 1)).astype(np.uint8)
