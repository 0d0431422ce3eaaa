"""The list of programs, and how each of them starts and ends."""

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import srn_jax
from srn_jax import InputError, ops
from srn_jax import __main__ as programs
from srn_jax.convert.options import NORMALIZATIONS
from srn_jax.infer.__main__ import main as infer
from srn_jax.programs.program import Program
from tests.programs import ended
from tests.tiny import write_pictures

ROOT = Path(srn_jax.__file__).parent


def test_every_program_is_listed(capsys):
    there = set()
    for file in ROOT.rglob("*.py"):
        if re.search(r"^if __name__ == ", file.read_text(), re.MULTILINE) and file != ROOT / "__main__.py":
            there.add(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__"))
    assert set(programs.PROGRAMS) == there
    programs.main([])
    printed = capsys.readouterr().out
    assert all(f"\n  {'train' if name == 'main' else name} " in printed for name in there)


def test_version(capsys):
    with pytest.raises(SystemExit):
        programs.main(["--version"])
    assert re.fullmatch(r"srn_jax \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wait"),  # seconds: Python and JAX, whose start all programs share, and the program's own imports
    [*((name, wait) for name in ("infer", "main") for wait in (0.2, 1.0)), *((name, 3) for name in programs.PROGRAMS)],
)
def test_interrupted_as_it_starts_it_ends_in_silence_or_with_a_line(name, wait, tmp_path):
    given = {
        "infer": ["--input", "photo.jpg", "--output", "wide.png", "--ratio", "2"],
        "main": ["--config=configs/quickstart.py", f"--workdir={tmp_path}/run"],
        "evaluate": ["--data", "embedded", "--output", f"{tmp_path}/evaluation"],
        "data": ["list"],
        "vgg": ["--output", f"{tmp_path}/vgg", "--help"],
        "convert": ["--help"],
        "export": ["--output", f"{tmp_path}/model"],
        "demo": [],
        "experiments": ["fig11", "--data", f"{tmp_path}", "--vgg", "random", "--output", f"{tmp_path}/experiments"],
        "study": ["make", "--data", "embedded", "--output", f"{tmp_path}/study"],
    }
    command = [sys.executable, "-m", f"srn_jax.{name}", *given[name]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT.parent, start_new_session=True
    ) as process:
        try:
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line and "%|" not in line]) <= 2  # progress aside
    assert process.returncode in (0, 1, 2, -signal.SIGINT)
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def locked(tmp_path) -> Iterator[Path]:
    """A folder that may be listed and not entered, which holds a picture and another folder."""
    folder = write_pictures(tmp_path / "locked", 1)
    write_pictures(folder / "inner", 2)
    write_pictures(tmp_path / "pictures", 2)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)  # root without its powers is anyone
    folder.chmod(0o644 if os.geteuid() == 0 else 0o600)
    yield folder
    folder.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "infer --input {0}/picture_000.png --output {1}/wide.png --ratio 2",
        "infer --input {0}/inner --output {1}/out --ratio 2",
        "infer --input {0} --output {1}/out --ratio 2",
        "infer --input {1}/pictures --output {0}/out --ratio 2",
        "infer --input {1}/pictures/picture_000.png --output {0}/wide.png --ratio 2",
        "infer --checkpoint {0}/model --input {1}/pictures --output {1}/out --ratio 2",
        "evaluate --data {0}/inner --output {1}/out",
        "evaluate --data {1}/pictures --output {0}/out",
        "evaluate --checkpoint {0}/model --data {1}/pictures --output {1}/out",
        "export --checkpoint {0}/model --output {1}/out",
        "export --output {0}/out",
        "demo --checkpoint {0}/model",
        "experiments fig11 --data {0}/inner --held-out {1}/pictures --vgg random --output {1}/out",
        "study make --data {0}/inner --output {1}/out",
        "study make --set a={1}/pictures --set b={1}/pictures --known {1}/pictures --output {0}/out",
        "study serve --study {0}/inner",
        "study report --study {0}/inner",
        "convert --tf-checkpoint {0}/snap --output {1}/out",
        "vgg --check {0}/vgg.h5",
        "data check ethz --path {0}/inner",
        "main --config=configs/folder.py --config.data.path={0}/inner --workdir={1}/out",
        "main --config=configs/quickstart.py --workdir={0}/out",
        "main --config=configs/quickstart.py --config.run.start_from={0}/model --workdir={1}/out",
    ],
)
def test_what_the_system_refuses_is_named_in_one_line(locked, tmp_path, arguments):
    name, *given = arguments.format(locked, tmp_path).split()
    powers = "-dac_override,-dac_read_search"
    without = ["setpriv", f"--inh-caps={powers}", f"--bounding-set={powers}"] if os.geteuid() == 0 else []
    command = [*without, sys.executable, "-m", f"srn_jax.{name}", *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, timeout=300)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert str(locked) in lines[0]
    assert {path.name for path in tmp_path.iterdir()} <= {"locked", "pictures"}


def a_program(monkeypatch, work: Callable[[argparse.Namespace], int | None]) -> Program:
    monkeypatch.setitem(sys.modules, "tests.work", SimpleNamespace(run=work))  # pyright: ignore[reportArgumentType]
    return Program(lambda arguments: argparse.Namespace(output="out"), "tests.work")


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1)])
def test_a_program_returns_its_status(monkeypatch, returned, status):
    assert a_program(monkeypatch, lambda options: returned)([]) == status


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("--size is\nwrong"), "error: --size is wrong\n"),
        (PermissionError(13, "Permission denied", "there"), "error: cannot use there: Permission denied\n"),
        (OSError(28, "No space left on device"), "error: cannot use out: No space left on device\n"),
    ],
)
def test_what_does_not_fit_ends_a_program_with_one_line(monkeypatch, capsys, error, line):
    def work(options: argparse.Namespace) -> None:
        raise error

    assert ended(a_program(monkeypatch, work), capsys) == (2, "", line)


@pytest.mark.parametrize("fault", [ValueError, BrokenPipeError])
def test_what_is_no_fault_of_the_user_is_not_taken_for_one(monkeypatch, fault):
    def work(options: argparse.Namespace) -> None:
        raise fault

    with pytest.raises(fault):
        a_program(monkeypatch, work)([])


def test_a_reader_that_has_seen_enough_ends_a_program_in_silence():
    command = f"{sys.executable} -m srn_jax.data list | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT.parent, timeout=100)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 1, "")


@pytest.mark.parametrize("name", sorted(programs.PROGRAMS.keys() - {"main"}))
def test_options_have_hyphens(name, capsys):
    status, out, _ = ended(importlib.import_module(f"srn_jax.{name}.__main__").main, capsys, "--help")
    assert status == 0
    options = re.findall(r"^ +(?:-\w, )?(--[a-z][\w-]*)", out, re.MULTILINE)
    assert "--help" in options
    assert not [option for option in options if "_" in option]


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("infer", "--input a --output b --most_passes=3 --compilation_cache c_d", {"compilation_cache": "c_d"}),
        ("infer", "--input a_b --output b_c --most-passes 3", {"input": "a_b", "output": "b_c", "most_passes": 3}),
        ("evaluate", "--data a --full_resolution sides", {"full_resolution": "sides"}),
        ("evaluate", "--data=--a_b --full-resolution", {"data": "--a_b", "full_resolution": "trained"}),
        ("experiments", "fig9 --data a --held_out=b_c", {"held_out": "b_c"}),
        ("experiments", "fig9 --data a -- --config.model.a_b=1", {"settings": ["--config.model.a_b=1"]}),
        ("study", "make --data a --output b --compilation_cache c", {"compilation_cache": "c"}),
        ("data", "prepare a_b --data_dir c_d", {"name": "a_b", "data_dir": "c_d"}),
        ("data", "prepare -- --a_b", {"name": "--a_b"}),
        ("convert", "--tf_checkpoint a --output b", {"tf_checkpoint": "a"}),
    ],
)
def test_options_may_have_underscores_too(name, given, read):
    options = vars(importlib.import_module(f"srn_jax.{name}.options").parse(given.split()))
    assert {name: options[name] for name in read} == read


def test_a_message_names_an_option_as_help_does(capsys):
    status, _, err = ended(infer, capsys, "--input", "a", "--output", "b", "--most_passes", "0")
    assert status == 2
    assert err.startswith("error: --most-passes is 0; it takes 1 or more")


def test_normalizations_are_those_of_the_networks():
    assert tuple(ops.NORMALIZATIONS) == NORMALIZATIONS


def test_ctrl_c_is_not_lost_in_a_finalizer():
    code = """
import os, signal, time
from srn_jax.programs import interruption

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def main():
    interruption.is_noticed()
    Dying()
    time.sleep(60)

signal.signal(signal.SIGINT, signal.SIG_DFL)
interruption.run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, timeout=50)
    assert (done.returncode, done.stderr) == (1, "interrupted\n")


def test_ctrl_c_is_left_as_it_is_for_other_programs():
    # Set beforehand: a shell has what runs in the background ignore it.
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import srn_jax
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT.parent)
