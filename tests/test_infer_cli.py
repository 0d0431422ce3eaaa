"""`python -m srn_jax.infer` of a picture: what it writes, and one line for whatever does not fit."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srn_jax import SRN, expand, extrapolate
from srn_jax.infer import plan_expansion, program
from srn_jax.infer.expansion import expand_by
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.pictures.reading import decode
from tests.inferring import CANVAS, KNOWN, files, loaded, noise, places, read, refused, write
from tests.inferring import run as run
from tests.inferring import runs as runs
from tests.programs import ROOT, environment
from tests.test_generator import save, tiny_generator
from tests.tiers import slow_but

LONG = "9" * 400

SMALL = ", without detail: it takes 21 pixels on each side"  # what is told of the tests' pictures


def test_one_picture(run, runs):
    picture = write("in.png")
    status, out, err = run("--input", "in.png", "--output", "out.png")
    assert (status, out, err) == (0, f"wrote out.png, 12x8 -> 24x16 (width x height), 1 pass{SMALL}\n", "")
    mask = np.ones(CANVAS, bool)
    mask[4:12, 6:18] = False
    np.testing.assert_array_equal(read("out.png"), extrapolate(loaded(str(runs["random"])), picture, mask))
    assert files() == ["in.png", "out.png"]


def test_output_may_be_a_folder_or_lie_in_a_new_one(run):
    write("in.webp")
    Path("there").mkdir()
    for target, written in (("there", "there/in.png"), ("new/er/out.PNG", "new/er/out.PNG")):
        status, out, _ = run("--input", "in.webp", "--output", target)
        assert (status, out.split(",")[0]) == (0, f"wrote {written}")
        assert read(written).shape == (*CANVAS, 3)


@pytest.mark.parametrize("inner", ["", "checkpoints", "checkpoints/1"])
def test_checkpoint_is_a_workdir_or_within_it(run, runs, inner):
    write("in.png")
    status, _, _ = run("--input", "in.png", "--output", "out.png", checkpoint=str(runs["random"] / inner))
    assert status == 0


@pytest.mark.parametrize(
    ("checkpoint", "options", "canvas", "place"),
    [
        ("random", "", (16, 24), (4, 6)),
        ("top", "", (16, 24), (0, 6)),
        ("hr", "", (16, 24), (4, 6)),
        ("top", "--placement center", (16, 24), (4, 6)),
        ("random", "--placement top", (16, 24), (0, 6)),
        ("random", "--top 0 --bottom 8 --left 12 --right 0", (16, 24), (0, 12)),
        ("random", "--top 8", (16, 12), (8, 0)),
        ("hr", "--left=3 --bottom=1", (9, 15), (0, 3)),
        ("top", "--top 5", (13, 12), (5, 0)),
        ("random", "--right 61", (8, 73), (0, 0)),
        ("random", "--size 31x17", (17, 31), (4, 9)),
        ("random", "--size 31x17 --left 1 --bottom 2", (17, 31), (7, 1)),
        ("top", "--size 12x33", (33, 12), (0, 0)),
        ("random", "--aspect 16:9", (8, 14), (0, 1)),
        ("random", "--aspect 1:2", (24, 12), (8, 0)),
        ("random", "--ratio 1.5", (12, 18), (2, 3)),
        ("hr", "--ratio 3x1", (8, 36), (0, 12)),
        ("random", "--ratio 3/2x2 --placement top", (16, 18), (0, 3)),
    ],
)
def test_canvas(run, checkpoint, options, canvas, place):
    picture = write("in.png")
    status, _, err = run("--input", "in.png", "--output", "out.png", *options.split(), checkpoint=checkpoint)
    assert status == 0
    assert "error" not in err
    found = read("out.png")
    assert found.shape == (*canvas, 3)
    assert places(found, picture) == [place]


@pytest.mark.parametrize(
    "case",
    slow_but(
        [("random", (11, 13)), ("random", (1, 1)), ("hr", (30, 50))],
        [*(("random", size) for size in [(11, 13), (1, 1), (30, 50), (64, 8)]), ("top", (11, 13)), ("hr", (30, 50))],
    ),
    ids=str,
)
def test_any_picture_is_painted_at_the_models_scale(quick_detail, run, case):
    checkpoint, size = case
    picture = write("in.png", noise(size=size))
    status, out, _ = run("--input", "in.png", "--output", "out.png", "--left", 7, "--bottom", 9, checkpoint=checkpoint)
    assert status == 0
    assert f"{size[1]}x{size[0]} -> {size[1] + 7}x{size[0] + 9} (width x height), " in out
    scale = max(KNOWN[0] / size[0], KNOWN[1] / size[1])
    at_scale = f"painted with the picture at the model's scale, {round(size[1] * scale)}x{round(size[0] * scale)}"
    assert at_scale + (SMALL if min(size) < 21 else ", detail from the picture") + "\n" in out
    np.testing.assert_array_equal(read("out.png")[: size[0], 7:], picture)


def test_detail_is_told_and_can_be_turned_off_and_varied(quick_detail, run, runs):
    picture = write("in.png", noise(size=(24, 30)))
    made = {}
    for name, options in {"on": "", "again": "--seed 0", "off": "--detail off", "other": "--seed 4"}.items():
        status, out, _ = run("--input", "in.png", "--output", f"{name}.png", "--left", 20, *options.split())
        assert status == 0
        assert out.rstrip().endswith(", detail from the picture") == (name != "off")
        made[name] = read(f"{name}.png")
        np.testing.assert_array_equal(made[name][:, 20:], picture)
    np.testing.assert_array_equal(made["on"], made["again"])
    assert all((made["on"] != made[name]).any() for name in ("off", "other"))
    generator = loaded(str(runs["random"]))
    np.testing.assert_array_equal(made["off"], expand(generator, picture, left=20, detail=False))
    np.testing.assert_array_equal(made["other"], expand(generator, picture, left=20, seed=4))
    Path("in").mkdir()
    Path("in.png").rename("in/a.png")
    run("--input", "in", "--output", "out", "--left", 20, "--seed", 4)
    found = json.loads(Path("out/manifest.json").read_text())
    assert (found["settings"]["detail"], found["settings"]["seed"]) == ("on", 4)
    assert found["pictures"][0]["detail"] == "1/1"
    np.testing.assert_array_equal(read("out/a.png"), made["other"])
    assert "detail on and now off" in refused(
        run("--input", "in", "--output", "out", "--left", 20, "--seed", 4, "--detail", "off")
    )


def test_detail_and_the_releases_rounding_exclude_each_other(run):
    write("in.png")
    status, out, err = run("--input", "in.png", "--output", "out.png", "--detail", "on", "--rounding", "truncate")
    assert (status, out) == (2, "")
    assert "--detail on and --rounding truncate exclude each other" in err


def test_passes_are_told(run):
    write("in.png")
    status, out, err = run("--input", "in.png", "--output", "out.png", "--right", 36)
    assert (status, out) == (0, f"wrote out.png, 12x8 -> 48x8 (width x height), 4 passes{SMALL}\n")
    assert "100%" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--ratio 2 --top 3 --bottom 3",
            "--top 3 and --bottom 3 do not fit: .* 8 pixels .* top and bottom .*, 0 to 8, or",
        ),
        (
            "--size 24x8 --left 12 --right 1",
            "--left 12 and --right 1 do not fit: .* 12 pixels beyond left and right together",
        ),
        ("--size 24x16 --top 9", "--top 9 does not fit"),
        ("--size 11x20", "the canvas, 11x20, is smaller than the picture, 12x8"),
        ("--ratio 0.5", "the canvas, 6x4, is smaller than the picture, 12x8"),
        ("--aspect 3:2", "there is nothing to paint: the picture, 12x8, is the whole canvas"),
        ("--top 0", "there is nothing to paint"),
        ("--size 12x8", "there is nothing to paint"),
    ],
)
def test_a_canvas_that_does_not_fit_is_refused(run, options, message):
    write("in.png")
    line = refused(run("--input", "in.png", "--output", "out.png", *options.split()))
    assert pytest.RaisesExc(ValueError, match=message).matches(ValueError(line))
    assert files() == ["in.png"]


def test_feather_shifts_painted_pixels_beside_the_picture_alone(run):
    picture = write("in.png")
    for name, feather in (("plain", 0), ("soft", 3)):
        run("--input", "in.png", "--output", f"{name}.png", "--ratio", 4, "--feather", feather)
    plain, soft = read("plain.png"), read("soft.png")
    assert places(soft, picture) == [(12, 18)]
    rows, columns = np.nonzero((plain != soft).any(axis=-1))
    assert len(rows)
    assert 12 - 3 <= rows.min() <= rows.max() < 20 + 3
    assert 18 - 3 <= columns.min() <= columns.max() < 30 + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--placement random --top 3", "--placement and --top, --bottom, --left, --right exclude each other"),
        ("--placement center --right 0", "exclude each other"),
        ("--placement left", "argument --placement: invalid choice: 'left' (choose from "),
        ("--top 1.5", "argument --top: invalid int value: '1.5'"),
        ("--seed x", "argument --seed: invalid int value: 'x'"),
        ("--sizes 3", "unrecognized arguments: --sizes 3"),
        ("--size 3", "argument --size: '3' is not two numbers above 0 with 'x' in between"),
        ("--size 0x4", "argument --size: '0x4' is not two numbers above 0"),
        ("--aspect 16x9", "argument --aspect: '16x9' is not two numbers above 0 with ':' in between"),
        ("--aspect 1:0", "argument --aspect: '1:0' is not two numbers above 0"),
        ("--ratio two", "argument --ratio: 'two' is not a number above 0, or two with 'x' in between"),
        ("--ratio=-1", "argument --ratio: '-1' is not a number above 0"),
        ("--ratio 2 --aspect 1:1", "--aspect and --ratio exclude each other"),
        ("--bottom=-1", "--bottom is -1; it takes 0 pixels or more"),
        ("--feather=-1", "--feather is -1; it takes 0 pixels or more"),
        ("--feather 2 --rounding truncate", "--feather and --rounding truncate exclude each other"),
        (
            "--ratio 1e10",
            "argument --ratio: '1e10' is not a number above 0, or two with 'x' in between, up to 1,000,000",
        ),
        ("--ratio 1e999999999", "argument --ratio: '1e999999999' is not a number above 0"),
        ("--ratio 1e-999999999", "argument --ratio: '1e-999999999' is not a number above 0"),
        ("--ratio inf", "argument --ratio: 'inf' is not a number above 0"),
        ("--ratio nanx2", "argument --ratio: 'nanx2' is not a number above 0"),
        ("--aspect 1e400:1", "argument --aspect: '1e400:1' is not two numbers above 0 with ':' in between, up to"),
        ("--aspect 1:1e400", "argument --aspect: '1:1e400' is not two numbers above 0"),
        ("--size 99999999999999999999x100", "argument --size: '99999999999999999999x100' is not two numbers above 0"),
        (f"--size 1x{LONG}", "argument --size: '1x9999999999999"),
        ("--size 1e2x50", "argument --size: '1e2x50' is not two numbers above 0"),
        (
            f"--left {LONG}",
            "--left is 9999999999999999999999999999999999999999...99999999999999999999; it takes 0 pixels",
        ),
        (f"--top {LONG * 20}", "argument --top: invalid int value: '9999999999999"),
        ("--bottom 9999999999", "--bottom is 9999999999; it takes 0 pixels or more, up to 1,000,000,000"),
        ("--feather 99999999999999999999", "--feather is 99999999999999999999; it takes 0 pixels or more"),
        ("--seed 99999999999999999999", "--seed is 99999999999999999999; it takes 0 to 4294967295"),
        ("--most-passes 0", "--most-passes is 0; it takes 1 or more"),
        ("--format tif", "argument --format: invalid choice: 'tif'"),
    ],
)
def test_wrong_options_are_refused(run, options, message):
    write("in.png")
    status, out, err = run("--input", "in.png", "--output", "out.png", *options.split())
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert len(err) < 500
    assert files() == ["in.png"]


@pytest.mark.parametrize(
    "options", ["--ratio 1e8", "--size 999999999x999999999", "--aspect 1e9:1", "--aspect 1e-9:1", "--right 1000000000"]
)
def test_a_canvas_beyond_all_bounds_is_refused(run, options):
    write("in.png")
    line = refused(run("--input", "in.png", "--output", "out.png", *options.split()))
    assert "canvas would be" in line
    assert files() == ["in.png"]


def test_many_passes_are_forecast_and_more_than_asked_for_refused(run, runs, monkeypatch):
    write("thin.png", noise(size=(8, 90)))
    margins = "--top", 8, "--bottom", 8
    planned = plan_expansion(loaded(str(runs["random"])), (8, 90), top=8, bottom=8).passes
    assert planned > 20
    line = refused(run("--input", "thin.png", "--output", "out.png", *margins, "--most-passes", planned - 1))
    assert f"these margins would take {planned} passes of the model, and --most-passes is {planned - 1}" in line
    assert line.endswith(f"--most-passes {planned}")
    assert files() == ["thin.png"]
    monkeypatch.setattr(program, "_MANY_PASSES", planned - 1)
    status, out, err = run("--input", "thin.png", "--output", "out.png", *margins, "--most-passes", planned)
    assert (status, f", {planned} passes" in out) == (0, True)
    assert err.startswith(f"thin.png: {planned} passes of the model are to come\n")


def test_the_digest_is_of_the_bytes_that_were_read(run, monkeypatch):
    write("in/a.png")
    before = hashlib.sha256(Path("in/a.png").read_bytes()).hexdigest()

    def replaced_meanwhile(*arguments: Any, **options: Any) -> np.ndarray:
        write("in/a.png", noise(7))
        return expand_by(*arguments, **options)

    monkeypatch.setattr(program, "expand_by", replaced_meanwhile)
    assert run("--input", "in", "--output", "out")[0] == 0
    monkeypatch.setattr(program, "expand_by", expand_by)
    (row,) = json.loads(Path("out/manifest.json").read_text())["pictures"]
    assert row["sha256"] == before
    run("--input", "in", "--output", "out")  # the picture is another one by now, and is painted anew
    assert places(read("out/a.png"), noise(7)) == [(4, 6)]


@pytest.mark.parametrize("missing", ["--input", "--output"])
def test_missing_options_are_named(run, missing):
    given = {"--input": "in.png", "--output": "out.png"}
    del given[missing]
    status, _, err = run(*next(iter(given.items())))
    assert status == 2
    assert err == f"error: the following arguments are required: {missing}; --help lists the options\n"


@pytest.mark.slow
def test_seed_decides_a_random_placement(run):
    names = [f"{letter}.png" for letter in "abcd"]
    pictures = {name: write(f"in/{name}") for name in names}

    def placed(seed: int, target: str) -> list[tuple[int, int]]:
        status, _, _ = run("--input", "in", "--output", target, "--placement", "random", "--seed", seed)
        assert status == 0
        found = [places(read(f"{target}/{name}"), pictures[name]) for name in names]
        assert all(len(place) == 1 for place in found)
        return [place[0] for place in found]

    first = placed(1, "one")
    assert len(set(first)) > 1  # each picture draws its own
    assert placed(1, "again") == first
    assert placed(2, "two") != first
    for name in names:
        assert Path("one", name).read_bytes() == Path("again", name).read_bytes()


@pytest.mark.parametrize("link", [False, True])
def test_input_is_never_replaced(run, link):
    write("in.png")
    write("in/b.png")
    if link:
        Path("also").symlink_to("in")
        Path("also.png").symlink_to("in.png")
    before = {name: Path(name).read_bytes() for name in files()}
    name = "also" if link else "in"
    for source, target in (("in.png", f"{name}.png"), ("in", name), ("in/b.png", name), (f"{name}.png", ".")):
        line = refused(run("--input", source, "--output", target, "--force"))
        assert ("lies inside --input" if source == "in" else "--output would replace the input") in line
    assert {name: Path(name).read_bytes() for name in files()} == before


def test_other_inputs_are_never_replaced(run):
    write("in/a.bmp")
    write("in/deep/a.png")
    before = Path("in/deep/a.png").read_bytes()
    run("--input", "in", "--output", "in/deep", "--force")
    assert Path("in/deep/a.png").read_bytes() == before


def test_a_link_to_the_output_is_no_input(run):
    write("in/a.png")
    write("out/b.png")
    Path("in/link").symlink_to(Path("out").absolute())
    line = refused(run("--input", "in", "--output", "out"))
    assert "--output out lies inside --input, which would" in line


def test_no_two_pictures_share_an_output(run):
    for name in ("in/a.bmp", "in/a.png", "in/a.png.bmp"):
        write(name)
    status, _, _ = run("--input", "in", "--output", "out")
    assert len(files("out")) == (4 if status == 0 else 0)


@pytest.mark.parametrize("size", [(8, 12), (16, 48), (50, 20), (9, 12), (1, 1), (301, 457)])
def test_fit_brings_any_picture_to_the_trained_size(run, size):
    picture = write("in.png", noise(size=size))
    status, out, _ = run("--input", "in.png", "--output", "out.png", "--fit")
    assert (status, out) == (0, f"wrote out.png, 12x8 -> 24x16 (width x height), 1 pass{SMALL}\n")
    fitted = np.asarray(crop_and_resize(Image.fromarray(picture), KNOWN, 1.0, (0.5, 0.5)))
    np.testing.assert_array_equal(read("out.png")[4:12, 6:18], fitted)
    if size == KNOWN:
        np.testing.assert_array_equal(fitted, picture)


def test_fit_keeps_the_middle(run):
    picture = np.zeros((32, 96, 3), np.uint8)
    picture[:, 24:72] = 255, 200, 0
    write("in.png", picture)
    run("--input", "in.png", "--output", "out.png", "--fit")
    assert np.unique(read("out.png")[6:10, 8:16].reshape(-1, 3), axis=0).tolist() == [[255, 200, 0]]


@pytest.mark.parametrize(("size", "picture"), [((28, 28), (29, 100)), ((208, 16), (27, 622))])
def test_fit_works_for_every_pair_of_sizes(size, picture):
    cropped = crop_and_resize(Image.new("RGB", (picture[1], picture[0])), size, 1.0, (0.5, 0.5))
    assert (cropped.height, cropped.width) == size


@pytest.mark.parametrize("size", [(9, 12), (8, 13), (1, 1), (30, 50)])
def test_truncate_is_one_pass_at_the_pictures_size(run, runs, size):
    write("in.png", noise(size=size))
    line = refused(run("--input", "in.png", "--output", "out.png", "--rounding", "truncate"))
    assert f"in.png: a known picture of {size[0]}x{size[1]} on a canvas of" in line
    assert line.endswith("; --fit brings any picture to 8x12")
    assert files() == ["in.png"]


RGBA = np.dstack([noise(1), np.full(KNOWN, 255, np.uint8)])
RGBA[:4, :, 3] = 0
GREY = noise(2)[..., 0]
PALETTE = Image.fromarray(noise(3)).quantize(16)


@pytest.mark.parametrize(
    ("picture", "options", "expected"),
    [
        (Image.fromarray(noise()), {}, noise()),
        (Image.fromarray(RGBA), {}, np.where(RGBA[..., 3:] == 0, 255, RGBA[..., :3])),
        (Image.fromarray(GREY), {}, np.dstack([GREY] * 3)),
        (
            Image.fromarray(np.dstack([GREY, RGBA[..., 3]]), "LA"),
            {},
            np.dstack([np.where(RGBA[..., 3], GREY, 255)] * 3),
        ),
        (Image.fromarray(GREY > 127), {}, np.dstack([255 * (GREY > 127)] * 3)),
        (PALETTE, {}, np.asarray(PALETTE.convert("RGB"))),
        (
            PALETTE,
            {"transparency": 3},
            np.where(np.asarray(PALETTE)[..., None] == 3, 255, np.asarray(PALETTE.convert("RGB"))),
        ),
    ],
    ids=["RGB", "RGBA", "L", "LA", "1", "P", "P-transparent"],
)
def test_kinds_of_pictures(run, picture, options, expected):
    picture.save("in.png", **options)
    status, _, err = run("--input", "in.png", "--output", "out.jpg")
    assert (status, err) == (0, "")
    with Image.open("out.jpg") as made:  # has no transparency: what is seen through is white
        known = np.asarray(made)[4:12, 6:18].astype(int)
    assert np.abs(known - expected).mean() < 8
    status, _, err = run("--input", "in.png", "--output", "out.png")
    with Image.open("out.png") as made, Image.open("in.png") as given:
        mode = "RGBA" if given.has_transparency_data else "RGB"
        assert made.mode == mode
        np.testing.assert_array_equal(np.asarray(made)[4:12, 6:18], np.asarray(given.convert(mode)))


@pytest.mark.parametrize("letter", ["x", "\u00e4"])
@pytest.mark.parametrize("length", [249, 250, 255])
def test_names_as_long_as_the_file_system_takes_are_written(run, letter, length):
    stem = (length - 4) // len(letter.encode()) * letter
    write(f"in/{stem}.png")
    status, out, _ = run("--input", f"in/{stem}.png", "--output", f"{stem}.png")
    assert (status, out.split(",")[0]) == (0, f"wrote {stem}.png")
    assert run("--input", "in", "--output", "out")[0] == 0
    assert files("out") == sorted([f"{stem}.png", "manifest.json"])
    if len(f"{stem}.webp".encode()) > 255:  # the other ending has no room
        for force in ((), ("--force",)):
            status, out, err = run("--input", "in", "--output", "other", "--format", "webp", *force)
            assert status not in (0, None)
            assert "name too long" in err
            assert "Traceback" not in err


def test_fit_keeps_transparency(run):
    given = np.dstack([noise(size=(40, 60)), np.full((40, 60), 255, np.uint8)])
    given[:20, :, 3] = 0
    Image.fromarray(given).save("in.png")
    assert run("--input", "in.png", "--output", "out.png", "--fit")[0] == 0
    with Image.open("out.png") as made:
        assert made.mode == "RGBA"
        opacity = np.asarray(made)[4:12, 6:18, 3]
    assert (opacity[:3] == 0).all()
    assert (opacity[5:] == 255).all()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("in.png", np.uint16),
        ("in.pgm", np.int32),
    ],
)
def test_16_bit_grey_is_rounded_to_8(name, dtype, tmp_path):
    levels = np.random.default_rng(4).integers(0, 65536, KNOWN).astype(dtype)
    Image.fromarray(levels).save(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / name))[..., 0], np.round(levels / 257))


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.webp"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(1, lambda x: x), (2, np.fliplr), (3, lambda x: np.rot90(x, 2)), (5, lambda x: x.swapaxes(0, 1)), (6, np.rot90)],
)
def test_pictures_stand_upright(run, name, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = noise() // 128 * 255  # far apart, so that JPEG leaves no doubt
    stored = np.ascontiguousarray(turn(upright))
    lossless = {"quality": 100, "subsampling": 0} if name == "in.jpg" else {"lossless": True}
    write(name, stored, exif=exif, **lossless)
    status, _, _ = run("--input", name, "--output", "out.png")
    assert status == 0
    known = read("out.png")[4:12, 6:18].astype(int)
    np.testing.assert_allclose(known, upright, atol=16 if name == "in.jpg" else 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.png", b""),
        ("in.png", b"\x89PNG\r\n\x1a\n"),
        ("in.jpg", b"\xff\xd8\xff\xe0" + 99 * b"x"),
        ("in.txt", b"text"),
    ],
)
def test_file_that_is_no_picture_is_refused(run, name, content):
    Path(name).write_bytes(content)
    assert f"error: {name} is no picture that can be read (" in refused(run("--input", name, "--output", "new/out.png"))
    assert os.listdir() == [name]


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "gif"])
def test_truncated_picture_is_refused(run, ending):
    write(f"in.{ending}", noise(size=(64, 96)))
    whole = Path(f"in.{ending}").read_bytes()
    Path(f"in.{ending}").write_bytes(whole[: len(whole) // 2])
    line = refused(run("--input", f"in.{ending}", "--output", "out.png", "--fit"))
    assert f"in.{ending} is no picture that can be read (" in line
    assert files() == [f"in.{ending}"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.png", "out.png", "--input is 'none.png', which is neither a file nor a folder"),
        ("empty", "out", "--input is 'empty', which holds no picture (.jpg, .png, .webp, ...)"),
        (
            "in.png",
            "out.tif",
            "--output is 'out.tif'; it takes a file that ends in .png, .jpg, .jpeg, .webp, or a folder",
        ),
        ("in.png", "out", "--output is 'out'; it takes a file that ends in .png, .jpg, .jpeg, .webp, or a folder that"),
        ("folder", "in.png", "--output is the file in.png; where --input is a folder it takes a folder"),
        ("in.png", "in.png/out.png", "in.png/out.png"),
        ("folder", "in.png/out", "in.png"),
        ("in.png", f"{'x' * 252}.png", "whose longest name has 256 bytes; names take 255 at most"),
        ("in.png", f"{'x/' * 3000}a.png", "of 6,005 bytes; paths take some 4,000 at most"),
        ("x" * 256, "out.png", "whose longest name has 256 bytes; names take 255 at most"),
        ("~no_such_user/in.png", "out.png", "~no_such_user"),
        ("in.png", "~no_such_user/out.png", "~no_such_user"),
        ("", "out.png", "--input"),
    ],
)
def test_paths_that_do_not_fit_are_refused(run, source, target, message):
    write("in.png")
    write("folder/a.png")
    Path("empty").mkdir()
    before = files()
    assert message in refused(run("--input", source, "--output", target))
    assert files() == before


def test_folders_named_like_pictures_are_entered_alone(run):
    write("in/photos.png/a.png")
    status, _, err = run("--input", "in", "--output", "out")
    assert files("out") == ["manifest.json", "photos.png/a.png"]
    assert "Is a directory" not in err
    assert status == 0


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ("none", "no checkpoint at .*none: there is no such folder"),
        ("in.png", "no checkpoint at .*in.png"),
        ("empty", "empty is no checkpoint, and no workdir of a run: it holds no checkpoints/STEP"),
        ("half", "checkpoint .*half is incomplete: it lacks architecture"),
        ("broken", "checkpoint .*broken cannot be read, files are missing or damaged: "),
    ],
)
def test_checkpoint_that_is_none_is_refused(run, checkpoint, message):
    write("in.png")
    for folder in ("empty", "half/generator", "broken/generator", "broken/architecture"):
        Path(folder).mkdir(parents=True)
    line = refused(run("--input", "in.png", "--output", "out.png", checkpoint=checkpoint))
    assert pytest.RaisesExc(ValueError, match=message).matches(ValueError(line))
    assert files() == ["in.png"]


def fail_halfway(picture: Image.Image, path: Path, **options: object) -> None:
    Path(path).write_bytes(b"half a picture")
    raise OSError(28, "No space left on device")


def test_failed_write_leaves_nothing_and_keeps_what_was_there(run, monkeypatch):
    write("in.png")
    Path("out.png").write_text("precious")
    before = files()
    monkeypatch.setattr(Image.Image, "save", fail_halfway)
    for target in ("out.png", "new.png"):
        try:
            status, _, _ = run("--input", "in.png", "--output", target, "--force")
        except OSError:
            status = 1
        assert status not in (0, None)
    assert files() == before
    assert Path("out.png").read_text() == "precious"


def test_failed_write_gets_one_line(run, monkeypatch):
    write("in.png")
    monkeypatch.setattr(Image.Image, "save", fail_halfway)
    line = refused(run("--input", "in.png", "--output", "out.png"))
    assert "out.png" in line
    assert "No space left on device" in line


def test_any_seed_works_or_is_refused(run):
    write("in.png")
    status, _, err = run("--input", "in.png", "--output", "out.png", "--placement", "random", "--seed", 2**64)
    assert status == 0 or "error: " in err.splitlines()[-1]


def in_process_of_its_own(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "srn_jax.infer", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment(1), capture_output=True, text=True, check=False)


def test_program_writes_a_picture(runs, tmp_path):
    picture = write(f"{tmp_path}/in.png")
    ended = in_process_of_its_own(
        *("--checkpoint", runs["top"], "--input", tmp_path / "in.png", "--output", tmp_path / "out.png", "--left", 1)
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"wrote {tmp_path}/out.png, 12x8 -> 13x8 (width x height), 1 pass{SMALL}\n"
    assert places(read(tmp_path / "out.png"), picture) == [(0, 1)]


def test_program_gives_a_checkpoint_with_files_missing_one_line(tmp_path):
    save(tmp_path, tiny_generator(SRN((2, 2), width=2), KNOWN, CANVAS), 1)
    for file in (tmp_path / "checkpoints" / "1").glob("generator/d/*"):
        file.unlink()
    write(f"{tmp_path}/in.png")
    ended = in_process_of_its_own(
        *("--checkpoint", tmp_path, "--input", tmp_path / "in.png", "--output", tmp_path / "out.png")
    )
    line = refused((ended.returncode, ended.stdout, ended.stderr))
    assert f"{tmp_path}/checkpoints/1 cannot be read, files are missing or damaged: " in line
    assert not (tmp_path / "out.png").exists()
