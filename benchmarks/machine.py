"""What a table of times has to say of the machine that it was measured on."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import jax


def describe() -> str:
    """Returns the machine and the versions, in one line."""
    device = jax.devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = _processor() if device.platform == "cpu" else device.device_kind
    return f"{name}, {cores} CPU cores, Python {platform.python_version()}, jax {jax.__version__}"


def peak_bytes() -> int:
    """Returns the most memory that this process, or on an accelerator its arrays, ever took."""
    stats = jax.devices()[0].memory_stats()
    if stats:
        return stats["peak_bytes_in_use"]
    # Linux counts in units of 1024 bytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def seconds(run: Callable[[], Any], repeats: int) -> list[float]:
    """Returns how long each of `repeats` calls takes until its arrays are there."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    return times


def table(header: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
