"""Locks on files, by which two processes keep from writing to the same place at the same time."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from srn_jax.errors import InputError


def lock(file: Path, what: str, otherwise: str) -> TextIO:
    """Returns `file`, made if need be, locked until it is closed or its process has ended in whatever way.

    Raises:
      InputError: another process holds it; says who, that `what` is in use, and what to do `otherwise` than wait.
      OSError: it cannot be made.
    """
    while True:
        held = file.open("a+", errors="replace")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):  # a file system that knows no locks
                from absl import logging  # here, since programs lock nothing before their options are right

                logging.warning("%s cannot be locked (%s): see to it that no second run uses it", what, error.strerror)
                return held
            with held:
                holder = _holder(held)
            raise InputError(f"{what} is in use by {holder}; wait for it, stop it, or {otherwise}") from error
        if _is(file, held):
            held.truncate(0)
            held.write(f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
            held.flush()
            return held
        held.close()  # whoever held it has removed it in the meantime


@contextlib.contextmanager
def locked(file: Path, what: str, otherwise: str) -> Iterator[TextIO]:
    """Holds `lock` of a file that is there for the while alone."""
    with lock(file, what, otherwise) as held:
        try:
            yield held
        finally:
            if _is(file, held):
                file.unlink()


@contextlib.contextmanager
def turn(file: Path) -> Iterator[None]:
    """Waits until no other process is within the same, and keeps the others waiting meanwhile.

    On a file system that knows no locks it waits for nobody, as `lock` warns.

    Raises:
      OSError: `file`, which is there for the while alone, cannot be made.
    """
    while True:
        with file.open("a") as held:
            with contextlib.suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_EX)
            if _is(file, held):
                try:
                    yield
                finally:
                    if _is(file, held):
                        file.unlink()
                return
        # whoever had it has removed it in the meantime


def _holder(held: TextIO) -> str:
    """Returns who has written into a file that it is the holder; waits a second for one who has only just locked it."""
    said = ""
    for _ in range(50):
        held.seek(0)
        if said := held.readline(200):
            break
        time.sleep(0.02)
    return said if said.startswith("process ") else "another process"


def _is(file: Path, held: TextIO) -> bool:
    """Returns whether the path still names the file that is held."""
    try:
        return os.path.samestat(file.stat(), os.fstat(held.fileno()))
    except FileNotFoundError:
        return False
