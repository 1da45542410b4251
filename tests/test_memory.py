"""What becomes of freed blocks, told by the system: faults of pages that a process touches for the first time."""

import mmap
import platform
import subprocess
import sys

import pytest

BLOCK = 64 << 20
PROGRAM = f"""
import resource, torch
from fer import memory

memory.{{policy}}()

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones({BLOCK} // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

faults(16)  # malloc sets the first few small rests aside
print(faults(8) * resource.getpagesize(), resident(), memory.peak_mb(resource.getrusage(resource.RUSAGE_SELF)))
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def measured(policy: str) -> tuple[float, float, float]:
    program = PROGRAM.format(policy=policy)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    faulted, resident, peak = map(float, done.stdout.split())
    return faulted, resident, peak * 1e6


@pytest.mark.full
def test_kept_blocks_are_used_again_and_returned_ones_are_not_held():
    kept, returned = measured("keep_freed"), measured("return_freed")
    assert kept[0] < BLOCK / 2  # of eight blocks; a page or two of something else may be new
    assert returned[0] > 7 * BLOCK
    assert returned[1] < kept[1] - BLOCK / 2
    assert all(peak > 0.98 * resident > BLOCK for _, resident, peak in (kept, returned))  # the system counts lazily


@pytest.mark.full
def test_released_blocks_are_no_longer_held():
    program = f"""
import torch
from fer import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1])

memory.keep_freed()
blocks = [torch.ones({BLOCK} // 4) for _ in range(4)]
held = blocks[::2]  # so that two freed blocks lie between others
del blocks
before = resident()
memory.release_freed()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) * mmap.PAGESIZE > 1.9 * BLOCK


def test_elsewhere_nothing_happens(monkeypatch):
    from fer import memory

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.keep_freed()
    memory.return_freed()
    memory.release_freed()
