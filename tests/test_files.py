"""Files and folders that are whole or not there, whoever else writes, and wherever a process is killed."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from srn_jax import InputError
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import files
from srn_jax.programs.lock import lock, locked


def unchecked() -> None:
    """Lets any folder be replaced."""


def failing_half_way(file: Path) -> None:
    file.write_text("half")
    raise RuntimeError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- Locks ---


def test_a_lock_is_one_processs_and_says_whose(tmp_path):
    held = lock(tmp_path / ".lock", "the run", "give another name")
    with pytest.raises(InputError, match=rf"the run is in use by process {os.getpid()} on .*or give another name"):
        lock(tmp_path / ".lock", "the run", "give another name")
    held.close()
    lock(tmp_path / ".lock", "the run", "give another name").close()


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import pathlib, os, sys; from srn_jax.programs.lock import lock; "
        "held = lock(pathlib.Path(sys.argv[1]), 'x', 'y'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"in use by process {holder.pid} on"):
            lock(tmp_path / ".lock", "x", "y")
        holder.kill()
    lock(tmp_path / ".lock", "x", "y").close()


def test_who_has_locked_and_has_not_yet_said_so_is_waited_for(tmp_path):
    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        saying = threading.Timer(0.2, lambda: print("process 1 on a, since b", file=other, flush=True))
        saying.start()
        with pytest.raises(InputError, match="the run is in use by process 1 on a, since b"):
            lock(tmp_path / ".lock", "the run", "give another name")
        saying.join()


def test_who_has_locked_and_never_says_so_is_another_process(tmp_path, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("srn_jax.programs.lock.time", SimpleNamespace(sleep=waits.append))
    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="the run is in use by another process; wait for it"):
            lock(tmp_path / ".lock", "the run", "give another name")
    assert sum(waits) == pytest.approx(1.0)


def test_a_passing_lock_leaves_nothing_and_takes_nobodys(tmp_path):
    file = tmp_path / ".lock"
    with locked(file, "x", "y"):
        assert file.exists()
    assert not file.exists()
    with locked(file, "x", "y"):
        file.unlink()
        other = lock(file, "x", "y")  # of another file by that name
    assert file.exists()
    other.close()


# --- One file ---


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "first")
    with pytest.raises(RuntimeError), files.replacing(path) as beside:
        failing_half_way(beside)
    assert path.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_two_do_not_write_one_file_at_once(tmp_path):
    path = tmp_path / "a.png"
    with files.replacing(path) as beside:
        beside.write_bytes(b"\x89PNG\xff" * 9)
        with pytest.raises(InputError, match=r"a\.png is in use by another process"), files.replacing(path):
            pass
    assert path.read_bytes() == b"\x89PNG\xff" * 9
    assert names(tmp_path) == ["a.png"]


def test_what_a_killed_process_left_is_written_over(tmp_path):
    with files.replacing(tmp_path / "a.txt") as beside:
        name = beside.name
    (tmp_path / name).write_text("of one that was killed, and longer")
    files.write_text(tmp_path / "a.txt", "now")
    assert (tmp_path / "a.txt").read_text() == "now"
    assert names(tmp_path) == ["a.txt"]


def test_the_disk_has_a_file_before_its_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda one: (done.append(("fsync", os.fstat(one).st_ino)), fsync(one)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append(("replace", os.stat(a).st_ino)), replace(a, b)))
    files.write_text(tmp_path / "a.txt", "kept")
    number = (tmp_path / "a.txt").stat().st_ino
    assert done == [("fsync", number), ("replace", number), ("fsync", tmp_path.stat().st_ino)]


# --- Folders ---


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder that holds a report."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report").write_text("old")
    return tmp_path / "out"


def test_a_folder_is_replaced_whole(folder):
    with files.replacing_folder(folder, unchecked) as beside:
        (beside / "other").write_text("new")
        assert (folder / "report").read_text() == "old"
    assert names(folder) == ["other"]
    assert names(folder.parent) == ["out"]


def test_where_making_it_fails_the_old_folder_stays(folder):
    with pytest.raises(RuntimeError), files.replacing_folder(folder, unchecked) as beside:
        failing_half_way(beside / "other")
    assert names(folder) == ["report"]
    assert names(folder.parent) == ["out"]


def test_where_the_second_renaming_fails_the_old_folder_comes_back(folder, monkeypatch):
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(source).name == ".out.part":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space"), files.replacing_folder(folder, unchecked) as beside:
        (beside / "other").write_text("new")
    assert (folder / "report").read_text() == "old"
    assert names(folder.parent) == ["out"]


def test_what_was_killed_between_the_two_renamings_comes_back(folder):
    folder.rename(folder.with_name(".out.before"))
    (folder.parent / ".out.part").mkdir()
    with pytest.raises(RuntimeError), files.replacing_folder(folder, unchecked):
        raise RuntimeError
    assert (folder / "report").read_text() == "old"
    assert names(folder.parent) == ["out"]


def test_what_must_not_be_replaced_any_more_is_kept_and_so_is_the_new(folder):
    def check() -> None:
        if (folder / "letter").exists():
            raise InputError("out holds letter")

    def make(beside: Path) -> None:
        (beside / "other").write_text("new")
        (folder / "letter").write_text("someone's")

    said = rf"out holds letter; what was made is in {folder}-3"
    (folder.parent / "out-2").mkdir()
    with pytest.raises(InputError, match=said), files.replacing_folder(folder, check) as beside:
        make(beside)
    assert names(folder) == ["letter", "report"]
    assert (folder.parent / "out-3" / "other").read_text() == "new"
    assert names(folder.parent) == ["out", "out-2", "out-3"]


def test_two_do_not_make_one_folder_at_once(folder):
    with files.replacing_folder(folder, unchecked) as beside:
        (beside / "other").write_text("new")
        again = files.replacing_folder(folder, unchecked)
        with pytest.raises(InputError, match=rf"out is in use by process {os.getpid()} "), again:
            pass
        assert (beside / "other").exists()
    assert names(folder) == ["other"]


def test_a_refusal_leaves_no_folders_above(tmp_path):
    with pytest.raises(InputError), files.creating(tmp_path / "a" / "b" / "c"):
        raise InputError("wrong")
    assert names(tmp_path) == []
    with files.creating(tmp_path / "a" / "b" / "c") as beside:
        (beside / "x").touch()
    assert names(tmp_path / "a" / "b") == ["c"]


@pytest.mark.parametrize("output", ["in", "in/side", "in/a/b", "link/there"])
def test_what_lies_inside_the_inputs_is_refused(tmp_path, output):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(InputError, match=r"--output .* lies inside --data, which would take its"):
        check_outside(tmp_path / output, tmp_path / "in", "--output", "--data")
    check_outside(tmp_path / "inside", tmp_path / "in", "--output", "--data")
    check_outside(tmp_path / "in" / "side", tmp_path / "list.txt", "--output", "--data")


def test_what_lies_where_a_link_among_the_inputs_leads_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in" / "round")
    for output in ("elsewhere", "elsewhere/new"):
        with pytest.raises(InputError, match="lies inside --data"):
            check_outside(tmp_path / output, tmp_path / "in", "--output", "--data")
    check_outside(tmp_path / "other", tmp_path / "in", "--output", "--data")


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").touch()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("new", "newer"):
        with files.replacing_folder(tmp_path / "link", lambda: None) as beside:
            (beside / name).touch()
        assert names(tmp_path / "there") == [name]
    with files.creating(tmp_path / "dangling") as beside:
        (beside / "x").touch()
    assert names(tmp_path / "nowhere") == ["x"]
    assert names(tmp_path) == ["dangling", "link", "nowhere", "there"]
    assert (tmp_path / "link").is_symlink()
