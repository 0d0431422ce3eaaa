"""How much memory a process took: its high-water mark, that of some calls alone, and an accelerator's."""

import ctypes
import re
import resource
import sys
from pathlib import Path
from typing import NamedTuple, Protocol


class Memory(Protocol):
    """Where arrays live."""

    def begin(self) -> None:
        """Begins to watch: what is held now is what calls start from."""
        ...

    def peaks(self) -> "Peaks":
        """Returns the peaks up to now."""
        ...


class Peaks(NamedTuple):
    """Bytes.

    Attributes:
      calls: the most that was taken since `begin`, above what was held then.
      process: the most that was ever taken.
      exact: whether the mark could be set back at `begin`; if not, `calls` has what came before in it.
    """

    calls: int
    process: int
    exact: bool


class ProcessMemory:
    """The memory of this process."""

    def __init__(self) -> None:
        self._held, self._before, self._exact = 0, 0, False

    def begin(self) -> None:
        """Sets the kernel's high-water mark back, where it lets us."""
        _give_back_free_memory()
        self._before = high_water_bytes()
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._exact = True
        except OSError:  # not Linux, or not allowed
            self._exact = False
        self._held = high_water_bytes() if self._exact else _status_bytes("VmRSS") or self._before

    def peaks(self) -> Peaks:
        """Returns the peaks up to now."""
        peak = high_water_bytes()
        return Peaks(peak - self._held, max(peak, self._before), self._exact)


def high_water_bytes() -> int:
    """Returns the most memory that this process took, since the mark was set back or ever."""
    # Linux counts in units of 1024 bytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return _status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status_bytes(name: str) -> int:
    """Returns an entry of the kernel's table of this process; 0 where there is none."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _give_back_free_memory() -> None:
    """Returns freed memory to the system, as far as the C library keeps it: it would hide in what calls start from."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
