"""A disk that fills up, a second run in the same folder, and checkpoints that were damaged."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax import load_generator
from srn_jax.errors import InputError
from srn_jax.generator import Generator
from srn_jax.models.srn import SRN
from srn_jax.seal import check_seal
from srn_jax.train.checkpoint import write_checkpoint
from srn_jax.train.state import build_networks
from tests import programs, tiny

# Runs in a mount namespace of its own, with a file system of 4 MB on $1, the run's commands being $2 (starts it) and
# $3 (what else happens); what is on it afterwards is copied to $4.
SMALL_DISK = """
set -u
mount -t tmpfs -o size=4m tmpfs "$1" || exit 99
eval "$3" & eval "$2"; status=$?
mkdir -p "$4"
cp -r "$1"/. "$4"
mount -o remount,size=64m "$1"
rm -f "$1/filler"
[ "$status" = 2 ] || exit "$status"
eval "$2" > "$4/second" 2>&1 || exit 98
"""


def run_on_small_disk(tmp_path: Path, meanwhile: str, *arguments: str) -> tuple[str, Path]:
    """Returns what the run wrote to standard error until it ended with status 2, and a copy of the disk as it was then.

    With more space, the same command has to end well.
    """
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    mount = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nobody may mount a small disk here")
    command = programs.command(disk / "run", *arguments)
    arguments = (str(disk), " ".join(command), meanwhile.format(disk=disk), str(copy))
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", SMALL_DISK, "bash", *arguments],
        capture_output=True,
        text=True,
        cwd=programs.ROOT,
        env=programs.environment(),
        timeout=300,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "continuing from step" in (copy / "second").read_text()
    return done.stderr, copy / "run"


@pytest.mark.slow
def test_a_disk_that_is_full_while_saving_is_named_and_the_last_good_checkpoint_stays(tmp_path):
    many = ("--config.reconstruction.steps=30", "--config.adversarial.steps=0", "--config.run.save_every_steps=1")
    err, folder = run_on_small_disk(tmp_path, "true", *many, "--config.run.keep_newest=100")
    last = err.strip().splitlines()[-1]
    assert "could not be saved" in last
    assert "No space left" in last
    assert "MB are free" in last
    newest = programs.steps_of(folder)[-1]
    assert last.endswith(f"the last good one is {tmp_path}/disk/run/checkpoints/{newest}")
    assert "Traceback" not in err
    check_seal(folder / "checkpoints" / str(newest))
    assert load_generator(folder).canvas == (16, 24)
    assert not list((folder / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_a_disk_that_is_full_while_logging_is_named_and_the_last_good_checkpoint_stays(tmp_path):
    fill = (
        "until [ -d {disk}/run/checkpoints/150 ]; do sleep 0.1; done; "
        "head -c 10000000 /dev/zero > {disk}/filler 2>/dev/null; true"
    )
    many = ("--config.reconstruction.steps=300", "--config.adversarial.steps=0", "--config.run.save_every_steps=150")
    err, folder = run_on_small_disk(tmp_path, fill, *many)
    last = err.strip().splitlines()[-1]
    assert "No space left on device" in last
    assert "checkpoints/" in last
    assert "Traceback" not in err
    check_seal(folder / "checkpoints" / str(programs.steps_of(folder)[-1]))


@pytest.mark.slow
def test_a_second_run_in_one_folder_is_refused_and_the_first_goes_on(tmp_path):
    first = programs.start(tmp_path / "run", "--config.reconstruction.steps=100000")
    programs.wait_for_step(tmp_path / "run", 2, first)
    second = programs.start(tmp_path / "run", "--config.reconstruction.steps=100000")
    out, err = second.communicate(timeout=200)
    assert (second.returncode, out) == (2, "")
    assert f"{tmp_path}/run is in use by process {first.pid} on " in err.strip().splitlines()[-1]
    programs.wait_for_step(tmp_path / "run", max(programs.logged(tmp_path / "run")) + 2, first)
    first.kill()  # the lock goes with its holder
    first.communicate()
    third = programs.start(tmp_path / "run", "--config.reconstruction.steps=100000")
    there = max(programs.logged(tmp_path / "run"))
    programs.wait_for_step(tmp_path / "run", there + 1, third)
    third.kill()
    third.communicate()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    config = settings.resolve(tiny.config(critic__names=()))
    state = tiny.state(config, build_networks(config))
    generator = Generator(state.average, SRN((2, 2), width=4), (8, 12), (16, 24), "random")
    folder = tmp_path_factory.mktemp("sealed") / "7"
    write_checkpoint(folder, generator, {"step": state.step, "params": state.params})
    check_seal(folder)
    return folder


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    place = len(content) // 2
    content[place] ^= 1 << (place % 8)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "is missing|cannot be read: No such file"),
        (lambda file: os.truncate(file, file.stat().st_size - 1), "bytes where [0-9,]+ were written|is damaged"),
        (flip, "is damaged|is missing|bytes where"),
    ],
    ids=["missing", "truncated", "flipped"],
)
def test_damage_to_any_file_is_found_and_the_file_named(checkpoint, tmp_path, damage, message):
    files = [file.relative_to(checkpoint) for file in checkpoint.rglob("*") if file.is_file()]
    assert len(files) > 10
    for number, name in enumerate(files):
        copy = Path(shutil.copytree(checkpoint, tmp_path / str(number)))
        damage(copy / name)
        with pytest.raises(InputError, match=message) as caught:
            check_seal(copy)
        assert str(copy) in str(caught.value)
        if name.name != "checksums.json":
            assert str(copy / name) in str(caught.value)


def test_every_bit_of_the_list_itself_counts(checkpoint, tmp_path):
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    listed = copy / "checksums.json"
    whole = listed.read_bytes()
    for place in np.random.default_rng(0).choice(8 * len(whole), 200, replace=False).tolist():
        content = bytearray(whole)
        content[place // 8] ^= 1 << (place % 8)
        listed.write_bytes(content)
        with pytest.raises(InputError):
            check_seal(copy)


def test_a_user_s_generator_is_checked_too_but_not_what_it_does_not_need(checkpoint, tmp_path):
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    array = max((copy / "generator").rglob("*"), key=lambda file: file.stat().st_size if file.is_file() else 0)
    for file in (copy / "state").rglob("*"):
        if file.is_file():
            file.unlink()
    jax.tree.map(np.testing.assert_array_equal, load_generator(copy).params, load_generator(checkpoint).params)
    flip(array)
    with pytest.raises(InputError, match=f"{array} is damaged: its checksum is not that of what was written"):
        load_generator(copy)


def test_the_list_holds_sizes_and_checksums(checkpoint):
    listed = json.loads((checkpoint / "checksums.json").read_text())
    assert listed["architecture/metadata"][0] == (checkpoint / "architecture" / "metadata").stat().st_size
    assert "checksums.json" not in listed
