"""Nothing is lost: a run that is killed at any moment, and started again, ends as if nothing had been."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests import programs
from tests.forked import Process

pytestmark = pytest.mark.slow
KILLS = 20
FIRST, SECOND = 12, 88  # steps of the phases; 20 lives of a few steps see both, and do not reach the end
SETTINGS = (
    *programs.PLAIN_FLAGS,
    "--config.data.batch=2",
    f"--config.reconstruction.steps={FIRST}",
    f"--config.adversarial.steps={SECOND}",
    "--config.run.save_every_steps=2",
)


def last_logged(folder: Path) -> int:
    """Returns the last whole line's step; 0 before there is one."""
    log = folder / "metrics.jsonl"
    return log.read_text().count('"total"') if log.exists() else 0


def newest(folder: Path) -> int:
    """Returns the step of the newest checkpoint; 0 before there is one."""
    return max(programs.steps_of(folder), default=0) if (folder / "checkpoints").exists() else 0


def live_and_die(folder: Path, chance: random.Random) -> bool:
    """Starts the run, kills it, and returns whether a save was under way. One in five dies while it starts."""
    process = programs.start(folder, *SETTINGS)
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 3.0))
    else:
        # As many wait for a new checkpoint: on a busy machine too, what was saved grows from life to life.
        there = newest if chance.random() < 0.5 else last_logged
        before, deadline = there(folder), time.monotonic() + 120
        while there(folder) in (0, before):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.5))
    process.kill()
    _, err = process.communicate()
    assert process.returncode == -9, f"ended by itself before it was killed: {err}"
    return any((folder / "checkpoints").glob(".*"))


def children(process: Process) -> list[int]:
    """Returns the processes that any thread of the run has started."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for thread in threads for pid in thread.read_text().split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_processes_that_read_pictures_live_as_long_as_the_run(tmp_path):
    settings = (*programs.PLAIN_FLAGS, "--config.reconstruction.steps=100000", "--config.data.workers=2")
    for number, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
        process = programs.start(tmp_path, *settings)
        programs.wait_for_step(tmp_path, last_logged(tmp_path) + 3, process)
        workers = children(process)
        assert len(workers) >= 2
        if number == signal.SIGTERM:  # to all of a job's processes, as schedulers do
            for worker in workers:
                os.kill(worker, number)
        process.send_signal(number)
        out, err = process.communicate(timeout=100)
        assert process.returncode == status, err
        assert "Traceback" not in err, err
        assert status or "stopped by SIGTERM, saved as" in out
        deadline = time.monotonic() + 20
        while not all(gone(worker) for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_reader_that_dies_ends_the_run_with_a_line(tmp_path):
    settings = (*programs.PLAIN_FLAGS, "--config.reconstruction.steps=100000", "--config.data.workers=2")
    process = programs.start(tmp_path, *settings)
    programs.wait_for_step(tmp_path, 3, process)
    workers = [pid for pid in children(process) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)  # as the kernel does where memory ends
    _, err = process.communicate(timeout=100)
    assert process.returncode == 2, err
    assert "error: a process that reads pictures has died: " in err
    assert "Traceback" not in err, err


def test_twenty_kills_change_nothing(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    programs.finish(programs.start(whole, *SETTINGS))
    chance = random.Random(1)  # 9 of them wait for a checkpoint, each 2 steps on at least
    saving = sum(live_and_die(killed, chance) for _ in range(KILLS))
    assert saving >= 2  # some of them must have hit a save
    assert newest(killed) > FIRST  # and the last of them the second phase
    programs.finish(programs.start(killed, *SETTINGS))
    states = (programs.saved(folder, FIRST + SECOND, **programs.PLAIN) for folder in (whole, killed))
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)
    assert programs.logged(whole) == programs.logged(killed)
    assert programs.steps_of(whole) == programs.steps_of(killed)
    assert not list((killed / "checkpoints").glob(".*"))  # what a kill left half written is gone


def test_of_two_that_start_together_one_trains_and_the_other_says_so(tmp_path):
    folder = tmp_path / "run"
    few = (*programs.PLAIN_FLAGS, "--config.reconstruction.steps=4", "--config.adversarial.steps=2")
    both = [programs.start(folder, *few) for _ in range(2)]
    said = [process.communicate(timeout=400)[1] for process in both]
    winner, loser = sorted(range(2), key=lambda number: both[number].returncode or 0)
    assert (both[winner].returncode, both[loser].returncode) == (0, 2), said
    assert f"{folder} is in use by process {both[winner].pid} on " in said[loser]
    assert "Traceback" not in said[loser]
    assert last_logged(folder) == 6
