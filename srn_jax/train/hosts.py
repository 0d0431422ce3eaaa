"""Several hosts, one process each, that train as one: meeting, and agreeing before any of them goes ahead."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from srn_jax.errors import InputError, fail

_TEXT_BYTES = 2048  # of a message that travels between hosts


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
        if processes < 1 or not 0 <= process < processes:
            raise InputError(f"--process_id is {process}; it takes 0 to --num_processes - 1, which is {processes - 1}")
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


@contextlib.contextmanager
def agreeing() -> Iterator[None]:
    """Runs what may raise InputError on some of the hosts; all hosts then raise it, or none. All of them must come."""
    problem, trouble = "", None
    try:
        yield
    except InputError as error:
        problem, trouble = str(error), error
    problems = _all_texts(problem)
    if trouble is not None:
        raise trouble
    for number, text in enumerate(problems):
        if text:
            raise InputError(f"host {number}: {text}")


def same_everywhere(description: str, what: str) -> None:
    """Raises InputError where hosts were started with different `what`."""
    for number, text in enumerate(_all_texts(description)):
        if text != _cut(description):
            raise InputError(f"host {number} has another {what} than host {jax.process_index()}: {text}; {description}")


def leave(error: Exception) -> NoReturn:
    """Ends this process with one line and status 2.

    Of several hosts, without the farewell that would wait for the others: they may be waiting for this one.
    """
    if jax.process_count() == 1:
        fail(error)
    try:
        fail(error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)


def _all_texts(text: str) -> list[str]:
    if jax.process_count() == 1:
        return [_cut(text)]
    encoded = _cut(text).encode()
    padded = np.zeros(_TEXT_BYTES, np.uint8)
    padded[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    gathered = np.asarray(multihost_utils.process_allgather(padded))
    return [bytes(row).rstrip(b"\0").decode() for row in gathered]


def _cut(text: str) -> str:
    return text.encode()[:_TEXT_BYTES].decode(errors="ignore")
