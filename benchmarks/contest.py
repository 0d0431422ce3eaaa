"""Contestants side by side in one run: each in a process of its own, taking turns, so that a busy moment hits all."""

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNTIMED = 2  # rounds before the first: until memory that calls give back is there for the next
_PAUSE_SECONDS = 0.2  # between turns: threads of the last one that spin for more work have gone to sleep


class ContestError(Exception):
    """A contestant cannot take part: one line."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
      maker: "module:function", called in the contestant's process with `settings`; returns a `worker.Subject`.
      peer: whether it is what ours are measured against.
    """

    name: str
    maker: str
    settings: dict[str, Any] = field(repr=False)
    peer: bool = False


@dataclass
class Measured:
    """What a contest found out about one contestant; memory in bytes, as in `memory.Peaks`."""

    name: str
    peer: bool
    library: str
    first_seconds: float
    seconds: list[float] = field(default_factory=list)
    peak_calls: int = 0
    peak_process: int = 0
    peak_exact: bool = True


def turns(count: int, number: int) -> list[int]:
    """Returns in which order `count` contestants are called in round `number`: each is the first in its turn."""
    return [(number + place) % count for place in range(count)]


def hold(
    contestants: Sequence[Contestant],
    *,
    rounds: int,
    threads: int,
    check: Callable[[dict[str, Any]], Any],
    tick: Callable[[str], None] = lambda text: None,
    untimed: int = UNTIMED,
) -> tuple[list[Measured], Any]:
    """Returns what was measured of each contestant, and what `check` returned of the outcomes of their first calls.

    Args:
      check: {name: outcome} -> anything; raises where they do not agree, and then nothing is measured.
      tick: is told of each preparation and each call, `len(contestants) * (1 + rounds)` in all.
      untimed: rounds before the first.

    Raises:
      ContestError: a contestant failed.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="contest_")))
        workers = [stack.enter_context(_started(one, threads, scratch / str(i))) for i, one in enumerate(contestants)]
        found, outcomes = [], {}
        for contestant, worker in zip(contestants, workers, strict=True):  # one after the other: compilers take all
            tick(f"preparing {contestant.name}")
            reply = worker.ask((contestant.maker, contestant.settings, threads))
            found.append(Measured(contestant.name, contestant.peer, reply["library"], reply["first_seconds"]))
            outcomes[contestant.name] = reply["outcome"]
        checked = check(outcomes)
        outcomes.clear()
        for number in range(-untimed, rounds):
            for place in turns(len(workers), number):
                time.sleep(_PAUSE_SECONDS)
                seconds = workers[place].ask("call")["seconds"]
                if number >= 0:
                    found[place].seconds.append(seconds)
                    tick(f"measured {contestants[place].name}")
        for measured, worker in zip(found, workers, strict=True):
            peaks = worker.ask("peaks")
            measured.peak_calls, measured.peak_process = peaks["calls"], peaks["process"]
            measured.peak_exact = peaks["exact"]
        return found, checked


class _Worker:
    """The other end of `benchmarks.worker`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path):
        self._name, self._process, self._log = name, process, log

    def ask(self, order: Any) -> dict[str, Any]:
        """Returns the reply to an order; raises ContestError where there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(order, self._process.stdin)
            self._process.stdin.flush()
            reply = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError):
            status = self._process.wait()
            ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            said = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
            raise ContestError(f"{self._name} {ended}" + (f": {said[-1].strip()}" if said else "")) from None
        if "error" in reply:
            raise ContestError(f"{self._name}: {reply['error']}")
        return reply


@contextlib.contextmanager
def _started(contestant: Contestant, threads: int, folder: Path) -> Iterator[_Worker]:
    """Starts a contestant's process, and ends it, and all that it started, in the end."""
    folder.mkdir()
    count = str(threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "PJRT_NPROC": count,
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),  # compile times are those of the first time
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # an accelerator's memory is for all contestants
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],  # one device each
    }
    log = folder / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is answered by us
        )
    try:
        yield _Worker(contestant.name, process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()
        shutil.rmtree(folder, ignore_errors=True)
