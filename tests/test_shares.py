"""`python -m srn_jax.infer --share K/N`: several processes, as on several hosts, that do one folder together."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srn_jax import SRN, InputError
from srn_jax.infer import __main__ as program
from srn_jax.infer.jobs import Job
from srn_jax.infer.manifest import Manifest
from srn_jax.programs import files
from tests.forked import Process
from tests.inferring import refused
from tests.programs import ended, environment
from tests.test_generator import save, tiny_generator

NAMES = [f"{letter}.png" for letter in "abcdef"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(save(tmp_path_factory.mktemp("run"), tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24)), 1))


@pytest.fixture
def photographs(tmp_path) -> Path:
    """A folder of six pictures."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def run(model, photographs, capsys):
    """Runs the program on the folder; returns status, standard output and standard error."""

    def call(*arguments: object) -> tuple[object, str, str]:
        given = ["--checkpoint", model, "--input", photographs, "--output", photographs.with_name("out"), *arguments]
        return ended(program.main, capsys, *given)

    return call


def start(model: str, photographs: Path, output: str, *arguments: str) -> Process:
    """Starts the program as a process of its own."""
    given = ["--checkpoint", model, "--input", str(photographs), "--output", str(photographs.with_name(output))]
    given += ["--margins", "random", "--ratio", "3", *arguments]
    return Process("srn_jax.infer", *given, environment=environment(1))


def finished(*processes: Process) -> list[str]:
    """Returns what each wrote to standard output; all must succeed."""
    said = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [out for out, _ in said]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def made(folder: Path) -> list[str]:
    """Returns the outputs that the manifest has as written."""
    listed = json.loads((folder / "manifest.json").read_text())["pictures"]
    return [one["output"] for one in listed if "written" in one]


@pytest.mark.slow
def test_shares_at_once_a_killed_one_and_more_of_them_later_make_what_one_process_makes(model, photographs):
    (out,) = finished(start(model, photographs, "whole"))
    assert out.endswith("wrote 6 of 6 pictures to " + str(photographs.with_name("whole")) + "\n")
    whole = contents(photographs.with_name("whole"))
    assert list(whole) == [*NAMES, "manifest.json"]

    out = photographs.with_name("out")
    both = [start(model, photographs, "out", "--share", f"{share}/2") for share in (0, 1)]
    deadline = time.monotonic() + 200
    while not (out / "b.png").exists():
        assert both[1].poll() is None, both[1].communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    both[1].send_signal(signal.SIGKILL)
    both[1].communicate()
    (said,) = finished(both[0])
    assert "of share 0/2: wrote 3 of 3 pictures" in said
    there = made(out)
    assert {"a.png", "c.png", "e.png"} <= set(there)
    before = {name: (out / name).stat().st_mtime_ns for name in there}

    finished(*(start(model, photographs, "out", "--share", f"{share}/3") for share in range(3)))
    assert contents(out) == whole
    assert {name: (out / name).stat().st_mtime_ns for name in there} == before


@pytest.mark.slow
def test_many_shares_at_once_lose_nothing_of_one_manifest(model, photographs):
    finished(start(model, photographs, "whole"))
    finished(*(start(model, photographs, "out", "--share", f"{share}/7") for share in range(7)))  # one has nothing
    assert contents(photographs.with_name("out")) == contents(photographs.with_name("whole"))


def test_the_shares_of_one_job_work_at_once_and_nobody_else(run, photographs):
    out = photographs.with_name("out")
    with files.working_in(out, "--output", (0, 2)):
        for other in ((), ("--share", "0/2"), ("--share", "1/3")):
            assert f"--output {out} is in use by process " in refused(run(*other))
        assert run("--share", "1/2")[0] == 0
        assert made(out) == ["b.png", "d.png", "f.png"]
    with files.working_in(out, "--output"):
        assert "is in use by process " in refused(run("--share", "0/2"))
    assert run()[0] == 0
    assert made(out) == NAMES
    assert list(contents(out)) == [*NAMES, "manifest.json"]


def test_what_a_killed_share_left_holds_nobody_back(run, photographs):
    out = photographs.with_name("out")
    out.mkdir()
    for name in (".lock", ".turn", ".share-0-of-2.lock", ".share-4-of-5.lock"):
        (out / name).write_text("process 1 on elsewhere")
    assert [run("--share", f"{share}/2")[0] for share in (0, 1)] == [0, 0]
    assert list(contents(out)) == [*NAMES, "manifest.json"]


def test_a_share_with_other_settings_is_refused(run):
    assert run("--share", "0/2", "--seed", 1)[0] == 0
    assert "were made with other settings: seed 1 and now 2" in refused(run("--share", "1/2", "--seed", 2))


def test_what_others_put_where_any_share_writes_is_replaced_by_force_alone(run, photographs):
    out = photographs.with_name("out")
    out.mkdir()
    (out / "b.png").write_text("precious")
    assert f"1 of 6 outputs exist, such as {out / 'b.png'}; --force" in refused(run("--share", "0/2"))
    assert (out / "b.png").read_text() == "precious"
    assert run("--share", "0/2", "--force")[0] == 0
    assert (out / "b.png").read_text() == "precious"  # another share's
    assert run("--share", "1/2", "--force")[0] == 0
    assert made(out) == NAMES


def test_force_makes_the_own_share_anew_and_forgets_other_settings(run, photographs):
    out = photographs.with_name("out")
    run("--seed", 1)
    before = {name: (out / name).stat().st_mtime_ns for name in NAMES}
    assert run("--share", "0/2", "--seed", 1, "--force")[1].endswith(f"wrote 3 of 3 pictures to {out}\n")
    assert [name for name in NAMES if (out / name).stat().st_mtime_ns == before[name]] == ["b.png", "d.png", "f.png"]
    assert made(out) == NAMES
    run("--share", "0/2", "--seed", 2, "--force")
    assert made(out) == ["a.png", "c.png", "e.png"]


@pytest.mark.parametrize("given", ["2/2", "-1/2", "1", "1/0", "a/b", "1/2/3", "", "1.0/2", "9" * 30 + "/2"])
def test_a_share_that_is_none_is_refused(run, given):
    assert "is not K/N with K from 0 to N - 1, as 0/4 to 3/4" in refused(run(f"--share={given}"))


def test_a_share_is_of_a_folder(model, photographs, capsys):
    given = ["--checkpoint", model, "--input", str(photographs / "a.png"), "--output", str(photographs / "x.png")]
    with pytest.raises(SystemExit):
        program.main([*given, "--share", "0/2"])
    assert capsys.readouterr().err == f"error: --share is of a folder, and --input is the file {photographs}/a.png\n"


def test_processes_keep_each_others_records(photographs):
    out = photographs.with_name("out")
    jobs = [Job(photographs / name, out / name) for name in NAMES]
    manifests = [Manifest(out, {"seed": 0}) for _ in range(2)]
    for number, manifest in enumerate(manifests):
        manifest.begin(jobs, jobs[number::2], anew=False)
    for place, job in enumerate(jobs):
        job.target.write_bytes(job.source.read_bytes())
        manifests[place % 2].add(job, {"sha256": "0"})
        manifests[place % 2].save()
    assert made(out) == NAMES
    Manifest(out, {"seed": 1}).begin(jobs, jobs, anew=True)
    with pytest.raises(InputError, match="made with other settings: seed 1 and now 0; --force replaces"):
        manifests[0].save()
