"""Describes the machine, and chooses precision and memory format for it."""

import os
import platform
import shutil
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "torchmetrics", "numpy", "pandas", "timm")


def best_precision(accelerator: str = "auto") -> str:
    """Returns Lightning's name of the fastest safe precision: bf16-mixed where the hardware supports it.

    Otherwise 16-mixed on CUDA devices and 32-true elsewhere.
    """
    if uses_cuda(accelerator):
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "bf16-mixed" if accelerator in ("auto", "cpu") and cpu_has_bf16() else "32-true"


@cache
def cpu_has_bf16() -> bool:
    """Returns whether the CPU multiplies bfloat16 (AVX512-BF16 or AMX); emulation would be slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def best_memory_format(precision: str, accelerator: str = "auto") -> bool:
    """Returns whether channels_last is the faster format: always on CPUs, on GPUs with 16-bit convolutions."""
    return "16" in precision or not uses_cuda(accelerator)


def uses_cuda(accelerator: str = "auto") -> bool:
    """Returns whether Lightning would train on a CUDA device."""
    return accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def has_compiler() -> bool:
    """Returns whether torch.compile finds a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))


def hardware() -> dict[str, Any]:
    """Returns the names of CPU, GPU and operating system, and the number of threads."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": cpu_name(), "threads": torch.get_num_threads(), "gpu": gpu, "system": platform.system()}


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    name = next(names, platform.machine())
    return f"{name} (AVX512-BF16 or AMX)" if cpu_has_bf16() else name


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the installed libraries that affect results."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
