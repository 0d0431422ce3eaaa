"""Several hosts, one process each, that train as one: meeting, and agreeing before any of them goes ahead."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from srn_jax.errors import InputError, brief, fail

_TEXT_BYTES = 1024  # of a message that travels between hosts
_LONG_TEXT_BYTES = 1 << 16
_MOST_PROCESSES = 2**20
_GRACE_SECONDS = 5  # that the first host leaves the others to end by themselves


def connect(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Joins this process with the others, before any device is touched; alone, it does nothing.

    Without arguments JAX looks for a cluster itself: SLURM under srun, Cloud TPU, Kubernetes (jax[k8s]), Open MPI.

    Args:
      coordinator: HOST:PORT of process 0.
      processes: how many there are; 1 trains alone, whatever cluster this is.
      process: this one's number.

    Raises:
      InputError: some of the three are given and others not, or the others do not answer.
    """
    if processes == 1:
        return
    given = {"--coordinator": coordinator, "--num_processes": processes, "--process_id": process}
    missing = [flag for flag, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise InputError(f"{' and '.join(missing)} missing: several hosts take {', '.join(given)}")
    if processes is not None and process is not None:
        if not 1 <= processes <= _MOST_PROCESSES:
            raise InputError(f"--num_processes is {brief(processes)}; it takes 1 to {_MOST_PROCESSES:,}")
        if not 0 <= process < processes:
            raise InputError(
                f"--process_id is {brief(process)}; it takes 0 to --num_processes - 1, which is {processes - 1}"
            )
        if ":" not in (coordinator or ""):
            raise InputError(f"--coordinator is {coordinator!r}; it takes HOST:PORT of process 0")
    # JAX's own SIGTERM handler would swallow the signal while a run starts; in the loop, the run's own takes over.
    jax.config.update("jax_enable_preemption_service", False)
    # Flags are the whole truth: in a pod, or under srun, JAX would mix in what it finds there.
    detection = None if missing else "deactivate"
    try:
        jax.distributed.initialize(coordinator, processes, process, cluster_detection_method=detection)
    except Exception as error:  # whatever the library of one cluster or another raises
        if missing and "coordinator_address should be defined" in str(error):
            return  # no cluster
        raise InputError(
            f"cannot join the other processes: {error}; --num_processes=1 trains alone, "
            "--coordinator, --num_processes and --process_id name the others"
        ) from error


def is_first() -> bool:
    """Returns whether this process is the one that writes and reports."""
    return jax.process_index() == 0


def any_host(wish: str | None) -> str | None:
    """Returns the wish of the first host that has one, on all hosts alike; all of them must ask."""
    return next((text for text in _all_texts(wish or "") if text), None)


def broadcast(text: str) -> str:
    """Returns the first host's text on all hosts alike; all of them must ask."""
    return _all_texts(text)[0]


@dataclass
class Agreement:
    """What hosts agreed on: the wish of the first of them that had one."""

    wish: str | None = None


@contextlib.contextmanager
def agreeing(wish: Callable[[], str | None] = lambda: None) -> Iterator[Agreement]:
    """Runs what may raise InputError or OSError on some of the hosts; all hosts then raise, or none. All must come.

    Within it no host may wait for another. `wish` is asked at the end; what any host wishes stands in the agreement.
    """
    trouble, agreement = None, Agreement()
    try:
        yield agreement
    except (InputError, OSError) as error:
        trouble = error
    texts = _all_texts(f"!{trouble}" if trouble else wish() or "")
    if trouble is not None:
        raise trouble
    for number, text in enumerate(texts):
        if text.startswith("!"):
            raise InputError(f"host {number}: {text[1:]}")
    agreement.wish = next((text for text in texts if text), None)


def same_everywhere(lines: list[str], what: str) -> None:
    """Raises InputError, on all hosts, with the lines that differ, where `lines`, which describe `what`, do."""
    texts = [text.splitlines() for text in _all_texts("\n".join(lines), _LONG_TEXT_BYTES)]
    for number, text in enumerate(texts):
        if text != texts[0]:
            differing = [line for line in texts[0] if line not in text], [line for line in text if line not in texts[0]]
            first, other = ("; ".join(part) or "nothing of it" for part in differing)
            raise InputError(f"hosts 0 and {number} differ in {what}: {first} on the first, {other} on the other")


def leave(error: Exception) -> NoReturn:
    """Ends this process with one line and status 2.

    Of several hosts, without the farewell that would wait for the others: they may be waiting for this one.
    """
    if not jax.distributed.is_initialized():
        fail(error)
    try:
        fail(error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(RuntimeError):  # no backend yet
            if is_first():  # it holds the service: the others would be aborted before they have said their line
                time.sleep(_GRACE_SECONDS)
        os._exit(2)


def _all_texts(text: str, size: int = _TEXT_BYTES) -> list[str]:
    """Returns what each host gave, each cut to `size` bytes."""
    if not jax.distributed.is_initialized():
        return [text]
    encoded = text.encode()[:size]
    padded = np.zeros(size, np.uint8)
    padded[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    gathered = np.asarray(multihost_utils.process_allgather(padded)).reshape(jax.process_count(), size)
    return [bytes(row).rstrip(b"\0").decode(errors="ignore") for row in gathered]
