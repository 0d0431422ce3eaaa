"""Photographs of every kind, their split, crops, and the pipeline's order."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from srn_jax import config as settings
from srn_jax.data import augment, crops, pipeline, sources
from srn_jax.data import photographs as photographs_module
from srn_jax.data.photographs import Count, Files, Photographs, Pictures, Unreadable
from srn_jax.errors import InputError
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.pictures.folders import list_pictures
from srn_jax.pictures.reading import decode
from tests.tiny import write_pictures


def folder_data(path: Path, **changes) -> settings.Data:
    data = settings.Data(path=str(path), held_out=2, batch=3, threads=2, workers=0)
    for name, value in changes.items():
        setattr(data, name, value)
    return data


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10 % 256, columns * 8 % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)


def test_decode_turns_a_photo_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn clockwise
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "a.png")), np.rot90(gradient(), -1))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_decode_gives_rgb_of_every_mode(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        Image.fromarray(gradient()[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(gradient()).convert(mode).save(path)
    decoded = decode(path)
    assert decoded.mode == "RGB"
    assert decoded.size == (30, 20)
    if mode == "I;16":
        np.testing.assert_array_equal(np.asarray(decoded)[..., 1], gradient()[..., 0])


def test_decode_puts_transparency_on_white(tmp_path):
    pixels = np.dstack([gradient(), np.where(np.arange(30) < 10, 0, 255)[None].repeat(20, axis=0)]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    decoded = np.asarray(decode(tmp_path / "a.png"))
    assert (decoded[:, :10] == 255).all()
    np.testing.assert_array_equal(decoded[:, 10:], gradient()[:, 10:])


def test_crop_takes_the_window_that_it_is_told():
    picture = Image.fromarray(gradient(40, 60))
    whole = crop_and_resize(picture, (20, 20), 1.0, (0.0, 1.0))  # the right square, halved
    box = picture.resize((20, 20), Image.Resampling.BICUBIC, box=(20, 0, 60, 40))
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(box))
    same = crop_and_resize(picture, (20, 30), 0.5, (1.0, 0.0))
    np.testing.assert_array_equal(np.asarray(same), gradient(40, 60)[20:, :30])


def test_small_pictures_are_enlarged():
    assert crop_and_resize(Image.fromarray(gradient(5, 7)), (32, 64), 1.0, (0.5, 0.5)).size == (64, 32)


def test_color_changes_at_strength_and_not_at_zero():
    picture, rng = Image.fromarray(gradient()), np.random.default_rng(0)
    assert augment.jitter_color(picture, 0.0, rng) is picture
    changed = np.asarray(augment.jitter_color(picture, 0.5, rng))
    assert changed.shape == (20, 30, 3)
    assert np.abs(changed.astype(int) - gradient()).mean() > 2


class Drawn(np.random.Generator):
    """Draws that are given: those of brightness, contrast and saturation, and that of hue."""

    def __init__(self, factors: tuple[float, float, float], hue: float):
        super().__init__(np.random.PCG64(0))
        self._draws = iter([np.array(factors), hue])

    def uniform(self, *_: Any, **__: Any) -> Any:
        return next(self._draws)


def jittered(picture: Image.Image, factors: tuple[float, float, float], hue: float) -> np.ndarray:
    return np.asarray(augment.jitter_color(picture, 0.5, Drawn(factors, hue))).astype(float)


@pytest.mark.parametrize("factors", [(0.5, 0.0, 0.0), (0.0, -0.8, 0.0), (0.0, 0.0, 1.0), (-0.4, 0.6, -0.7)])
def test_brightness_contrast_and_saturation_are_pillows(factors):
    picture = Image.fromarray(np.random.default_rng(0).integers(90, 150, (20, 30, 3), np.uint8))
    expected, enhancers = picture, (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for enhancer, drawn in zip(enhancers, factors, strict=True):
        expected = enhancer(expected).enhance(1 + 0.3 * drawn)
    np.testing.assert_allclose(
        jittered(picture, factors, 0.0), np.asarray(expected), atol=3
    )  # which cuts off each time


def test_hue_turns_colors_and_keeps_grey_and_luma():
    ramp = np.random.default_rng(0).integers(100, 140, (20, 30, 3), np.uint8)
    turned, there, luma = jittered(Image.fromarray(ramp), (0, 0, 0), 0.5), ramp.astype(float), [0.299, 0.587, 0.114]
    np.testing.assert_allclose(turned @ luma, there @ luma, atol=1)
    assert np.abs(turned - there).max() > 10
    grey = np.repeat(ramp[..., :1], 3, axis=2)
    np.testing.assert_allclose(jittered(Image.fromarray(grey), (0, 0, 0), 0.5), grey, atol=1)
    quarter = jittered(Image.fromarray(ramp), (0, 0, 0), 1.0)  # at strength 0.5
    half = jittered(Image.fromarray(quarter.round().astype(np.uint8)), (0, 0, 0), 1.0)
    chroma = there - (there @ luma)[..., None]
    np.testing.assert_allclose(half - (half @ luma)[..., None], -chroma, atol=4)  # the opposite colors


def test_a_folder_holds_out_its_last_block(tmp_path):
    write_pictures(tmp_path / "sub", 5)
    training, held_out = sources.folder(folder_data(tmp_path))
    assert names(training) == ["picture_000.png", "picture_001.png", "picture_002.png"]
    assert names(held_out) == ["picture_003.png", "picture_004.png"]


def names(found: Pictures) -> list[str]:
    return [Path(found.name(index)).name for index in range(len(found))]


def test_a_list_names_its_pictures_by_line(tmp_path):
    write_pictures(tmp_path / "sub", 5)
    file = tmp_path / "list.txt"
    absolute = tmp_path / "sub" / "picture_004.png"
    file.write_text(f"sub/picture_003.png\r\n\n{absolute}\nsub/picture_000.png\nsub/picture_001.png\n")
    training, held_out = sources.SOURCES["list"](folder_data(file))
    assert names(training) == ["picture_003.png", "picture_004.png"]  # the list's order, which is the user's
    assert names(held_out) == ["picture_000.png", "picture_001.png"]
    other = tmp_path / "other.txt"
    other.write_text("sub/picture_002.png\n")
    training, held_out = sources.SOURCES["list"](folder_data(file, held_out_path=str(other)))
    assert (len(training), names(held_out)) == (4, ["picture_002.png"])
    other.write_text("sub/picture_000.png\n")
    with pytest.raises(InputError, match=r"data.held_out_path shares 1 pictures .* such as .*picture_000"):
        sources.SOURCES["list"](folder_data(file, held_out_path=str(other)))


def test_a_list_counts_from_the_working_folder_as_the_release_s_does(tmp_path, monkeypatch):
    write_pictures(tmp_path / "sub", 3)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "list.txt").write_text("".join(f"sub/picture_00{n}.png\n" for n in range(3)))
    monkeypatch.chdir(tmp_path)
    training, _ = sources.SOURCES["list"](folder_data(tmp_path / "lists" / "list.txt"))
    assert Photographs(training)[0].picture.size == (56, 40)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("gone", [(0,), (0, 1, 2), (4,)])
@pytest.mark.parametrize("where", ["beside the list", "in the working folder"])
def test_a_list_keeps_its_folder_whatever_its_first_line(tmp_path, monkeypatch, coding, gone, where):
    here = tmp_path / "here"
    write_pictures(here / "\u00e4", 5)
    for number in gone:
        (here / "\u00e4" / f"picture_00{number}.png").unlink()
    lists = here if where == "beside the list" else tmp_path / "lists"
    lists.mkdir(exist_ok=True)
    (lists / "list.txt").write_text("".join(f"\u00e4/picture_00{n}.png\n" for n in range(5)), encoding=coding)
    monkeypatch.chdir(here if where == "in the working folder" else tmp_path)
    found = sources.read_list(str(lists / "list.txt"), "data.path")
    assert found == [here / "\u00e4" / f"picture_00{n}.png" for n in range(5)]


def test_a_long_list_whose_last_picture_alone_is_there_keeps_its_folder(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "list.txt").write_text("gone.png\n" * 998 + "picture_000.png\ngone.png\n")
    found = sources.read_list(str(tmp_path / "list.txt"), "data.path")
    assert found[998] == tmp_path / "picture_000.png"


def test_odd_lines_of_a_list_are_pictures_that_are_not_there(tmp_path):
    write_pictures(tmp_path, 1)
    lines = [b"~nobody-of-that-name/a.png", b"a" * 5000, b"\0", b"\xff.png", b"picture_000.png"]
    (tmp_path / "list.txt").write_bytes(b"\n".join(lines))
    photographs = Photographs(Files(sources.read_list(str(tmp_path / "list.txt"), "data.path")))
    assert [photographs.read(number) is not None for number in range(5)] == [False] * 4 + [True]
    assert photographs.pictures.fingerprint().startswith("5 pictures, ")


def test_names_that_are_no_utf_8_are_trained_on(tmp_path):
    write_pictures(tmp_path / "data", 3)
    odd = os.fsdecode(os.fsencode(tmp_path / "data") + b"/picture_\xfc\xff.png")
    (tmp_path / "data" / "picture_000.png").rename(odd)
    (tmp_path / "list.txt").write_bytes(b"data/picture_\xfc\xff.png\ndata/picture_001.png\n")
    for found in (
        Files(list_pictures(str(tmp_path / "data"), "x")),
        Files(sources.read_list(str(tmp_path / "list.txt"), "x")),
    ):
        assert odd in [found.name(index) for index in range(len(found))]
        assert found.fingerprint().startswith(f"{len(found)} pictures, ")
        assert all(Photographs(found).read(index) is not None for index in range(len(found)))


def test_lists_that_do_not_do_are_refused(tmp_path):
    def read(path: Path):
        sources.SOURCES["list"](folder_data(path))

    with pytest.raises(InputError, match=r"data.path is '.*nowhere.txt', which is no file; it takes a text file"):
        read(tmp_path / "nowhere.txt")
    file = tmp_path / "list.txt"
    file.write_text("\n \n")
    with pytest.raises(InputError, match="which lists no picture"):
        read(file)
    file.write_text("a.png\nb.png\n")
    with pytest.raises(InputError, match=r"none of whose pictures is there; the first would be .*a.png"):
        read(file)
    file.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match="which is no text file with a picture's path a line"):
        read(file)


def test_a_folder_of_its_own_is_held_out(tmp_path):
    write_pictures(tmp_path / "train", 2)
    write_pictures(tmp_path / "val", 3)
    data = folder_data(tmp_path / "train", held_out_path=str(tmp_path / "val"))
    training, held_out = sources.folder(data)
    assert (len(training), len(held_out)) == (2, 3)
    with pytest.raises(InputError, match=r"data.held_out_path shares 2 pictures with data.path"):
        sources.folder(folder_data(tmp_path / "train", held_out_path=str(tmp_path)))


def test_folders_that_do_not_do_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"data.path is '.*nowhere', which is no folder"):
        sources.folder(folder_data(tmp_path / "nowhere"))
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match="which holds no picture"):
        sources.folder(folder_data(tmp_path))
    write_pictures(tmp_path, 2)
    with pytest.raises(InputError, match=r"data.held_out is 2, but .* holds 2 pictures"):
        sources.folder(folder_data(tmp_path))


def test_hidden_and_foreign_files_are_left_out(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".thumbnails").mkdir()
    write_pictures(tmp_path / ".thumbnails", 1)
    assert [path.name for path in list_pictures(str(tmp_path), "x")] == ["picture_000.png"]


def test_unreadable_pictures_are_named_counted_and_passed_over(tmp_path, caplog):
    write_pictures(tmp_path, 3)
    (tmp_path / "picture_001.png").write_bytes(b"no picture")
    photographs, count = Photographs(Files(list_pictures(str(tmp_path), "x"))), Count(of=3, allowed=1)
    np.testing.assert_array_equal(np.asarray(photographs[1].picture), np.asarray(photographs[2].picture))
    assert photographs[2].skipped == ()
    assert [Path(one.name).name for one in photographs[1].skipped] == ["picture_001.png"]
    count.note(photographs[1].skipped)
    assert len(list(photographs.readable(count, 99))) == 2
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert "picture_001.png" in messages[0]
    assert "1 of 3" in messages[0]
    whole = (tmp_path / "picture_000.png").read_bytes()
    (tmp_path / "picture_000.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"2 unreadable pictures, the last .*picture_000.*run.max_unreadable allows 1"):
        list(photographs.readable(count, 99))


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_a_file_system_that_fails_and_recovers_costs_no_picture(tmp_path, monkeypatch, number):
    write_pictures(tmp_path, 2)
    monkeypatch.setattr(photographs_module, "_WAITS", (0.0, 0.0, 0.0))
    left, read = [2], Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == "picture_000.png" and left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number), str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    found = Files(list_pictures(str(tmp_path), "x"))
    photographs = Photographs(found)
    assert photographs[0].skipped == ()
    left[0] = 99  # for good: no other picture stands in, since other hosts may read this one
    with pytest.raises(InputError, match=rf"cannot read .*picture_000.png: {os.strerror(number)}, 4 times"):
        photographs[0]
    left[0] = 0
    assert photographs[0].skipped == ()


def test_a_file_that_comes_back_is_read(tmp_path):
    write_pictures(tmp_path, 2)
    photographs = Photographs(Files(list_pictures(str(tmp_path), "x")))
    (tmp_path / "picture_000.png").rename(tmp_path / "away")
    assert [Path(one.name).name for one in photographs[0].skipped] == ["picture_000.png"]
    (tmp_path / "away").rename(tmp_path / "picture_000.png")
    assert photographs[0].skipped == ()


def test_memory_that_does_not_suffice_says_nothing_of_a_picture(tmp_path, monkeypatch):
    write_pictures(tmp_path, 1)

    def full(*_: Any) -> None:
        raise MemoryError

    photographs = Photographs(Files(list_pictures(str(tmp_path), "x")))
    with monkeypatch.context() as patched:
        patched.setattr(photographs_module, "decode", full)
        with pytest.raises(InputError, match=r"not enough memory to read .*picture_000"):
            photographs[0]
    assert photographs[0].skipped == ()


def test_a_folder_without_a_readable_picture_ends_the_run(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    photographs = Photographs(Files([tmp_path / "a.png"]))
    with pytest.raises(InputError, match=r"none of the 1 pictures is readable, the first .*a.png: Unidentified"):
        photographs[0]
    with pytest.raises(InputError, match=r"none of the 1 held-out pictures is readable"):
        list(photographs.readable(Count(of=1, allowed=5), 99))


def test_embedded_photographs_never_overlap():
    training, held_out = sources.embedded(settings.Data())
    assert not set(names(training)) & set(names(held_out))
    none = Count(of=19, allowed=0)
    assert len(list(Photographs(training).readable(none, 99))) == len(training)
    assert len(list(Photographs(held_out).readable(none, 99))) == 4
    scenes = [
        {Path(name).stem.removesuffix("_left").removesuffix("_right") for name in names(part)}
        for part in (training, held_out)
    ]
    assert not scenes[0] & scenes[1]  # the stereo pair is one scene


def take(found: Pictures, data, start: int, count: int, seed: int = 0, part=(0, 1), group=1) -> list[np.ndarray]:
    photographs = pipeline.decoder(found, data, (8, 12))
    batches = pipeline.training_batches(photographs, data, (8, 12), seed=seed, start=start, group=group, part=part)
    iterator = iter(batches)
    try:
        taken = [next(iterator).pixels for _ in range(count)]
    finally:
        iterator.close()
    return [batch for step in taken for batch in step]


def test_batches_depend_on_seed_and_number_alone(tmp_path):
    write_pictures(tmp_path, 7)
    data = folder_data(tmp_path, scale=(0.3, 1.0), color=0.3)
    photographs, _ = sources.folder(data)
    reference = take(photographs, data, 0, 6)
    assert reference[0].shape == (3, 8, 12, 3)
    assert reference[0].dtype == np.uint8
    for number, batch in enumerate(
        take(photographs, folder_data(tmp_path, scale=(0.3, 1.0), color=0.3, threads=1), 4, 2)
    ):
        np.testing.assert_array_equal(batch, reference[4 + number])
    assert not np.array_equal(take(photographs, data, 0, 1, seed=1)[0], reference[0])
    assert not np.array_equal(reference[0], reference[1])


def test_a_batch_may_be_of_one_picture(tmp_path):
    write_pictures(tmp_path, 7)
    pictures, _ = sources.folder(folder_data(tmp_path))
    alone = take(pictures, folder_data(tmp_path, batch=1), 0, 3)
    np.testing.assert_array_equal(np.concatenate(alone), take(pictures, folder_data(tmp_path, batch=3), 0, 1)[0])


@pytest.mark.parametrize(("processes", "workers"), [(2, 0), (4, 0), pytest.param(2, 2, marks=pytest.mark.slow)])
def test_any_number_of_hosts_and_workers_sees_the_same_batches(tmp_path, processes, workers):
    write_pictures(tmp_path, 7)
    data = folder_data(tmp_path, scale=(0.3, 1.0), color=0.3, batch=8)
    found, _ = sources.folder(data)
    reference = take(found, data, 3, 4)
    data.workers = workers
    parts = [take(found, data, 3, 2, part=(process, processes), group=2) for process in range(processes)]
    for number, batch in enumerate(reference):
        np.testing.assert_array_equal(np.concatenate([part[number] for part in parts]), batch)


@pytest.mark.parametrize(
    ("cores", "given", "expected"),
    [
        (1, {}, (4, 0)),
        (2, {}, (4, 0)),
        (8, {}, (4, 0)),
        (16, {}, (4, 4)),
        (16, {"prefetch": 2}, (2, 4)),
        (16, {"threads": 9}, (9, 4)),
        (16, {"workers": 0}, (4, 0)),
        (2, {"threads": 1, "workers": 3}, (1, 3)),
    ],
)
def test_how_many_read_follows_from_the_cores_where_nobody_says(monkeypatch, cores, given, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    assert pipeline.readers(settings.Data(**given)) == expected


def test_skipped_pictures_travel_with_their_batch(tmp_path):
    write_pictures(tmp_path, 4)
    (tmp_path / "picture_001.png").write_bytes(b"no picture")
    data = folder_data(tmp_path, held_out=1, batch=3)
    found, _ = sources.folder(data)
    batches = pipeline.training_batches(Photographs(found), data, (8, 12), seed=0, start=0, group=2)
    cut = next(iter(batches))
    assert cut.pixels.shape == (2, 3, 8, 12, 3)
    assert {Path(one.name).name for one in cut.skipped} == {"picture_001.png"}  # an epoch shows it once
    assert isinstance(cut.skipped[0], Unreadable)


def test_crops_by_name():
    picture = Image.fromarray(gradient(7, 30))
    cut = crops.CROPS["center_or_pad"].cut(picture, (12, 9), 0.5, (0.0, 0.0))
    expected = np.zeros((12, 9, 3), np.uint8)
    expected[2:9] = gradient(7, 30)[:, 10:19]  # TensorFlow 2.21's tf.image.resize_with_crop_or_pad gives these places
    np.testing.assert_array_equal(np.asarray(cut), expected)
    assert not crops.CROPS["center_or_pad"].resizes
    centered = crops.CROPS["center"].cut(Image.fromarray(gradient(40, 60)), (20, 20), 0.5, (0.0, 0.0))
    whole = crop_and_resize(Image.fromarray(gradient(40, 60)), (20, 20), 1.0, (0.5, 0.5))
    np.testing.assert_array_equal(np.asarray(centered), np.asarray(whole))
    with pytest.raises(InputError, match=r"data.crop is 'x'; it takes one of 'random', 'center', 'center_or_pad'"):
        pipeline.decoder(Files([]), settings.Data(crop="x"), (8, 8))


def test_large_jpegs_are_decoded_no_larger_than_they_are_needed(tmp_path):
    Image.fromarray(gradient(160, 240)).save(tmp_path / "a.jpg")
    found, canvas = Files([tmp_path / "a.jpg"]), (16, 24)
    for data, size in (
        (settings.Data(), (60, 40)),  # an eighth, 30 x 20, would be shorter than the canvas' longer side
        (settings.Data(scale=(0.25, 1.0)), (240, 160)),
        (settings.Data(crop="center_or_pad"), (240, 160)),
    ):
        photographs = pipeline.decoder(found, data, canvas)
        assert photographs[0].picture.size == size


def test_an_epoch_shows_every_picture_once(tmp_path):
    for number in range(6):
        Image.new("RGB", (12, 8), (number * 40, 0, 0)).save(tmp_path / f"{number}.png")
    data = folder_data(tmp_path, held_out=1)
    photographs, _ = sources.folder(data)
    data.batch = 5
    for batch in take(photographs, data, 0, 3):
        assert sorted(batch[:, 0, 0, 0].tolist()) == [0, 40, 80, 120, 160]


def test_flips_are_as_frequent_as_asked(tmp_path):
    half = np.zeros((8, 12, 3), np.uint8)
    half[:, 6:] = 255
    Image.fromarray(half).save(tmp_path / "0.png")
    Image.fromarray(half).save(tmp_path / "1.png")
    for flip, allowed in ((0.0, {0}), (1.0, {255}), (0.5, {0, 255})):
        data = folder_data(tmp_path, held_out=1, flip=flip, batch=32)
        photographs, _ = sources.folder(data)
        assert set(take(photographs, data, 0, 1)[0][:, 0, 0, 0].tolist()) == allowed


def test_held_out_crops_are_fixed_and_spread(tmp_path):
    write_pictures(tmp_path, 3)
    data = folder_data(tmp_path, held_out_scales=(1.0, 0.5), held_out_crops=2)
    _, photographs = sources.folder(data)
    window = settings.Geometry(known=(8, 12), canvas=(16, 24), placement="random")
    count = Count(of=2, allowed=0)
    held_out = pipeline.held_out_crops(Photographs(photographs), data, window, count)
    again = pipeline.held_out_crops(Photographs(photographs), data, window, count)
    assert held_out.images.shape == (2 * 2 * 2, 16, 24, 3)
    np.testing.assert_array_equal(held_out.images, again.images)
    np.testing.assert_array_equal(held_out.masks, again.masks)
    assert len({image.tobytes() for image in held_out.images}) == 8
    assert len({mask.tobytes() for mask in held_out.masks}) > 1
    few = held_out.spread(3)
    np.testing.assert_array_equal(few.images[[0, -1]], held_out.images[[0, -1]])
    assert len(held_out.spread(100).images) == 8
    data.held_out_limit = 1
    assert len(pipeline.held_out_crops(Photographs(photographs), data, window, count).images) == 4
