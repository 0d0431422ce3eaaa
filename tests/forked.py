"""Our programs, forked from a process that has imported what they import: a start costs what the program itself does.

What comes of it is a process like any other, of its own number, environment, folder and signals, whose backend is made
after the fork. Tests of importing, of how children start, and one start of each program take the real command line.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
# What the programs import, without the programs, which run as __main__.
IMPORTED = (
    "absl.app",
    "ml_collections.config_flags",
    "srn_jax.config.flags",
    "srn_jax.train.report",
    "srn_jax.train.loop",
)
_ORDER_BYTES = 1 << 18


class Process:
    """`python -m MODULE ARGUMENTS` in the repository's root; as `subprocess.Popen` of text, written to files."""

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]):
        self.args = [module, *arguments]
        self.returncode: int | None = None
        # Not pipes, which someone would have to read while it runs.
        self._out = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._err = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._written = "", ""
        self._reports, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        # JAX reads these as it is imported, XLA and the rest as the backend is made.
        server, _ = _server(tuple(sorted(item for item in environment.items() if item[0].startswith("JAX_"))))
        order = json.dumps({"argv": self.args, "environment": environment}).encode()
        with theirs:
            socket.send_fds(server, [order], [self._out.fileno(), self._err.fileno(), theirs.fileno()])
        self.pid = int(self._reports.recv(16))

    def poll(self) -> int | None:
        """Returns the exit status, minus the signal's number where one ended it; None while it runs."""
        return self._status(0.001)

    def wait(self, timeout: float) -> int:
        """Returns the exit status; raises subprocess.TimeoutExpired where there is none by then."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def _status(self, seconds: float) -> int | None:
        if self.returncode is None:
            self._reports.settimeout(seconds)
            try:
                self.returncode = os.waitstatus_to_exitcode(int(self._reports.recv(16)))
            except TimeoutError:
                return None
            self._reports.close()
            self._written = _read_all(self._out), _read_all(self._err)
        return self.returncode

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Waits, and returns what was written to standard output and to standard error."""
        self.wait(timeout)
        return self._written

    def send_signal(self, number: int) -> None:
        """Sends a signal to a process that has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _read_all(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


@functools.cache
def _server(settings: tuple[tuple[str, str], ...]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Returns the way to a process that has imported everything under these settings; it ends with this one."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
            cwd=ROOT,
            env=environment | dict(settings),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return ours, process


def serve(orders: socket.socket) -> None:
    """Starts a process for each order, until there are none; returns in the processes alone."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is there is never garbage: processes go on sharing it
    while True:
        order, files, *_ = socket.recv_fds(orders, _ORDER_BYTES, 3)
        if not order:
            os._exit(0)
        if os.fork() == 0:
            orders.close()
            return _start(json.loads(order), *files)
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _start(order: dict[str, Any], out: int, err: int, reports: int) -> None:
    """Becomes the program; its parent tells its number, and in the end its status."""
    pid = os.fork()
    if pid:
        report = socket.socket(fileno=reports)
        report.send(str(pid).encode())
        report.send(str(os.waitpid(pid, 0)[1]).encode())
        os._exit(0)
    os.close(reports)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = order["argv"]
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]  # also of what is killed
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as our programs have it, their imports done


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
