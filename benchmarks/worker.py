"""The process of one contestant: makes it, calls it when it is told to, and says how long that took.

Orders and replies are pickles on standard input and output; `benchmarks.contest` is the other end.
"""

import importlib
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import machine
from benchmarks.memory import Memory, ProcessMemory
from srn_jax.programs.allocator import keep_freed_memory


def nothing() -> None:
    """Does nothing."""


@dataclass(frozen=True)
class Subject:
    """What a contestant's maker returns.

    Attributes:
      call: does the work once, and returns when it is done; the first call compiles.
      outcome: what the first call returned -> numbers and arrays that contestants are compared by.
      library: name, version and, if it is an accelerator, device.
      before, after: around each call, outside of its time.
      compiles: whether the first call is not as later ones are.
      memory: where its arrays live.
    """

    call: Callable[[], Any]
    outcome: Callable[[Any], Any]
    library: str
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    compiles: bool = True
    memory: Memory = field(default_factory=ProcessMemory)


def main() -> None:
    """Serves one contest until its orders end."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no reply
    orders = sys.stdin.buffer
    try:
        for reply in serve(orders):
            pickle.dump(reply, replies)
            replies.flush()
    except EOFError:
        return
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        pickle.dump({"error": f"{type(error).__name__}: {' '.join(lines[:2])}"}, replies)
        replies.flush()


def serve(orders: Any):
    """Yields a reply to each order: the first says what to make, "call" calls it, "peaks" asks for its memory."""
    maker, settings, threads = pickle.load(orders)
    _restrict(threads)
    keep_freed_memory()  # as the main program does; it is worth as much to the peers
    module, name = maker.split(":")
    subject: Subject = getattr(importlib.import_module(module), name)(**settings)
    del settings  # arrays that live on in the subject as its own
    yield _prepare(subject)
    while True:
        order = pickle.load(orders)
        yield {"seconds": _timed(subject)[0]} if order == "call" else subject.memory.peaks()._asdict()


def _prepare(subject: Subject) -> dict[str, Any]:
    """Returns how long the first call took and what came of it; calls once more where that warms up."""
    seconds, made = _timed(subject)
    outcome = subject.outcome(made)
    del made
    if subject.compiles:
        _timed(subject)
    subject.memory.begin()
    return {"first_seconds": seconds, "outcome": outcome, "library": subject.library}


def _timed(subject: Subject) -> tuple[float, Any]:
    subject.before()
    start = time.perf_counter()
    made = subject.call()
    seconds = time.perf_counter() - start
    subject.after()
    return seconds, made


def _restrict(threads: int) -> None:
    """Restricts this process to so many cores, before any library counts them."""
    if threads < machine.cores() and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


if __name__ == "__main__":
    main()
