"""How the C library deals with memory that is freed."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h


def give_back_freed_memory() -> None:
    """Gives to the system what the C library keeps though it is freed: after compiling, as much as a step takes.

    Only glibc listens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def keep_freed_memory() -> None:
    """Tells the C library to keep what is freed for the next step: a fresh page costs more than the sums that fill it.

    On a CPU XLA takes memory for each call of a program and gives it back; the peak stays as it was. Only glibc
    listens.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_MAX, 0)  # nothing apart, which would be given back
            mallopt(_M_TRIM_THRESHOLD, -1)  # and nothing from the end
