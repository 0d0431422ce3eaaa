"""Several hosts as one: real processes on loopback, killed and continued on other numbers of hosts and devices."""

import signal
from pathlib import Path

import jax
import numpy as np
import pytest

from srn_jax.errors import InputError
from srn_jax.train import hosts
from tests import programs
from tests.tiny import write_pictures

pytestmark = pytest.mark.slow
STEPS = (*programs.PLAIN_FLAGS, "--config.reconstruction.steps=10", "--config.adversarial.steps=10")


def assert_close(one: Path, other: Path) -> None:
    """Sums over devices are rounded in another order; Adam turns that into whole steps where a gradient is near 0."""
    a, b = programs.logged(one), programs.logged(other)
    assert max(a) == max(b)
    np.testing.assert_allclose(list(b.values()), [a[step] for step in b], rtol=1e-4)
    for x, y in zip(*(programs.saved(folder, 20, **programs.PLAIN) for folder in (one, other)), strict=True):
        assert np.linalg.norm(x - y) <= 1e-3 * np.linalg.norm(x) + 1e-6


@pytest.fixture(scope="module")
def one_by_four(tmp_path_factory) -> Path:
    """20 steps of both phases, one process with four devices."""
    folder = tmp_path_factory.mktemp("hosts") / "1x4"
    programs.finish(programs.start(folder, *STEPS, devices=4))
    return folder


def test_two_hosts_of_two_devices_train_as_one_of_four(one_by_four):
    """And go ahead of their devices: they meet at a few steps only."""
    folder = one_by_four.with_name("2x2")
    seldom = "--config.run.log_every_steps=10"
    first, second = programs.finish(*programs.start_hosts(folder, 2, *STEPS, seldom, devices=2))
    assert "on 4 x cpu of 2 processes" in first
    assert second == ""  # one host speaks for all
    assert_close(one_by_four, folder)


def test_killed_hosts_go_on_as_another_number_of_them(one_by_four):
    folder, there = one_by_four.with_name("killed"), [0]
    for number, devices, killed_at in ((2, 2, 7), (1, 4, 13), (4, 1, None)):  # once in each phase
        often = ("--config.run.save_every_steps=2",) if killed_at else ()
        processes = programs.start_hosts(folder, number, *STEPS, *often, devices=devices)
        if killed_at:
            programs.wait_for_step(folder, killed_at, *processes)
            for process in processes:
                process.kill()
            outputs = [process.communicate()[0] for process in processes]
        else:
            outputs = programs.finish(*processes)
        if max(there):
            assert f"continuing from step {max(there)}" in outputs[0]
        there = programs.steps_of(folder)
        assert killed_at is None or killed_at - 3 <= max(there) < 20
    assert_close(one_by_four, folder)


def test_sigterm_to_one_host_stops_and_saves_both_at_one_step(one_by_four):
    folder = one_by_four.with_name("sigterm")
    processes = programs.start_hosts(
        folder, 2, *STEPS, "--config.adversarial.steps=100000", "--interrupted_status=143", devices=2
    )
    programs.wait_for_step(folder, 12, *processes)
    processes[1].send_signal(signal.SIGTERM)
    first, _ = programs.finish(*processes, status=143)
    (step,) = programs.steps_of(folder)[-1:]
    assert f"stopped by SIGTERM, saved as {folder}/checkpoints/{step}" in first
    assert max(programs.logged(folder)) == step  # none had gone ahead
    # The schedule's end may move: the same run ends 4 steps further, on both.
    more = f"--config.adversarial.steps={step - 10 + 4}"
    programs.finish(*programs.start_hosts(folder, 2, *STEPS, more, devices=2))
    assert programs.steps_of(folder)[-1] == step + 4


def test_what_one_host_finds_wrong_ends_both_with_one_line(one_by_four):
    processes = programs.start_hosts(one_by_four, 2, *STEPS, "--config.data.batch=6")
    for process in processes:
        _, err = process.communicate(timeout=200)
        assert process.returncode == 2, err
        assert "belongs to a run with other settings (data.batch was 4, is 6)" in err.strip().splitlines()[-1]


def refusals(*processes) -> list[str]:
    """Returns the last line that each wrote before it ended with status 2, without a traceback."""
    lines = []
    for process in processes:
        _, err = process.communicate(timeout=200)
        assert process.returncode == 2, err
        assert "Traceback" not in err, err
        lines.append(err.strip().splitlines()[-1])
    return lines


def test_hosts_that_were_started_differently_refuse(tmp_path):
    last = ("--config.run.save_every_steps=7",)
    for line in refusals(*programs.start_hosts(tmp_path / "run", 2, *STEPS, last=last)):
        assert (
            "hosts 0 and 1 differ in settings: run.save_every_steps=1000 on the first, run.save_every_steps=7" in line
        )
    for line in refusals(*programs.start_hosts(tmp_path / "run", 2, *STEPS, devices=1, last_devices=3)):
        assert "the processes have 1, 3 devices; all take as many" in line
    for line in refusals(*programs.start_hosts(tmp_path / "run", 2, *STEPS, "--config.parallel=pmap")):
        assert "parallel is 'pmap', which takes one host; several take 'shard_map'" in line
    assert not (tmp_path / "run").exists()


def test_what_fails_on_one_host_within_the_run_ends_both_with_a_line(tmp_path):
    for name in ("whole", "broken"):
        write_pictures(tmp_path / name, 8)
    picture = tmp_path / "broken" / "picture_002.png"
    picture.write_bytes(bytes(picture.stat().st_size))
    data = ("--config.data.source=folder", "--config.data.held_out=2", "--config.run.max_unreadable=0", *STEPS)
    whole, broken = (f"--config.data.path={tmp_path / name}" for name in ("whole", "broken"))
    first, second = refusals(*programs.start_hosts(tmp_path / "run", 2, *data, whole, last=(broken,)))
    assert "host 1: 1 unreadable pictures, the last" in first
    assert "error: 1 unreadable pictures, the last" in second
    (tmp_path / "other" / "metrics.jsonl").mkdir(parents=True)
    first, second = refusals(*programs.start_hosts(tmp_path / "other", 2, *STEPS))
    assert "metrics.jsonl: Is a directory" in first
    assert "host 0: " in second
    assert "Is a directory" in second


def test_a_process_that_nobody_answers_says_so(monkeypatch):
    def initialize(*arguments, **more):
        raise RuntimeError("DEADLINE_EXCEEDED")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(InputError, match="cannot join the other processes: DEADLINE_EXCEEDED; --num_"):
        hosts.connect("127.0.0.1:1", 2, 0)
    hosts.connect(None, 1, None)  # alone, it asks nobody


def test_flags_that_do_not_fit_are_refused():
    for arguments, message in (
        (
            ("127.0.0.1:1", 2, None),
            "--process_id missing: several hosts take --coordinator, --num_processes",
        ),
        (("127.0.0.1:1", 10**20, 0), "--num_processes is 100000000000000000000; it takes 1 to 1,048,576"),
        (("127.0.0.1:1", 0, 0), "--num_processes is 0; it takes 1 to"),
        (("127.0.0.1:1", 2, 2), "--process_id is 2; it takes 0 to --num_processes - 1, which is 1"),
        (("127.0.0.1", 2, 0), "--coordinator is '127.0.0.1'; it takes HOST:PORT of process 0"),
    ):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            hosts.connect(*arguments)
