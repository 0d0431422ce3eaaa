"""A disk that fills up, a second run in the same folder, and checkpoints that were damaged."""

import errno
import fcntl
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax import load_generator
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import find_checkpoint
from srn_jax.generators.seal import check_seal, seal
from srn_jax.generators.writing import write_checkpoint
from srn_jax.models.srn import SRN
from srn_jax.train import workdir
from srn_jax.train.checkpoint import Checkpoints
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
    command = programs.command(disk / "run", *programs.PLAIN_FLAGS, *arguments)
    arguments = (str(disk), shlex.join(command), meanwhile.format(disk=disk), str(copy))
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
    many = ("--config.reconstruction.steps=12", "--config.adversarial.steps=0", "--config.run.save_every_steps=1")
    large = "--config.model.width=6"  # a checkpoint, so that few of them fill the disk
    err, folder = run_on_small_disk(tmp_path, "true", *many, large, "--config.run.keep_newest=100")
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
        "until [ -d {disk}/run/checkpoints/100 ]; do sleep 0.1; done; "
        "head -c 10000000 /dev/zero > {disk}/filler 2>/dev/null; true"
    )
    many = ("--config.reconstruction.steps=200", "--config.adversarial.steps=0", "--config.run.save_every_steps=100")
    err, folder = run_on_small_disk(tmp_path, fill, *many)
    last = err.strip().splitlines()[-1]
    assert "No space left on device" in last
    assert "checkpoints/" in last
    assert "Traceback" not in err
    check_seal(folder / "checkpoints" / str(programs.steps_of(folder)[-1]))


@pytest.mark.slow
def test_a_second_run_in_one_folder_is_refused_and_the_first_goes_on(tmp_path):
    many = (*programs.PLAIN_FLAGS, "--config.reconstruction.steps=100000")
    first = programs.start(tmp_path / "run", *many)
    programs.wait_for_step(tmp_path / "run", 2, first)
    second = programs.start(tmp_path / "run", *many)
    out, err = second.communicate(timeout=200)
    assert (second.returncode, out) == (2, "")
    assert f"{tmp_path}/run is in use by process {first.pid} on " in err.strip().splitlines()[-1]
    programs.wait_for_step(tmp_path / "run", max(programs.logged(tmp_path / "run")) + 2, first)
    first.kill()  # the lock goes with its holder
    first.communicate()
    third = programs.start(tmp_path / "run", *many)
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


def test_a_save_that_finds_no_room_is_not_begun(tmp_path, monkeypatch):
    config = settings.resolve(tiny.config(critic__names=()))
    state = tiny.state(config, build_networks(config))
    generator = Generator(state.average, SRN((2, 2), width=4), (8, 12), (16, 24), "random")
    checkpoints = Checkpoints(tmp_path, config.run)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    message = (
        r"checkpoint of step 0 could not be saved: No space left on device: it takes about \d\.\d MB, 1.0 MB are free; "
    )
    with pytest.raises(InputError, match=f"{message}there was none before"):
        checkpoints.save(state, generator, None)
    checkpoints.close()
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_workdir_that_cannot_be_used_is_refused(tmp_path, monkeypatch, caplog):
    config = settings.resolve(tiny.config())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot use the workdir .*file/run: Not a directory"):
        workdir.claim(tmp_path / "file" / "run", config, {})

    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with workdir.claim(tmp_path / "run", config, {}):
        assert "cannot be locked (No locks available): see to it that no second run uses it" in caplog.text


def test_settings_that_may_change_depend_on_others(tmp_path):
    with workdir.claim(tmp_path, settings.resolve(tiny.config()), {"vgg": "none"}):
        pass
    more = settings.resolve(tiny.config(adversarial__steps=9, compute__accumulate=2))
    assert workdir.check(tmp_path, more, {"vgg": "none"})["adversarial"]["steps"] == 9
    with pytest.raises(InputError, match=r"other settings \(inputs.vgg was 'none', is '12345678'\)"):
        workdir.check(tmp_path, more, {"vgg": "12345678"})
    falling = {"adversarial__schedule": "cosine", "loss__mrf": "release"}
    with workdir.claim(tmp_path / "falling", settings.resolve(tiny.config(**falling)), {}):
        pass
    more = settings.resolve(tiny.config(adversarial__steps=9, compute__accumulate=2, **falling))
    with pytest.raises(InputError, match=r"adversarial.steps was 3, is 9; compute.accumulate was 1, is 2"):
        workdir.check(tmp_path / "falling", more, {})


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


def test_a_file_that_cannot_be_read_is_damage(checkpoint, tmp_path, monkeypatch):
    def fail(self, *arguments, **more):
        raise OSError(errno.EIO, "Input/output error") if self.name == "manifest.ocdbt" else FileNotFoundError

    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (copy / "checksums.json").write_text(json.dumps({"generator/manifest.ocdbt": [1, "00000000"]}))
    monkeypatch.setattr(Path, "open", fail)
    monkeypatch.setattr(Path, "read_text", lambda self: json.dumps({"generator/manifest.ocdbt": [1, "00000000"]}))
    with pytest.raises(InputError, match=r"generator/manifest.ocdbt cannot be read: Input/output error"):
        check_seal(copy)


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


def test_damage_to_what_only_training_needs_is_no_reason_for_an_older_generator(checkpoint, tmp_path):
    for step in (1, 2):
        shutil.copytree(checkpoint, tmp_path / "checkpoints" / str(step))
    adam = max((tmp_path / "checkpoints" / "2" / "state").rglob("*"), key=lambda f: f.stat().st_size * f.is_file())
    flip(adam)
    assert find_checkpoint(tmp_path, "--checkpoint", ("generator", "architecture")).name == "2"
    assert find_checkpoint(tmp_path, "run.start_from").name == "1"
    shutil.rmtree(tmp_path / "checkpoints" / "1")
    load_generator(tmp_path)


def test_the_list_holds_sizes_and_checksums(checkpoint):
    listed = json.loads((checkpoint / "checksums.json").read_text())
    assert listed["architecture/metadata"][0] == (checkpoint / "architecture" / "metadata").stat().st_size
    assert "checksums.json" not in listed


@pytest.mark.parametrize(
    "listed",
    [
        "{}",
        "[]",
        "null",
        "",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"generator/manifest.ocdbt":[Infinity,"00000000"]}',
        '{"generator/manifest.ocdbt":[1e400,"00000000"]}',
        '{"generator/manifest.ocdbt":[NaN,"00000000"]}',
        '{"generator/manifest.ocdbt":[' + "9" * 5000 + ',"00000000"]}',
        '{"generator/manifest.ocdbt":3}',
    ],
    ids=range(11),
)
def test_a_list_that_lists_nothing_or_odd_numbers_lets_nothing_through(checkpoint, tmp_path, listed):
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (copy / "checksums.json").write_text(listed)
    for items in ((), (("generator", "architecture"),)):
        with pytest.raises(InputError, match=r"checksums.json is damaged: |manifest.ocdbt ") as caught:
            check_seal(copy, *items)
        assert len(str(caught.value)) < 400 + len(str(copy))
    with pytest.raises(InputError, match="cannot be read, files are missing or damaged"):
        load_generator(copy)


def test_a_file_that_the_list_lacks_is_damage_but_for_hidden_ones(checkpoint, tmp_path):
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (copy / "generator" / ".DS_Store").write_text("")
    check_seal(copy)
    listed = json.loads((copy / "checksums.json").read_text())
    del listed["architecture/metadata"]
    (copy / "checksums.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match=r"checksums.json is damaged: it does not list architecture/metadata"):
        check_seal(copy)


@pytest.mark.parametrize(
    "described",
    [
        "[" * 100_000,
        '{"model": 1e999}',
        '{"canvas": [Infinity, 8]}',
        '{"canvas": [' + "9" * 400 + ", 8]}",
        '{"known": [0, 0]}',
        '{"known": [8]}',
        '{"known": [8.5, 8]}',
        '{"known": "ab"}',
        '{"known": [1024, 1024]}',
        '{"placement": "up"}',
        '{"placement": [1]}',
    ],
)
def test_odd_numbers_in_a_sealed_description_are_damage(checkpoint, tmp_path, described):
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    whole = json.loads((copy / "architecture" / "metadata").read_text())
    text = described if described.startswith("[") else json.dumps(whole)[:-1] + ", " + described[1:]
    (copy / "architecture" / "metadata").write_text(text)
    seal(copy)
    with pytest.raises(InputError, match=r"cannot be read|does not fit") as caught:
        load_generator(copy)
    assert "\n" not in str(caught.value)
