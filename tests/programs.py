"""Programs, called here; and the main one as real processes, on as many hosts and devices as a test asks for."""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.generators.arrays import read_arrays
from srn_jax.train.state import TrainState
from tests import tiny
from tests.forked import Process

ROOT = Path(__file__).parent.parent
# Its threads write "[Gloo] Rank 2 is connected to 3 peer ranks. Expected ... is : 3" at once, word by word: a line may
# hold two messages, the end of one, a number alone, or nothing.
GLOO = re.compile(r"^(?:.*(?:\[Gloo\]|is connected to|peer ranks).*|[\d ]*)\n", re.MULTILINE)
Ended = tuple[object, str, str]
# The network that is traced soonest, and one critic, for what holds of a run whatever it trains: changes to the tiny
# configuration, and the flags for them. That SRN's runs go on as well, test_loop.py holds; on devices, test_step.py.
PLAIN: dict[str, Any] = {"model__name": "ed", "critic__names": ("global",)}
PLAIN_FLAGS = tuple(f"--config.{name.replace('__', '.')}={value}" for name, value in PLAIN.items())


def ended(main: Callable[[list[str]], int | None], capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """Calls a program's `main` here; returns its status, and what it wrote to standard output and standard error."""
    capsys.readouterr()
    try:
        status: object = main([str(argument) for argument in arguments]) or 0
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err


def start(folder: Path, *arguments: str, devices: int = 1, host: tuple[str, ...] = ()) -> Process:
    """Starts the tiny run in `folder` on so many virtual CPU devices; `host` holds the flags of one host of several."""
    _, _, *run = command(folder, *arguments)
    return Process(*run, *host, environment=environment(devices))


def command(folder: Path, *arguments: str) -> list[str]:
    """Returns the tiny run's command line."""
    return [sys.executable, "-m", "srn_jax.main", "--config=tests/tiny_run.py", f"--workdir={folder}", *arguments]


def environment(devices: int = 1, *, optimized: bool = False) -> dict[str, str]:
    """Returns the environment for so many virtual CPU devices; programs that compute much are `optimized`."""
    # As in conftest.py, which says why; but for the number of devices.
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    flags += " --xla_backend_optimization_level=3" if optimized else ""
    return os.environ | {
        "XLA_FLAGS": flags,
        "PJRT_NPROC": "16",
        "JAX_PLATFORMS": "cpu",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",  # the many small programs of a start too
    }


def start_hosts(
    folder: Path, hosts: int, *arguments: str, devices: int = 1, last: tuple[str, ...] = (), last_devices: int = 0
) -> list[Process]:
    """Starts the tiny run on several hosts of so many devices each; the last of them has arguments of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [
        start(
            folder,
            *arguments,
            *(last if number == hosts - 1 else ()),
            devices=last_devices if last_devices and number == hosts - 1 else devices,
            host=(f"--coordinator=127.0.0.1:{port}", f"--num_processes={hosts}", f"--process_id={number}"),
        )
        for number in range(hosts)
    ]


def finish(*processes: Process, status: int = 0) -> list[str]:
    """Waits for processes that must end with `status`; returns what each wrote to standard output, without Gloo's."""
    outputs = [process.communicate(timeout=300) for process in processes]
    for process, (out, err) in zip(processes, outputs, strict=True):
        assert process.returncode == status, f"status {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
    return [GLOO.sub("", out) for out, _ in outputs]


def wait_for_step(folder: Path, step: int, *processes: Process) -> None:
    """Returns once the run has logged that step."""
    log, deadline = folder / "metrics.jsonl", time.monotonic() + 200
    while not (log.exists() and f'"step": {step},' in log.read_text()):
        assert all(process.poll() is None for process in processes), [process.communicate() for process in processes]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def steps_of(folder: Path) -> list[int]:
    """Returns the steps whose checkpoints the run has."""
    return sorted(int(child.name) for child in (folder / "checkpoints").iterdir() if child.name.isdecimal())


def saved(folder: Path, step: int, **changes: object) -> list[np.ndarray]:
    """Returns all arrays of the state that was saved at `step`."""
    from srn_jax.train.state import build_networks

    config = settings.resolve(tiny.config(**changes))
    state: TrainState = tiny.state(config, build_networks(config))
    checkpoint = folder / "checkpoints" / str(step)
    parts = {name: value for name, value in vars(state).items() if name not in ("average", "key")}
    arrays = jax.tree.leaves(read_arrays(checkpoint / "state", parts))
    return [np.asarray(x) for x in [*arrays, *jax.tree.leaves(read_arrays(checkpoint / "generator", state.average))]]


def logged(folder: Path) -> dict[int, float]:
    """Returns the total loss by step."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["total"] for row in rows if "total" in row}
