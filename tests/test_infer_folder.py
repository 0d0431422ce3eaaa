"""`python -m srn_jax.infer` of a folder: what is written, recorded, passed over, gone on with and refused."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from srn_jax.generators.generator import Generator
from srn_jax.infer import program
from srn_jax.pictures import photo
from srn_jax.programs.lock import lock
from tests.inferring import CANVAS, files, noise, places, read, refused, write
from tests.inferring import run as run
from tests.inferring import runs as runs
from tests.programs import environment
from tests.test_stream import as_on_an_accelerator, calls


def test_folder(run):
    pictures = {name: write(name) for name in ("in/a.png", "in/deep/er/b.bmp", "in/same.bmp", "in/same.png")}
    for hidden in ("in/.c.png", "in/.git/d.png", "in/__MACOSX/e.png"):
        write(hidden)
    for other in ("in/notes.txt", "in/LICENSE"):
        Path(other).write_text("no picture")
    Path("in/none").mkdir()
    status, out, err = run("--input", "in", "--output", "new/out")
    assert (status, out) == (0, "wrote 4 of 4 pictures to new/out\n")
    assert "4/4" in err
    written = {
        "a.png": "a.png",
        "deep/er/b.png": "deep/er/b.bmp",
        "same.bmp.png": "same.bmp",
        "same.png.png": "same.png",
    }
    assert files("new/out") == sorted([*written, "manifest.json"])
    for target, source in written.items():
        assert places(read(f"new/out/{target}"), pictures[f"in/{source}"]) == [(4, 6)]


def test_folder_of_one_picture_gives_a_folder(run):
    write("in/a.png")
    status, out, _ = run("--input", "in/", "--output", "out.png")
    assert (status, out) == (0, "wrote 1 of 1 pictures to out.png\n")
    assert files("out.png") == ["a.png", "manifest.json"]


def test_pictures_of_a_folder_that_fail_are_named_and_the_others_written(run):
    write("in/a.png")
    write("in/z.png")
    whole = Path("in/a.png").read_bytes()
    Path("in/cut.png").write_bytes(whole[: len(whole) // 2])
    Path("in/empty.jpg").touch()
    Image.fromarray(noise()[..., 0].astype(np.int32)).save("in/deep.tif")
    status, out, err = run("--input", "in", "--output", "out")
    assert (status, out) == (1, "wrote 2 of 5 pictures to out\n")
    assert files("out") == ["a.png", "manifest.json", "z.png"]
    lines = [line for line in err.replace("\r", "\n").splitlines() if "skipped" in line]
    assert [line.split(":")[0] for line in lines] == [
        f"skipped in/{name}" for name in ("cut.png", "deep.tif", "empty.jpg")
    ]
    assert "32 signed bits a channel; it takes up to 16" in lines[1]
    assert "Traceback" not in err


def test_a_picture_that_memory_does_not_hold_does_not_end_the_rest(run, monkeypatch):
    write("in/a.png")
    write("in/b.png")

    def exhausted(path: Path, *rest: object, **more: object) -> None:
        if path.name == "a.png":
            raise MemoryError
        photo.write_photo(path, *rest, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(program, "write_photo", exhausted)
    status, out, err = run("--input", "in", "--output", "out")
    assert (status, out) == (1, "wrote 1 of 2 pictures to out\n")
    assert "skipped in/a.png: not enough memory" in err


def test_outputs_are_replaced_by_force_alone(run):
    before = {name: write(name) for name in ("in/a.png", "in/b.png")}
    Path("out").mkdir()
    Path("out/b.png").write_text("precious")
    line = refused(run("--input", "in", "--output", "out"))
    assert line == "error: 1 of 2 outputs exist, such as out/b.png; --force replaces them"
    assert files("out") == ["b.png"]
    line = refused(run("--input", "in/b.png", "--output", "out"))
    assert line == "error: out/b.png exists; --force replaces it"
    assert Path("out/b.png").read_text() == "precious"
    status, _, _ = run("--input", "in", "--output", "out", "--force")
    assert status == 0
    for name, pixels in before.items():
        assert places(read(f"out/{Path(name).name}"), pixels) == [(4, 6)]


def interrupted_after(count: int) -> Callable[..., object]:
    """Returns what writes `count` pictures, and is then interrupted."""
    written = []

    def write_some(*arguments: object, **more: object) -> None:
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(arguments[0])
        photo.write_photo(*arguments, **more)  # pyright: ignore[reportArgumentType]

    return write_some


def test_a_folder_goes_on_where_it_was_interrupted(run, monkeypatch):
    names = [f"{letter}.png" for letter in "abcdef"]
    for name in names:
        write(f"in/{name}")
    options = ("--input", "in", "--placement", "random", "--ratio", 3)
    run(*options, "--output", "whole")
    with monkeypatch.context() as patched:
        patched.setattr(program, "write_photo", interrupted_after(3))
        with pytest.raises(KeyboardInterrupt):
            run(*options, "--output", "out")
    assert 0 < len(files("out")) < 7
    before = {name: Path("out", name).stat().st_mtime_ns for name in recorded("out")}
    status, out, _ = run(*options, "--output", "out")
    assert status == 0
    assert len(before) == 3  # also those whose turn to be recorded had not come
    assert out.startswith(f"{len(before)} of 6 pictures are there already\n")
    assert {name: Path("out", name).stat().st_mtime_ns for name in before} == before
    for name in [*names, "manifest.json"]:
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()
    status, out, _ = run(*options, "--output", "out")
    assert (status, out) == (0, "6 of 6 pictures are there already\nwrote 0 of 0 pictures to out\n")


def recorded(folder: str) -> list[str]:
    """Returns the outputs that were made, as a folder's manifest has them."""
    listed = json.loads(Path(folder, "manifest.json").read_text())["pictures"]
    return [one["output"] for one in listed if "sha256" in one]


def test_an_output_that_was_written_but_not_recorded_is_made_again(run):
    write("in/a.png")
    write("in/b.png")
    run("--input", "in", "--output", "out")
    manifest = json.loads(Path("out/manifest.json").read_text())
    manifest["pictures"][1] = {"input": "in/b.png", "output": "b.png"}  # what a kill just after the output leaves
    Path("out/manifest.json").write_text(json.dumps(manifest))
    status, out, _ = run("--input", "in", "--output", "out")
    assert (status, out) == (0, "1 of 2 pictures are there already\nwrote 1 of 1 pictures to out\n")
    assert recorded("out") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "damage", [lambda whole: b"", lambda whole: whole[:-9], lambda whole: whole[:-9] + b"123456789"]
)
def test_an_output_that_is_not_as_it_was_written_is_named_and_made_again(run, damage):
    for name in "abc":
        write(f"in/{name}.png")
    run("--input", "in", "--output", "out")
    whole = Path("out/b.png").read_bytes()
    Path("out/b.png").write_bytes(damage(whole))
    status, out, err = run("--input", "in", "--output", "out")
    assert (status, out) == (0, "2 of 3 pictures are there already\nwrote 1 of 1 pictures to out\n")
    assert "out/b.png is not as it was written: it is made again" in err
    assert Path("out/b.png").read_bytes() == whole


def test_outputs_that_were_removed_in_the_middle_are_not_said_to_be_there(run, monkeypatch):
    for name in "abcdef":
        write(f"in/{name}.png")

    def removing(path: Path, *rest: object, **more: object) -> None:
        photo.write_photo(path, *rest, **more)  # pyright: ignore[reportArgumentType]
        if path.name == "c.png":
            shutil.rmtree("out", ignore_errors=True)

    monkeypatch.setattr(program, "write_photo", removing)
    status, out, _ = run("--input", "in", "--output", "out")
    there = {name for name in files("out") if name.endswith(".png")}
    assert status == 1
    assert out == f"wrote {len(there)} of 6 pictures to out\n"
    assert len(there) < 6
    monkeypatch.setattr(program, "write_photo", photo.write_photo)
    assert run("--input", "in", "--output", "out")[0] == 0
    assert files("out") == [*(f"{name}.png" for name in "abcdef"), "manifest.json"]


def test_two_do_not_work_in_one_folder(run):
    write("in/a.png")
    Path("out").mkdir()
    with lock(Path("out/.lock"), "out", "wait"):
        line = refused(run("--input", "in", "--output", "out"))
    assert f"--output out is in use by process {os.getpid()} on" in line
    assert run("--input", "in", "--output", "out")[0] == 0
    assert files("out") == ["a.png", "manifest.json"]


def test_what_is_refused_leaves_no_folder(run):
    write("in/a.png")
    write("in/deep/a.png")
    refused(run("--input", "in", "--output", "in/out"))
    assert not Path("in/out").exists()


def test_what_others_put_into_the_folder_is_replaced_by_force_alone(run):
    write("in/a.png")
    run("--input", "in", "--output", "out")
    write("in/b.png")
    Path("out/b.png").write_text("precious")
    assert refused(run("--input", "in", "--output", "out")) == "error: out/b.png exists; --force replaces it"
    assert Path("out/b.png").read_text() == "precious"
    assert run("--input", "in", "--output", "out", "--force")[0] == 0
    assert read("out/b.png").shape == (*CANVAS, 3)


def test_of_a_folder_pictures_that_have_the_canvas_already_are_taken_over(run):
    wide, narrow = write("in/wide.png", noise(size=(8, 16))), write("in/narrow.png")
    status, out, _ = run("--input", "in", "--output", "out", "--aspect", "2:1")
    assert (status, out) == (0, "wrote 2 of 2 pictures to out\n")
    np.testing.assert_array_equal(read("out/wide.png"), wide)
    assert read("out/narrow.png").shape == (8, 16, 3)
    assert places(read("out/narrow.png"), narrow) == [(0, 2)]
    assert [one["passes"] for one in json.loads(Path("out/manifest.json").read_text())["pictures"]] == [1, 0]


def test_an_input_that_cannot_be_read_any_more_does_not_end_the_rest(run, monkeypatch):
    write("in/a.png")
    write("in/b.png")
    run("--input", "in", "--output", "out")
    write("in/c.png")
    whole = Path.open

    def fails_for_a(path: Path, *mode: Any, **more: Any) -> Any:
        if path.name == "a.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        return whole(path, *mode, **more)

    monkeypatch.setattr(Path, "open", fails_for_a)
    status, out, err = run("--input", "in", "--output", "out")
    assert (status, out) == (1, "1 of 3 pictures are there already\nwrote 1 of 2 pictures to out\n")
    assert "skipped in/a.png: cannot read in/a.png: Permission denied" in err
    assert recorded("out") == ["a.png", "b.png", "c.png"]


def test_a_name_that_is_no_text_is_no_obstacle(runs, tmp_path):
    name = os.fsdecode(b"b\xe4r.png")  # Latin-1
    write(str(tmp_path / "a.png"))
    os.rename(tmp_path / "a.png", tmp_path / name)
    command = [sys.executable, "-m", "srn_jax.infer", "--checkpoint", runs["random"], "--input", name]
    command += ["--output", tmp_path / "out", "--compilation-cache", ""]
    (tmp_path / "out").mkdir()
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment(1), check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rb"b\udce4r.png" in ended.stdout
    assert len(os.listdir(tmp_path / "out")) == 1


@pytest.mark.slow
def test_a_folder_is_spread_over_all_devices_and_comes_out_the_same(quick_detail, run, monkeypatch):
    names = [f"{letter}.png" for letter in "abcde"]
    for name in names:
        write(f"in/{name}", noise(sum(name.encode()), (24, 30)))
    used, paint = [], program.run_one
    monkeypatch.setattr(program, "run_one", lambda *given: (used.append(device_of(given[0])), paint(*given))[1])
    for folder, devices in (("out", jax.local_devices()), ("alone", jax.local_devices()[:1])):
        used.clear()
        monkeypatch.setattr(program, "share", lambda pictures, each, devices=devices: devices)
        assert run("--input", "in", "--output", folder)[0] == 0
        assert set(used) == {device.id for device in devices}
    for name in names:
        assert Path("out", name).read_bytes() == Path("alone", name).read_bytes()


@pytest.mark.slow
def test_a_folder_is_the_same_whatever_the_batch(run, monkeypatch):
    for name in "abc":
        write(f"in/{name}.png", noise(sum(name.encode()), (9, 20)))
    options = ("--input", "in", "--ratio", 3, "--detail", "off")
    run(*options, "--output", "alone")
    assert run(*options, "--output", "out", "--batch", 32)[0] == 0
    assert files("out") == files("alone")
    for name in files("out"):
        assert Path("out", name).read_bytes() == Path("alone", name).read_bytes()

    made = calls(monkeypatch)
    as_on_an_accelerator(monkeypatch)
    for given, largest in ((("--batch", 2), 2), ((), 32)):
        made.clear()
        assert run(*options, "--output", f"batches {largest}", *given)[0] == 0
        assert 1 < max(size for size, _ in made) <= largest
        for name in files("alone"):
            if name != "manifest.json":
                apart = read(f"batches {largest}/{name}").astype(int) - read(f"alone/{name}")
                assert np.abs(apart).max() <= 1


def device_of(generator: Generator) -> int:
    (device,) = {device for leaf in jax.tree.leaves(generator.params) for device in leaf.devices()}
    return device.id


def test_a_file_that_comes_while_its_picture_is_painted_stays(run, monkeypatch):
    write("in.png")
    paint = program.expand_by

    def expand_while_another_writes(*given, **more):
        Path("out.png").write_text("another's")
        return paint(*given, **more)

    monkeypatch.setattr(program, "expand_by", expand_while_another_writes)
    line = refused(run("--input", "in.png", "--output", "out.png"))
    assert line == "error: out.png has come while its picture was painted; --force replaces it"
    assert Path("out.png").read_text() == "another's"
    assert run("--input", "in.png", "--output", "out.png", "--force")[0] == 0
    assert read("out.png").shape == (*CANVAS, 3)
    assert files() == ["in.png", "out.png"]


def test_the_manifest_tells_what_was_made_of_what(run):
    write("in/deep/a.png", noise(size=(16, 24)))
    run("--input", "in", "--output", "out", "--aspect", "16:9", "--feather", 2, "--seed", 7)
    found = json.loads(Path("out/manifest.json").read_text())
    assert len(found["settings"].pop("model_sha256")) == 64
    given = {"aspect": "16/9", "feather": 2, "seed": 7, "fit": False, "format": "png", "rounding": "nearest"}
    given |= {"detail": "on"}
    assert found["settings"] == dict.fromkeys(("top", "bottom", "left", "right", "size", "ratio", "placement")) | given
    (one,) = found["pictures"]
    made = Path("out/deep/a.png").read_bytes()
    assert one.pop("written") == {"bytes": len(made), "sha256": hashlib.sha256(made).hexdigest()}
    assert one == {
        "input": "in/deep/a.png",
        "sha256": hashlib.sha256(Path("in/deep/a.png").read_bytes()).hexdigest(),
        "output": "deep/a.png",
        "picture": [24, 16],
        "canvas": [28, 16],
        "margins": {"top": 0, "bottom": 0, "left": 2, "right": 2},
        "passes": 1,
        "worked_at": [12, 8],
        "detail": "too small",
    }


def test_a_folder_made_otherwise_is_kept(run):
    write("in/a.png")
    run("--input", "in", "--output", "out", "--top", 4)
    line = refused(run("--input", "in", "--output", "out", "--top", 5, "--seed", 3))
    assert line.startswith("error: the outputs in out were made with other settings: seed 0 and now 3, top 4 and now 5")
    assert "model_sha256" in refused(run("--input", "in", "--output", "out", "--top", 4, checkpoint="top"))
    assert read("out/a.png").shape == (12, 12, 3)
    status, _, _ = run("--input", "in", "--output", "out", "--top", 5, "--force")
    assert status == 0
    assert read("out/a.png").shape == (13, 12, 3)


def test_a_picture_that_changed_is_made_anew(run):
    write("in/a.png")
    write("in/b.png")
    run("--input", "in", "--output", "out")
    picture = write("in/b.png", noise(9))
    status, out, _ = run("--input", "in", "--output", "out")
    assert (status, out) == (0, "1 of 2 pictures are there already\nwrote 1 of 1 pictures to out\n")
    assert places(read("out/b.png"), picture) == [(4, 6)]


@pytest.mark.parametrize("text", ["{", '{"settings": {}, "pictures": [{"output": "a.png", "written": null}]}', "[3]"])
def test_a_broken_manifest_is_named(run, text):
    write("in/a.png")
    Path("out").mkdir()
    Path("out/manifest.json").write_text(text)
    assert "out/manifest.json cannot be read (" in refused(run("--input", "in", "--output", "out"))


@pytest.mark.parametrize("ending", ["jpg", "webp", "png"])
def test_format_of_a_folder(run, ending):
    write("in/a.png")
    status, _, _ = run("--input", "in", "--output", "out", "--format", ending)
    assert status == 0
    with Image.open(f"out/a.{ending}") as made:
        assert made.format == {"jpg": "JPEG"}.get(ending, ending.upper())
        assert made.size == (24, 16)
