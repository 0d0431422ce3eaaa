"""What a table of times has to say of the machine that it was measured on."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any


def describe(*more: str) -> str:
    """Returns the machine and `more`, such as versions, in one line."""
    parts = [_processor(), f"{cores()} CPU cores", *more, f"Python {platform.python_version()}"]
    return ", ".join(part for part in parts if part)


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_jax() -> str:
    """Returns JAX's version and, if it is an accelerator, its device."""
    import jax  # here, since processes of PyTorch ask for the machine as well

    device = jax.devices()[0]
    return f"jax {jax.__version__}" + ("" if device.platform == "cpu" else f" on {device.device_kind}")


def seconds(run: Callable[[], Any], repeats: int) -> list[float]:
    """Returns how long each of `repeats` calls takes; `run` waits for its arrays."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
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
