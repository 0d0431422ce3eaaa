"""`python -m srn_jax.data`: the list, what is said before anything is fetched, preparation, and the check of it."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow_datasets
from tensorflow_datasets.core import registered

from srn_jax.data import layouts, program, records
from srn_jax.data.__main__ import main
from srn_jax.data.datasets import DATASETS
from tests import tfds_writer as writer
from tests.tiny import write_pictures

BIRDS = "caltech_birds2011"
FACES = "celeb_a_hq/256"
DISK = SimpleNamespace(free=10**14)


@pytest.fixture
def machine(monkeypatch):
    """A machine with room, TensorFlow and OpenCV: nothing of them is loaded."""
    monkeypatch.setattr(program.shutil, "disk_usage", lambda path: DISK)
    monkeypatch.setattr(program.importlib.util, "find_spec", lambda name: SimpleNamespace())


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Returns exit status, output and errors of the program."""
    try:
        status = main(list(arguments))
    except SystemExit as error:
        status = 2 if error.code == 2 else -1
    out, err = capsys.readouterr()
    assert err.count("\n") == (status != 0)  # one line, or none
    return status, out, err


def stand_in(monkeypatch, prepare: Callable[[Path], None]) -> list[dict[str, object]]:
    """Has `prepare` write the data sets instead of TFDS, and returns the calls."""
    calls: list[dict[str, object]] = []

    def builder(name: str, *, data_dir: str, file_format: str) -> SimpleNamespace:
        def download_and_prepare(*, download_config: tensorflow_datasets.download.DownloadConfig) -> None:
            calls.append({"name": name, "format": file_format, "manual": str(download_config.manual_dir)})
            prepare(Path(data_dir))

        return SimpleNamespace(download_and_prepare=download_and_prepare)

    monkeypatch.setattr(tensorflow_datasets, "builder", builder)
    return calls


def put_faces(root: Path, content: bytes = b"tar") -> None:
    manual = root / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "data256x256.tar").write_bytes(content)


def test_the_list_has_the_papers_eight(capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert len(DATASETS) == 8
    for name, dataset in DATASETS.items():
        assert f"{name}: {dataset.title}\n" in out
        assert Path(dataset.config).is_file()
        assert (dataset.source == "tfds") == (name not in layouts.LAYOUTS)
    assert "download: 1.2 GB; prepared: 1.2 GB" in out
    assert "download: nothing; prepared: unknown\n  by hand: data256x256.tar" in out


@pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.source == "tfds"])
def test_sizes_and_files_are_those_of_tfds(name):
    kind = records.known_builder(name, "", "NAME")
    files = {info.checksum: int(info.size) for info in (kind.url_infos or {}).values()}
    assert DATASETS[name].download == sum(files.values())
    bare, _, config = name.partition("/")
    if bare in program.MANUAL:
        config = kind.builder_configs[config] if config else kind.default_builder_config
        assert program.MANUAL[bare](config) == tuple(part.file for part in DATASETS[name].by_hand)
    assert bool(kind.MANUAL_DOWNLOAD_INSTRUCTIONS) == bool(DATASETS[name].by_hand)


def test_prepare_fetches_nothing_before_all_is_said(capsys, monkeypatch, tmp_path, machine):
    calls = stand_in(monkeypatch, lambda root: None)
    status, out, err = run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path))
    assert (status, calls) == (2, [])
    assert f"{BIRDS}: TFDS will prepare it in {tmp_path / BIRDS}" in out
    assert "download: 1.2 GB; disk: about 3.6 GB, 100000.0 GB are free" in out
    assert "there is no terminal to ask whether to go on; --yes says so" in err
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    for answer in ("n", EOFError()):

        def said(prompt: str, answer: str | EOFError = answer) -> str:
            if isinstance(answer, EOFError):
                raise answer
            return answer

        monkeypatch.setattr("builtins.input", said)
        status, _, err = run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path))
        assert (status, calls) == (2, [])
        assert "stopped, as asked; nothing was fetched or written" in err
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    stand_in(monkeypatch, lambda root: writer.write_birds(root) and None)
    assert run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path))[0] == 0
    assert list(tmp_path.iterdir()) == [tmp_path / BIRDS]


def test_prepare_asks_for_an_array_record(capsys, monkeypatch, tmp_path, machine):
    put_faces(tmp_path)
    features = writer.nested(image=writer.IMAGE)
    rows = [[writer.record(image=writer.jpeg(0))]]
    calls = stand_in(
        monkeypatch,
        lambda root: writer.write(root, "celeb_a_hq", "2.0.0", {"train": rows}, features, config="256") and None,
    )
    status, out, _ = run(capsys, "prepare", FACES, "--data-dir", str(tmp_path), "--yes")
    assert status == 0
    assert calls == [{"name": FACES, "format": "array_record", "manual": str(tmp_path / "downloads" / "manual")}]
    assert out.endswith(f"{FACES}/2.0.0 is prepared in {tmp_path / FACES / '2.0.0'}\n")
    status, out, _ = run(capsys, "prepare", FACES, "--data-dir", str(tmp_path))  # again, with nobody to ask
    assert (status, len(calls)) == (0, 1)
    assert out == f"{FACES}/2.0.0 is prepared in {tmp_path / FACES / '2.0.0'}\n"


def test_a_set_of_the_users_own_is_prepared_already(capsys, tmp_path):
    rows = [[writer.record(image=writer.jpeg(0))]]
    writer.write(tmp_path, "mine", "1.0.0", {"train": rows}, writer.nested(image=writer.IMAGE))
    assert run(capsys, "prepare", "mine", "--data-dir", str(tmp_path))[1] == f"mine/1.0.0 is prepared in {tmp_path}\n"


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        (
            FACES,
            "data256x256.tar, the 30,000 faces as PNG files",
            "manual lacks data256x256.tar, to be fetched by hand",
        ),
        ("celeb_a_hq/128", "manual_dir should contain multiple tar", "manual lacks data128x128.tar, to be fetched"),
        ("cityscapes", "gtFine_trainvaltest.zip, from cityscapes-", "lacks leftImg8bit_trainvaltest.zip, gtFine_tr"),
        ("imagenet2012", "manual_dir should contain two files", "imagenet2012 needs files that are fetched by hand"),
        ("mnist:3.0.1", "", "NAME is 'mnist:3.0.1'; TFDS prepares one version, the newest: leave :3.0.1 out"),
        ("nosuch", "", "NAME is 'nosuch', which is not in"),
    ],
)
def test_what_is_missing_is_said_before_tensorflow_is(capsys, tmp_path, name, said, message):
    status, out, err = run(capsys, "prepare", name, "--data-dir", str(tmp_path), "--yes")
    assert status == 2
    assert said in out
    assert message in err
    assert not list(tmp_path.iterdir())


def test_files_by_hand_of_other_sets_are_left_to_tfds(capsys, monkeypatch, tmp_path, machine):
    put_faces(tmp_path)
    calls = stand_in(monkeypatch, lambda root: None)
    status, out, err = run(capsys, "prepare", "imagenet2012", "--data-dir", str(tmp_path), "--yes")
    assert len(calls) == 1
    assert "download: unknown; disk: unknown, 100000.0 GB are free" in out
    assert (status, "which is not prepared in" in err) == (2, True)  # the stand-in wrote nothing


def test_tensorflow_opencv_and_room_are_needed(capsys, monkeypatch, tmp_path, machine):
    missing = "tensorflow"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else SimpleNamespace())
    arguments = ("prepare", BIRDS, "--data-dir", str(tmp_path), "--yes")
    assert "TensorFlow is needed once, to prepare: pip install 'srn-jax[prepare]'" in run(capsys, *arguments)[2]
    missing = "cv2"
    assert "OpenCV is needed once, to prepare: pip install 'srn-jax[prepare]'" in run(capsys, *arguments)[2]
    monkeypatch.setattr(program.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    assert f"{tmp_path} has 1.0 GB free; about 3.6 GB are needed" in run(capsys, *arguments)[2]


def test_what_was_downloaded_is_not_counted_again(capsys, monkeypatch, tmp_path, machine):
    kind = registered.imported_builder_cls(BIRDS)
    archive = tmp_path / "downloads" / BIRDS / "CUB.tgz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"")
    url = next(url for url in getattr(kind, "url_infos", {}) if "CUB_200_2011" in url)
    archive.with_name("CUB.tgz.INFO").write_text(json.dumps({"urls": [url]}))
    out = run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path))[1]
    assert "download: 39.3 MB; disk: about 2.5 GB" in out


def test_a_failure_is_one_line_and_leaves_nothing(capsys, monkeypatch, tmp_path, machine):
    put_faces(tmp_path)
    other = tmp_path / "downloads" / f"old.tmp.{'0' * 32}"  # of another run, perhaps at work
    other.mkdir()

    def fail(root: Path) -> None:
        (root / "downloads" / "faces" / f"tar.tmp.{'a' * 32}").mkdir(parents=True)
        (root / "downloads" / "extracted" / "incomplete.abc").mkdir(parents=True)
        raise OSError("no space\nleft")

    stand_in(monkeypatch, fail)
    status, _, err = run(capsys, "prepare", FACES, "--data-dir", str(tmp_path), "--yes")
    assert status == 2
    assert err.startswith(
        f"error: {FACES} was not prepared: OSError: no space left; nothing half-made is left, and the"
    )
    assert {path.name for path in (tmp_path / "downloads").rglob("*")} == {
        "manual",
        "data256x256.tar",
        "faces",
        "extracted",
        other.name,
    }


def test_what_a_killed_run_left_is_not_taken_for_prepared(capsys, tmp_path):
    folder = writer.write_birds(tmp_path)
    left = folder.rename(folder.with_name("incomplete.ABCDEF_0.2.0"))
    status, out, _ = run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path))
    assert status == 2
    assert f"note: {left} is of a run that was killed, if none is at work; it is never read, delete it\n" in out


def test_another_format_is_not_prepared_over(capsys, tmp_path):
    folder = writer.write_birds(tmp_path)
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
    status, _, err = run(capsys, "prepare", BIRDS, "--data-dir", str(tmp_path), "--yes")
    assert (status, "is prepared as tfrecord, not as array_record" in err) == (2, True)


def test_check_counts_and_decodes(capsys, tmp_path):
    folder = writer.write_birds(tmp_path)
    status, out, _ = run(capsys, "check", BIRDS, "--path", str(tmp_path))
    assert status == 0
    assert out.splitlines() == [
        f"{BIRDS}/0.2.0: in {folder}",
        "train: 6 pictures",
        "  image: the first 3 decode: 20 x 30, 20 x 30, 20 x 30 (height x width)",
        "test: 3 pictures",
        "  image: the first 3 decode: 20 x 30, 20 x 30, 20 x 30 (height x width)",
    ]
    assert "which is not prepared in" in run(capsys, "check", FACES, "--path", str(tmp_path))[2]
    rows = [[writer.record(image=b"no picture")]]
    writer.write(tmp_path, "broken", "1.0.0", {"train": rows}, writer.nested(image=writer.IMAGE))
    message = "error: broken/1.0.0 train[0] does not decode: cannot identify image file"
    assert message in run(capsys, "check", "broken", "--path", str(tmp_path))[2]


def test_sets_in_files_are_checked(capsys, tmp_path, monkeypatch):
    status, out, err = run(capsys, "prepare", "paris_streetview", "--data-dir", str(tmp_path))
    assert status == 2
    assert f"by hand, into {tmp_path}: paris_train_original/, out of paris_train_original.zip, from its authors" in out
    assert f"--data-dir is '{tmp_path}', where Paris StreetView lacks paris_train_original/; paris_eval_gt/" in err
    write_pictures(tmp_path / "data" / "paris" / "paris_train_original", 2, size=(8, 12))
    write_pictures(tmp_path / "data" / "paris" / "paris_eval_gt", 1, size=(8, 12))
    monkeypatch.chdir(tmp_path)  # the default folder counts from the working folder
    status, out, _ = run(capsys, "check", "paris_streetview")
    assert status == 0
    assert out.splitlines() == [
        "Paris StreetView: in data/paris",
        "paris_train_original: 2 pictures",
        "  the first 2 decode: 8 x 12, 8 x 12 (height x width)",
        "paris_eval_gt: 1 pictures",
        "  the first 1 decode: 8 x 12 (height x width)",
        "note: 2 pictures in paris_train_original, 14,900 were published",
        "note: 1 pictures in paris_eval_gt, 100 were published",
    ]
    assert run(capsys, "prepare", "paris_streetview")[0] == 0
    shutil.rmtree(tmp_path / "data")
    message = "--path is 'data/paris', which is no folder; Paris StreetView takes the folders"
    assert message in run(capsys, "check", "paris_streetview")[2]


@pytest.mark.slow
def test_an_interrupted_preparation_ends_at_once(tmp_path):
    put_faces(tmp_path)
    script = (
        "import runpy, sys, time, threading, tensorflow_datasets as tfds\n"
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *package: name == 'tensorflow' or find(name, *package)\n"
        "def builder(*args, **settings):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n"  # as TFDS's downloads
        "    print('at work', flush=True); time.sleep(600)\n"
        "tfds.builder = builder\n"
        f"sys.argv = ['x', 'prepare', {FACES!r}, '--yes', '--data-dir', {str(tmp_path)!r}]\n"
        "runpy.run_module('srn_jax.data', run_name='__main__', alter_sys=True)"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            while "at work" not in (line := process.stdout.readline()):
                assert line
            os.kill(process.pid, number)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err.count("\n")) == (1, 1)
        assert err.startswith("interrupted; nothing half-made is left, and the same command goes on")
