"""Concatenates the results of many batches without fragmenting memory."""

from collections.abc import Iterable

import torch
from torch import Tensor


def concatenate(batches: Iterable[Tensor], count: int, dim: int = 0) -> Tensor:
    """Returns the batches (at least one) concatenated along `dim`, where they have `count` rows in all.

    Unlike torch.cat it allocates the result first. Small results kept one by one would lie between the large blocks of
    forward passes, and memory would grow with every batch (see `fer.memory.keep_freed`). Raises ValueError for another
    number of rows.
    """
    result, start = torch.empty(0), 0
    for batch in batches:
        if not start:
            shape = list(batch.shape)
            shape[dim] = count
            result = torch.empty(shape, dtype=batch.dtype)
        result.narrow(dim, start, batch.shape[dim]).copy_(batch)
        start += batch.shape[dim]
    if start != count:
        raise ValueError(f"got {start} rows, expected {count}")
    return result
