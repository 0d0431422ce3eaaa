"""Ctrl-C while a program starts, which takes seconds: it ends at once and in silence, since nothing is made yet."""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NoReturn


def ends_at_once() -> None:
    """Lets Ctrl-C end the process as the system does, until `is_noticed`; for our own programs alone."""
    # Where it is ignored, as in the background of a shell's script, it stays so.
    if _is_own_program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_own_program() -> bool:
    """Returns whether this process is `python -m srn_jax...` as it starts, or our command, `srn-jax`."""
    started = os.path.basename(sys.argv[0]) if sys.argv else ""
    named = any(flag == "-m" and name.partition(".")[0] == "srn_jax" for flag, name in pairwise(sys.orig_argv))
    return started == "srn-jax" or (started == "-m" and named)


def is_noticed() -> None:
    """Lets Ctrl-C raise KeyboardInterrupt, as ever in Python."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _comes_once_more()


def _comes_once_more() -> None:
    """Sends Ctrl-C again, a moment later, where Python drops it: in a finalizer, or a callback as JAX has one."""
    others = sys.unraisablehook

    def hook(lost: "sys.UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            others(lost)
            return
        _thread.start_new_thread(later, ())  # not threading's, which waits until it has begun: Ctrl-C could come then

    def later() -> None:
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    sys.unraisablehook = hook


def run(main: Callable[[], int | None], interrupted: str | int = "interrupted") -> NoReturn:
    """Runs a program and ends with its status; after Ctrl-C with a line, or a status, that says what became of it."""
    try:
        status: object = main()
    except KeyboardInterrupt:
        leave(interrupted)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(0)
    except SystemExit as end:
        status = end.code
    leave(status if isinstance(status, int) else 0)


def leave(said: str | int) -> NoReturn:
    """Ends the process at once, with a status, or 1 and a line.

    The interpreter's own end takes 0.4 s with JAX in it, and would take down threads that compile or paint, which
    crashes now and then.
    """
    status = said if isinstance(said, int) else 1
    if isinstance(said, str):
        print(said, file=sys.stderr)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        pass
    except OSError as error:
        print(f"error: cannot write to standard output: {error.strerror}", file=sys.stderr)
        status = 2
    sys.stderr.flush()
    os._exit(status)
