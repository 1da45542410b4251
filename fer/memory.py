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
    """Makes malloc keep freed blocks: training and evaluation request the same large sizes repeatedly.

    By default glibc maps a new block above 32 MiB at each request, and the system zeroes it page by page.
    """
    set_malloc({MMAP_MAX: 0, TRIM_THRESHOLD: -1})


def return_freed() -> None:
    """Makes malloc return freed large blocks to the system at once, for a server that runs for months.

    By default glibc maps only blocks larger than the largest one freed so far, up to 32 MiB, and each thread keeps up
    to 64 MiB for later.
    """
    set_malloc({MMAP_MAX: 65536, TRIM_THRESHOLD: 128 << 10, MMAP_THRESHOLD: LARGE})


def release_freed() -> None:
    """Returns all freed blocks to the system once, between two parts of a run that request blocks of other sizes."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def set_malloc(options: dict[int, int]) -> None:
    """Sets options of glibc's malloc; does nothing with another C library."""
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in options.items():
            mallopt(option, value)


def peak_mb(usage: "resource.struct_rusage") -> float:
    """Returns the peak resident memory of a process in MB (10⁶ bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return usage.ru_maxrss * unit / 1e6


def own_peak_mb() -> float:
    """Returns the largest resident memory of this process so far, in MB."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil  # which itself imports resource elsewhere

        return psutil.Process().memory_info().peak_wset / 1e6  # pyright: ignore[reportAttributeAccessIssue]  # Windows
    return peak_mb(resource.getrusage(resource.RUSAGE_SELF))
