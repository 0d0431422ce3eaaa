"""Prepared data sets of TFDS: what is read of them, without TensorFlow, and what is said where they do not fit."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.data import records
from srn_jax.data.photographs import Photographs, Pictures
from srn_jax.errors import InputError
from srn_jax.pictures.reading import decode
from tests import tfds_writer as writer


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("birds")
    writer.write_birds(folder)
    return folder


def read(folder: Path, name: str = "caltech_birds2011", **changes) -> tuple[Pictures, Pictures]:
    return records.tfds(settings.Data(source="tfds", name=name, path=str(folder), **changes))


def grays(pictures: Pictures) -> list[int]:
    """Returns the pictures' one value each, which the writer chose by their number."""
    return [int(np.asarray(decode(pictures.encoded(index)))[0, 0, 0]) for index in range(len(pictures))]


def test_splits_are_read_across_files(birds):
    training, held_out = read(birds, held_out_split="test")
    assert grays(training) == [0, 10, 20, 30, 40, 50]
    assert grays(held_out) == [100, 110, 120]
    assert training.name(4) == "caltech_birds2011/0.2.0 train[4]"
    assert training.fingerprint() == "caltech_birds2011/0.2.0 train[0:6], 6 pictures"
    assert not training.keep


def test_the_last_of_a_split_is_held_out(birds):
    training, held_out = read(birds, held_out=2)
    assert (grays(training), grays(held_out)) == ([0, 10, 20, 30], [40, 50])
    assert held_out.name(0) == "caltech_birds2011/0.2.0 train[4]"
    assert training.fingerprint() != held_out.fingerprint()


def test_a_split_may_be_a_part(birds):
    training, held_out = read(birds, split="train[:4]+test", held_out_split="train[4:]")
    assert (grays(training), grays(held_out)) == ([0, 10, 20, 30, 100, 110, 120], [40, 50])


def test_pictures_travel_to_other_processes(birds):
    training, _ = read(birds, held_out_split="test")
    training.encoded(0)  # its file is open now
    assert grays(pickle.loads(pickle.dumps(training))) == grays(training)


def test_neither_tensorflow_nor_a_warning(birds):
    script = (
        "import sys; from srn_jax.config import Data; from srn_jax.data import records\n"
        "assert 'tensorflow_datasets' not in sys.modules\n"
        f"part, _ = records.tfds(Data(name='caltech_birds2011', path={str(birds)!r}, held_out_split='test'))\n"
        "part.encoded(0); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_a_set_that_tfds_does_not_know(tmp_path):
    features = writer.nested(views=writer.nested(left=writer.IMAGE, right=writer.IMAGE), label=writer.TEXT)
    rows = [writer.record(views__left=writer.jpeg(n), views__right=writer.jpeg(n + 10)) for n in range(3)]
    folder = writer.write(tmp_path, "my_streets", "1.0.0", {"photos": [rows]}, features, config="wide")
    training, held_out = read(tmp_path, "my_streets/wide", split="photos", held_out=1, feature="views/right")
    assert (grays(training), grays(held_out)) == ([100, 110], [120])
    assert training.name(0) == "my_streets/wide/1.0.0 photos[0]"
    with pytest.raises(InputError, match=r"my_streets/wide/1.0.0 has 2 pictures .* takes 'views/left', 'views/right'"):
        read(tmp_path, "my_streets/wide", split="photos")
    with pytest.raises(
        InputError, match=r"data.name is 'my_streets', which is not prepared in .*; prepared there: my_s"
    ):
        read(tmp_path, "my_streets")
    with pytest.raises(InputError, match=r"TFDS knows no such data set; did you mean 'my_streets'"):
        read(tmp_path, "my_street")
    features = writer.nested(mask=writer.MASK, label=writer.TEXT)
    (folder / "features.json").write_text(json.dumps(features))
    with pytest.raises(InputError, match=r"no picture of three channels; its features are label \(Text\), mask \(Im"):
        read(tmp_path, "my_streets/wide", split="photos")
    (folder / "features.json").write_text(json.dumps(writer.nested(label=writer.TEXT)))
    with pytest.raises(InputError, match=r"data.feature is 'mask'; .* takes one of none: it has no pictures"):
        read(tmp_path, "my_streets/wide", split="photos", feature="mask")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, r"data.name is empty; .* such as 'caltech_birds2011'"),
        ({"name": "kaggle:birds"}, r"data.name is 'kaggle:birds'; it takes NAME, NAME/CONFIG or NAME:VERSION, and"),
        ({"name": "birds at rest"}, r"data.name is 'birds at rest'; it takes NAME, NAME/CONFIG or NAME:VERSION$"),
        (
            {"name": "caltech_bird2011"},
            r"knows no such data set; did you mean 'caltech_birds2011', 'caltech_birds2010'",
        ),
        ({"name": "zzzzzz"}, r"which is not in .*, and TFDS knows no such data set; its catalog is tensorflow.org/dat"),
        ({"name": "celeb_a_hq/257"}, r"data.name is 'celeb_a_hq/257'; TFDS knows 'celeb_a_hq/1024', 'celeb_a_hq/512'"),
        ({"name": "celeb_a_hq/256"}, r"not prepared in .*; run: python -m srn_jax.data prepare celeb_a_hq/256 --data-"),
        ({"name": "caltech_birds2011:0.1.0"}, r"not prepared .*; prepared there: caltech_birds2011/0.2.0; run: pyt"),
        (
            {"split": "tran"},
            r"data.split is 'tran'; .* takes one of 'train', 'test', or a part such as 'train\[:90%\]'",
        ),
        ({"split": "train["}, r"data.split is 'train\['; .* takes one of 'train', 'test'"),
        ({"split": "train[:0]"}, r"data.split is 'train\[:0\]', which holds no picture; .* has 6 in 'train', 3 in"),
        ({"held_out_split": "val"}, r"data.held_out_split is 'val'; .* takes one of 'train', 'test'"),
        ({"held_out_split": "train"}, r"data.held_out_split 'train' shares 6 pictures with data.split 'train'"),
        ({"held_out_split": "train[4:]"}, r"data.held_out_split 'train\[4:\]' shares 2 pictures with data.split"),
        ({"held_out": 6}, r"data.held_out is 6, but 'train' of caltech_birds2011/0.2.0 holds 6 pictures; it takes"),
        ({"held_out": 0}, r"data.held_out is 0, but"),
        ({"held_out_path": "other"}, r"data.held_out_path is 'other', which source 'tfds' does not read"),
        ({"feature": "label"}, r"data.feature is 'label'; .* takes one of 'image', 'segmentation_mask'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(birds, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        read(birds, **changes)
    assert "\n" not in str(caught.value)


def test_other_formats_and_broken_sets_are_refused(birds, tmp_path):
    shutil.copytree(birds, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "caltech_birds2011" / "0.2.0"
    (folder / "caltech_birds2011-train.array_record-00001-of-00002").unlink()
    with pytest.raises(
        InputError, match=r"of whose 2 files in .* 1 are missing, such as caltech_birds2011-train.array_r"
    ):
        read(tmp_path, held_out_split="test")
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
    with pytest.raises(
        InputError, match=r"0.2.0 is prepared as tfrecord, not as array_record, .* away, then run: python"
    ):
        read(tmp_path)
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match=r"data.name is 'caltech_birds2011', whose files in .* are broken"):
        read(tmp_path)
    folder.rename(folder.with_name("incomplete.ABCDEF_0.2.0"))  # what a killed run of TFDS leaves
    with pytest.raises(InputError, match=r"which is not prepared in [^;]*; run: python -m srn_jax.data prepare"):
        read(tmp_path)


def test_a_record_without_its_picture_is_passed_over(tmp_path):
    rows = [writer.record(image=writer.jpeg(0)), writer.record(other=b""), writer.record(image=writer.jpeg(2))]
    writer.write(tmp_path, "holes", "1.0.0", {"train": [rows], "test": [rows[:1]]}, writer.nested(image=writer.IMAGE))
    training, _ = read(tmp_path, "holes", held_out_split="test")
    found = Photographs(training)[1]
    assert np.asarray(found.picture)[0, 0, 0] == 20
    assert [name for name, _ in found.skipped] == ["holes/1.0.0 train[1]"]


def test_the_default_folder_is_that_of_tfds(monkeypatch, birds):
    monkeypatch.setenv("TFDS_DATA_DIR", str(birds))
    assert len(records.Prepared("caltech_birds2011", "").splits) == 2
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert records.data_folder("") == Path("~/tensorflow_datasets").expanduser()
