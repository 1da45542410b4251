"""Peak memory of a process, and glibc's handling of freed blocks."""

import ctypes
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource  # not on Windows

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # M_… of malloc.h
LARGE = 8 << 20  # bytes: above any buffer of a small network, below a picture of many megapixels


def keep_freed() -> None:
    """Has freed blocks kept for the next ones, as training and evaluation ask for the same large ones again and again.

    Left alone, glibc maps a new block above 32 MiB at each request, and the system zeroes it page by page.
    """
    set_malloc({MMAP_MAX: 0, TRIM_THRESHOLD: -1})


def return_freed() -> None:
    """Has the memory of large pictures go back to the system when they do, as a server wants that runs for months.

    Left alone, glibc maps only what is larger than the largest block that it has seen freed, up to 32 MiB, and each
    thread keeps up to 64 MiB for later.
    """
    set_malloc({MMAP_MAX: 65536, TRIM_THRESHOLD: 128 << 10, MMAP_THRESHOLD: LARGE})


def set_malloc(options: dict[int, int]) -> None:
    with suppress(AttributeError, OSError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in options.items():
            mallopt(option, value)


def peak_mb(used: "resource.struct_rusage") -> float:
    """The most that it held at any time, in MB (10⁶ bytes)."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6  # bytes there, kilobytes elsewhere
