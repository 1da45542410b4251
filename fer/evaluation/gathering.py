"""Joins the results of many batches without fragmenting memory."""

from collections.abc import Iterable

import torch
from torch import Tensor


def gathered(batches: Iterable[Tensor], count: int, dim: int = 0) -> Tensor:
    """The batches (at least one) joined along `dim`, where they have `count` in all.

    As torch.cat, but into one tensor made beforehand. Small results kept one by one would settle between the large
    blocks of forward passes, and memory would grow with every batch (see `fer.memory.keep_freed`).
    """
    whole, start = torch.empty(0), 0
    for batch in batches:
        if not start:
            shape = list(batch.shape)
            shape[dim] = count
            whole = torch.empty(shape, dtype=batch.dtype)
        whole.narrow(dim, start, batch.shape[dim]).copy_(batch)
        start += batch.shape[dim]
    if start != count:
        raise ValueError(f"{start} rows gathered, {count} expected")
    return whole
