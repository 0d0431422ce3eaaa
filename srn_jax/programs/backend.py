"""What is done in one way on one backend and in another on the next: decided here, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

_PORTABLE = ContextVar("portable", default=False)
_MUCH_WORK = 10**10  # a little more than the quick start's first phase, which takes as long either way


@contextmanager
def portable() -> Iterator[None]:
    """Within it programs are traced that other machines run: their forms are the plain ones, whatever runs here."""
    token = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def own_forms_pay(dtype: DTypeLike) -> bool:
    """Returns whether convolutions in general have forms here that are faster than XLA's: in float32 on a CPU.

    cuDNN takes such forms by itself where they pay; in bfloat16 the sums of inputs that some make would cost digits.
    """
    return not _PORTABLE.get() and jax.default_backend() == "cpu" and dtype == jnp.float32


def own_forms_pay_back(work: int) -> bool:
    """Returns whether a phase of training is long enough for own forms to win back what they take longer to compile.

    Where it is not, plain forms take less memory as well. `work` is pixels of all canvases times the squared width.
    """
    return jax.default_backend() != "cpu" or work >= _MUCH_WORK


def sub_grids_pay() -> bool:
    """Returns whether XLA lacks a fast gradient in the kernel of a dilated convolution: on a GPU."""
    return not _PORTABLE.get() and jax.default_backend() == "gpu"


def block_entries() -> int:
    """Returns how many similarities ID-MRF has in memory at a time, in each of several arrays.

    On a CPU 4 MB, which its caches hold (of 2**18 to 2**22 none stood out); elsewhere 64 MB, all of a 64 x 64 map, so
    that it takes few launches (nothing else was tried there).
    """
    return 2**20 if jax.default_backend() == "cpu" else 2**24


def detail_tile() -> tuple[int, int]:
    """Returns the (height, width) of the pieces that detail is painted in: on a CPU of what its caches hold.

    Low and wide there, since margins often are; elsewhere whole canvases of common size, for few launches.
    """
    return (64, 256) if jax.default_backend() == "cpu" else (1024, 1536)


def windows_a_call(most: int | None) -> int:
    """Returns how many of many pictures go through a network in one call, up to `most`; None leaves it open.

    On a CPU one: more take as long, from 16 on a fifth longer (128 x 128, n = 32), and sums come out in another order.
    Elsewhere so many that small pictures fill the device (nothing was tried there).
    """
    return 1 if jax.default_backend() == "cpu" else most or 32


def pictures_at_once() -> int:
    """Returns how many pictures of a folder are worked on at once for each device.

    On a CPU two: while one is painted, the other is decoded or encoded. Elsewhere more, since that is most of the work
    there, and so that their windows come together in batches.
    """
    return 2 if jax.default_backend() == "cpu" else 4


def compiler_options() -> dict[str, str]:
    """Returns what XLA is told when it compiles a program that takes much memory.

    On a CPU it would else order operations for many threads, and keep twice as much at a time; the step is no slower.
    Convolutions and products are faster by Eigen than by YNNPACK, which computes many small ones on one core; for sums
    and maxima the opposite is true (benchmarks/README.md). The option is experimental: it is told to the version it was
    measured with.
    """
    if jax.default_backend() != "cpu":
        return {}
    options = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
    if jax.__version_info__[:2] == (0, 10):
        options["xla_cpu_experimental_ynn_fusion_type"] = "LIBRARY_FUSION_TYPE_REDUCE"
    return options
