"""Copies of one image inside and across splits."""

import hashlib

import numpy as np


def copies(images: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 -> (N,) int64: rows with the same number hold pixel-identical images."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest() for image in images)
    return np.fromiter((seen.setdefault(digest, len(seen)) for digest in digests), dtype=np.int64, count=len(images))
