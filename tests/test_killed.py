"""Nothing is lost: a run that is killed at any moment, and started again, ends as if nothing had been."""

import random
import time
from pathlib import Path

import numpy as np
import pytest

from tests import programs

pytestmark = pytest.mark.slow
KILLS = 20
STEPS = 120  # of each phase; 20 lives of a second or so do not reach the end
SETTINGS = (
    f"--config.reconstruction.steps={STEPS}",
    f"--config.adversarial.steps={STEPS}",
    "--config.run.save_every_steps=2",
)


def last_logged(folder: Path) -> int:
    """Returns the last whole line's step; 0 before there is one."""
    log = folder / "metrics.jsonl"
    return log.read_text().count('"total"') if log.exists() else 0


def live_and_die(folder: Path, chance: random.Random) -> bool:
    """Starts the run, kills it, and returns whether a save was under way. One in five dies while it starts."""
    process = programs.start(folder, *SETTINGS)
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 6.0))
    else:
        before, deadline = last_logged(folder), time.monotonic() + 120
        while last_logged(folder) in (0, before):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 1.0))
    process.kill()
    _, err = process.communicate()
    assert process.returncode == -9, f"ended by itself before it was killed: {err}"
    return any((folder / "checkpoints").glob(".*"))


def test_twenty_kills_change_nothing(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    programs.finish(programs.start(whole, *SETTINGS))
    chance = random.Random(4)
    saving = sum(live_and_die(killed, chance) for _ in range(KILLS))
    assert saving >= 2  # some of them must have hit a save
    programs.finish(programs.start(killed, *SETTINGS))
    for a, b in zip(programs.saved(whole, 2 * STEPS), programs.saved(killed, 2 * STEPS), strict=True):
        np.testing.assert_array_equal(a, b)
    assert programs.logged(whole) == programs.logged(killed)
    assert programs.steps_of(whole) == programs.steps_of(killed)
    assert not list((killed / "checkpoints").glob(".*"))  # what a kill left half written is gone
