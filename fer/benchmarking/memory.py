"""What the system says of a process's memory, in one unit."""

import resource
import sys


def peak_mb(used: resource.struct_rusage) -> float:
    """The most that it held at any time, in MB (10⁶ bytes)."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6  # bytes there, kilobytes elsewhere
