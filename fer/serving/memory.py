"""Memory of large pictures goes back to the system when they do."""

import ctypes
from contextlib import suppress

LARGE = 8 << 20  # bytes: above any buffer of a small network, below a picture of many megapixels
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h


def give_back() -> None:
    """Has glibc map what is larger than LARGE on its own. Left alone it raises that threshold to the largest block it
    has seen freed, up to 32 MiB, and each thread then keeps up to 64 MiB for later. Other C libraries: nothing is done.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)
