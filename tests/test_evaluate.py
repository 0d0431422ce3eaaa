"""`python -m srn_jax.evaluate`: numbers by slow loops, and what is written."""

import base64
import io
import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from srn_jax import SRN, Generator, expand, extrapolate
from srn_jax.data.photographs import spread
from srn_jax.errors import InputError
from srn_jax.evaluate import program, sheets, summary
from srn_jax.evaluate.__main__ import main
from srn_jax.evaluate.crops import CanvasCrops, open_pictures
from srn_jax.evaluate.full_resolution import FullResolutionCrops, FullResolutionJudge
from srn_jax.evaluate.judge import ALL_FILLS, CanvasJudge
from srn_jax.evaluate.options import parse
from srn_jax.evaluate.tasks import TASKS
from srn_jax.infer.windows import Box
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.programs import files
from tests.programs import ended, environment
from tests.test_generator import save, tiny_generator
from tests.test_metrics import sharpness_by_loops
from tests.tiers import slow_but
from tests.tiny import write_pictures

KNOWN, CANVAS = (12, 16), (24, 32)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(SRN((2, 2), width=4), KNOWN, CANVAS)


@pytest.fixture(scope="module")
def workdir(generator, tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), generator, 1)


@pytest.fixture
def photos(tmp_path) -> Path:
    return write_pictures(tmp_path / "photos", 5)


def run(capsys, *arguments: object) -> tuple[object, str, str]:
    """Returns status, standard output and standard error of the program."""
    return ended(main, capsys, *arguments)


def refused(outcome: tuple[object, str, str]) -> str:
    status, out, err = outcome
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_crop_is_the_largest_window_in_the_middle(generator, photos):
    crops = CanvasCrops(open_pictures(str(photos), "test"), generator, 0)
    for number, file in enumerate(sorted(photos.iterdir())):
        crop = crops.read(number)
        assert crop is not None
        with Image.open(file) as picture:
            expected = np.asarray(crop_and_resize(picture, CANVAS, 1.0, (0.5, 0.5)))
        np.testing.assert_array_equal(crop.image, expected)
        assert crop.name == str(file)
        assert (crop.mask == 0).sum() == KNOWN[0] * KNOWN[1]


def test_where_the_known_part_lies_hangs_on_seed_and_number_alone(generator, photos):
    def masks(seed: int, numbers: list[int]) -> list[bytes]:
        crops = CanvasCrops(open_pictures(str(photos), "test"), generator, seed)
        return [crops.read(number).mask.tobytes() for number in numbers]  # pyright: ignore[reportOptionalMemberAccess]

    first = masks(0, [0, 1, 2, 3, 4])
    assert len(set(first)) > 1
    assert masks(0, [3, 1]) == [first[3], first[1]]
    assert masks(1, [0, 1, 2, 3, 4]) != first


def test_the_judges_pictures_are_those_of_extrapolate(generator, photos):
    crops = CanvasCrops(open_pictures(str(photos), "test"), generator, 0)
    for one in CanvasJudge(generator, 2).judge(crops, range(5)):
        made = extrapolate(generator, one.crop.image, one.crop.mask)
        assert np.abs(one.completed["SRN"].astype(int) - made).max() <= 1
        assert (one.completed["SRN"] != made).mean() < 0.01
        for name, fill in ALL_FILLS.items():
            np.testing.assert_array_equal(one.completed[name], fill(one.crop.image, one.crop.mask))


def scores_of_five(generator: Generator, photos: Path, batch: int) -> dict[tuple[int, str, str], float]:
    crops = CanvasCrops(open_pictures(str(photos), "test"), generator, 0)
    judged = list(CanvasJudge(generator, batch).judge(crops, range(5)))
    assert [one.number for one in judged] == list(range(5))
    return {(one.number, s, k): v for one in judged for s, row in one.scores.items() for k, v in row.items()}


@pytest.fixture(scope="module")
def scores_by_twos(generator, tmp_path_factory) -> dict[tuple[int, str, str], float]:
    return scores_of_five(generator, write_pictures(tmp_path_factory.mktemp("photos"), 5), 2)


@pytest.mark.parametrize("batch", slow_but([16], [1, 16]))
def test_numbers_do_not_depend_on_the_batch(generator, photos, scores_by_twos, batch):
    """The tests run on several virtual devices, all of which a batch of 16 uses, one of 2 two, and one of 1 one."""
    # One pixel in thousands may be rounded to the level beside it.
    found = scores_of_five(generator, photos, batch)
    assert found == pytest.approx(scores_by_twos, rel=1e-4, abs=1e-4, nan_ok=True)


def test_scores_by_hand(generator, photos):
    crops = CanvasCrops(open_pictures(str(photos), "test"), generator, 0)
    for one in CanvasJudge(generator, 2).judge(crops, range(5)):
        truth, mask = one.crop.image.astype(np.float64) / 255, one.crop.mask[..., 0] == 1
        for system, completed in one.completed.items():
            difference = np.abs(completed / 255.0 - truth)
            row = one.scores[system]
            assert row["l1"] == pytest.approx(difference.mean(), rel=1e-4)
            assert row["l1_unknown"] == pytest.approx(difference[mask].mean(), rel=1e-4)
            assert row["psnr_unknown"] == pytest.approx(-10 * math.log10((difference[mask] ** 2).mean()), rel=1e-4)
            assert row["sharpness"] == pytest.approx(sharpness_by_loops(completed / 255, truth, mask), rel=1e-4)


def test_unreadable_pictures_are_named_and_left_out(generator, photos):
    (photos / "picture_001.png").write_bytes(b"no picture")
    crops, missing = CanvasCrops(open_pictures(str(photos), "test"), generator, 0), []
    numbers = [one.number for one in CanvasJudge(generator, 2).judge(crops, range(5), missing.append)]
    assert (numbers, missing) == ([0, 2, 3, 4], [1])
    assert "picture_001.png: UnidentifiedImageError" in crops.why_not(1)


@pytest.mark.parametrize(("count", "limit", "numbers"), [(5, None, [0, 1, 2, 3, 4]), (5, 2, [0, 4]), (3, 9, [0, 1, 2])])
def test_a_limit_is_spread_over_all(count, limit, numbers):
    assert spread(count, limit) == numbers


def rows(*values: float) -> list[dict[str, float]]:
    return [dict.fromkeys((column.name for column in summary.COLUMNS), value) for value in values]


def test_means_and_their_intervals():
    values = [1.0, 2.0, 4.0, 8.0]
    found = summary.means(rows(*values))["l1"]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean == 3.75
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((interval.low, interval.high))
    assert found.pictures == 4
    assert found.median == 3.0
    assert summary.as_json({"SRN": {"l1": found}})["SRN"]["l1"]["median"] == 3.0


def test_medians_have_a_table():
    found = summary.medians({"SRN": summary.means(rows(1.0, 2.0, 9.0)), "none": summary.means(rows(math.nan))})
    assert found == [
        ["medians", "PSNR unknown, dB", "step at the border", "sharpness"],
        ["SRN", "2.00", "2.00", "2.00"],
        ["none", *["none"] * 3],
    ]


def test_exact_pictures_count_as_100_db_and_what_is_no_number_does_not_count():
    found = summary.means([{**rows(0.5)[0], "psnr": value} for value in (math.inf, 50.0, math.nan)])
    assert (found["psnr"].mean, found["psnr"].pictures) == (75.0, 2)
    assert (found["l1"].mean, found["l1"].half) == (0.5, 0.0)
    found = summary.means([{**rows(0.5)[0], "step": value} for value in (math.inf, 1.5)])  # a border without a step
    assert (found["step"].mean, found["step"].pictures) == (1.5, 1)
    table = summary.rows({"SRN": summary.means(rows(math.nan))})
    assert table[1] == ["SRN"] + ["none"] * len(summary.COLUMNS)
    one = summary.rows({"SRN": summary.means(rows(0.5))})
    assert one[1][:3] == ["SRN", "0.50", "0.500"]  # one picture has no interval
    none = summary.as_json({"SRN": summary.means(rows(math.nan))})
    assert json.loads(json.dumps(none, allow_nan=False))["SRN"]["l1"]["mean"] is None


def test_the_program(capsys, workdir, photos, tmp_path):
    (photos / "picture_002.png").write_bytes(b"no picture")
    output = tmp_path / "out"
    status, out, err = run(capsys, "--checkpoint", workdir, "--data", photos, "--output", output, "--batch", 2)
    assert status == 0
    assert "skipped" in err
    assert "Traceback" not in err
    assert out.endswith(f"\nlook at        {output}/report.html\neach picture   {output}/scores.jsonl\n")
    systems = ["SRN", "mean fill", "edge replication", "mirror fill", "Telea"]
    assert [line.split(" |")[0] for line in out.splitlines()[2:7]] == [f"| {name}" for name in systems]
    assert out.splitlines()[8].startswith("| medians |")
    assert "| FID: not measured, needs --inception FILE" in out
    assert sorted(file.name for file in output.iterdir()) == sorted(
        ["best.png", "median.png", "report.html", "scores.jsonl", "summary.json", "worst.png"]
    )
    lines = [json.loads(line) for line in (output / "scores.jsonl").read_text().splitlines()]
    assert [Path(line["picture"]).name for line in lines] == [f"picture_00{number}.png" for number in (0, 1, 3, 4)]
    found = json.loads((output / "summary.json").read_text())
    assert (found["pictures"], len(found["skipped"])) == (4, 1)
    assert found["detail"] == "on, but for 4 with a known part of under 21 pixels on a side"
    for system in systems:
        by_hand = np.mean([line[system]["psnr_unknown"] for line in lines])
        assert found["scores"][system]["psnr_unknown"]["mean"] == pytest.approx(by_hand)
        by_hand = np.median([line[system]["sharpness"] for line in lines])
        assert found["scores"][system]["sharpness"]["median"] == pytest.approx(by_hand)
    html = (output / "report.html").read_text()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(pictures) == 3
    assert not re.search(r'(src|href)="(?!data:)', html)  # nothing from elsewhere
    worst = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[0]))))
    np.testing.assert_array_equal(worst, np.asarray(Image.open(output / "worst.png")))
    assert "picture_002.png" in html


def test_the_worst_are_the_worst(generator, photos):
    ranked = program._choose([4, 2, 0, 1, 3, 5, 6, 7, 8, 9])
    assert ranked == {"worst": [4, 2, 0], "median": [1, 3, 5], "best": [9, 8, 7]}
    ranked = program._choose(list(range(30)))
    assert ranked == {"worst": [*range(6)], "median": [*range(12, 18)], "best": [29, 28, 27, 26, 25, 24]}
    assert program._choose([3]) == {"worst": [3], "median": [3], "best": [3]}


@pytest.mark.slow
def test_of_few_pictures_none_is_judged_twice(capsys, workdir, photos, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        CanvasCrops, "_cut", lambda self, *given, cut=CanvasCrops._cut: read.append(1) or cut(self, *given)
    )
    arguments = ("--checkpoint", workdir, "--data", photos, "--output", tmp_path / "out", "--force")
    assert run(capsys, *arguments)[0] == 0
    few = [(tmp_path / "out" / f"{title}.png").read_bytes() for title in ("worst", "median", "best")]
    assert len(read) == 5
    monkeypatch.setattr(program, "_KEPT", 4)
    assert run(capsys, *arguments)[0] == 0
    assert [(tmp_path / "out" / f"{title}.png").read_bytes() for title in ("worst", "median", "best")] == few
    assert len(read) == 5 + 5 + 3


def test_a_report_is_replaced_by_force_alone(capsys, workdir, photos, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    arguments = ("--checkpoint", workdir, "--data", photos, "--output", output, "--limit", 1)
    assert run(capsys, *arguments)[0] == 0  # an empty folder is free
    before = (output / "summary.json").read_bytes()
    assert "exists and is not empty; --force replaces its report" in refused(run(capsys, *arguments))
    assert run(capsys, *arguments[:-1], 2, "--force")[0] == 0
    assert (output / "summary.json").read_bytes() != before
    other = tmp_path / "mine"
    other.mkdir()
    for folder in (other, output):
        (folder / "precious.txt").touch()
        found = refused(run(capsys, *arguments[:4], "--output", folder, "--force"))
        assert f"--output {folder} holds precious.txt, which is no part of a report, and is not replaced" in found
        assert (folder / "precious.txt").exists()


def test_pictures_that_are_enlarged_are_counted(capsys, workdir, tmp_path):
    write_pictures(tmp_path / "photos", 2)
    Image.new("RGB", (32, 23), "red").save(tmp_path / "photos" / "small.png")
    output = tmp_path / "out"
    assert run(capsys, "--checkpoint", workdir, "--data", tmp_path / "photos", "--output", output)[0] == 0
    assert json.loads((output / "summary.json").read_text())["enlarged"] == "1 of them, smaller than the canvas"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "none",
            "--data is 'none'; it takes a folder of pictures, a text file with a path a line, embedded, tfds:NAME",
        ),
        ("folder:x", "--data is 'folder:x'; it takes"),
        ("", "--data is empty"),
        ("empty", "holds no picture"),
        ("list.txt", "none of whose pictures is there"),
        ("tfds:none", "none"),
        ("paris_streetview:none", "none"),
    ],
)
def test_data_that_is_none_is_refused(capsys, workdir, tmp_path, monkeypatch, data, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("list.txt").write_text("gone.png\n")
    assert message in refused(run(capsys, "--checkpoint", workdir, "--data", data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "list.txt"]


def test_pictures_none_of_which_is_readable_leave_nothing(capsys, workdir, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no picture")
    output = tmp_path / "out"
    status, out, err = run(capsys, "--checkpoint", workdir, "--data", tmp_path / "photos", "--output", output)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: none of the 1 pictures of --data")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_generator_that_diverged_is_named(generator, photos):
    broken = generator.replace(params=jax.tree.map(lambda leaf: leaf * np.nan, generator.params))
    crops = CanvasCrops(open_pictures(str(photos), "test"), generator, 0)
    with pytest.raises(InputError, match="paints values that are NaN or infinite"):
        list(CanvasJudge(broken, 2).judge(crops, range(2)))


@pytest.mark.parametrize(
    "options",
    [("--limit", 0), ("--batch", 0), ("--seed", -1), ("--limit", 10**20), ("--batch", 10**9), ("--seed", 2**32)],
)
def test_wrong_options_are_refused(capsys, workdir, photos, options):
    status, _, err = run(capsys, "--checkpoint", workdir, "--data", photos, *options)
    assert status == 2
    assert f"{options[0]} is {options[1]}; it takes" in err


def test_the_embedded_pictures_can_be_judged(generator):
    assert len(open_pictures("embedded", "test")) == 4


# --- With detail ---


@pytest.fixture(scope="module")
def larger() -> Generator:
    """A generator whose known part is large enough for detail."""
    return tiny_generator(SRN((2, 2), width=4), (24, 28), (48, 56))


@pytest.mark.slow
def test_detail_is_that_of_expand(larger, photos, monkeypatch, quick_detail):
    crops = CanvasCrops(open_pictures(str(photos), "test"), larger, 0)
    judge = CanvasJudge(larger, 2, detail=True, seed=3)
    found = list(judge.judge(crops, [0, 2, 4]))
    assert [list(one.completed) for one in found] == [judge.systems] * 3
    assert judge.systems[:3] == ["SRN", "SRN + detail", "mean fill"]
    for one in found:
        painted = one.completed["SRN"] * np.float32(1 / 255)
        monkeypatch.setattr(sys.modules["srn_jax.infer.expansion"], "paint", lambda *given, painted=painted: painted)
        expected = expand(larger, one.crop.picture, **one.crop.margins._asdict(), seed=3)
        np.testing.assert_array_equal(one.completed["SRN + detail"], expected)
        assert one.scores["SRN + detail"]["sharpness"] > 0


@pytest.mark.slow
def test_detail_can_be_left_out(capsys, larger, photos, tmp_path):
    workdir = save(tmp_path / "run", larger, 1)
    output = tmp_path / "out"
    assert run(capsys, "--checkpoint", workdir, "--data", photos, "--output", output, "--detail", "off")[0] == 0
    found = json.loads((output / "summary.json").read_text())
    assert found["detail"] == "off"
    assert list(found["scores"]) == ["SRN", *ALL_FILLS]


# --- At full resolution ---


@pytest.mark.parametrize(
    ("task", "size", "window", "known"),
    [
        ("sides", (50, 80), Box(0, 0, 50, 80), Box(0, 16, 50, 48)),
        ("around", (60, 93), Box(0, 0, 60, 93), Box(10, 16, 40, 61)),
        ("trained", (48, 64), Box(0, 0, 48, 64), Box(6, 10, 24, 32)),
        ("trained", (72, 101), Box(0, 2, 72, 96), Box(9, 15, 36, 48)),
        ("trained", (100, 64), Box(26, 0, 48, 64), Box(6, 10, 24, 32)),
    ],
)
def test_what_is_known_at_full_resolution(generator, task, size, window, known):
    assert TASKS[task].place(size, generator.known, generator.canvas, (3, 5)) == (window, known)


@pytest.mark.parametrize("offset", [(0, 0), (12, 16), (12, 0)])
def test_known_parts_lie_within_windows(generator, offset):
    """A corner in which the known part lies stays one."""
    for height in range(11, 60, 3):
        for width in range(11, 60, 7):
            window, known = TASKS["trained"].place((height, width), generator.known, generator.canvas, offset)
            assert window.top + window.height <= height
            assert window.left + window.width <= width
            assert window.height == height or window.width == width
            for at, whole, part, start in zip(offset, window[2:], known[2:], known[:2], strict=True):
                assert start in ((0,) if at == 0 else (whole - part, whole - part - 1))


@pytest.mark.parametrize("task", slow_but(["sides"], TASKS))
def test_full_resolution_judges_what_expand_makes(generator, tmp_path, quick_detail, task):
    photos = write_pictures(tmp_path / "photos", 2, (52, 70))
    crops = FullResolutionCrops(open_pictures(str(photos), "test"), generator, 0, task)
    judge = FullResolutionJudge(generator, detail=True, seed=2)
    (one,) = judge.judge(crops, [1])
    assert list(one.completed) == judge.systems
    with Image.open(photos / "picture_001.png") as picture:
        whole = np.asarray(picture)
    window, _ = TASKS[task].place((52, 70), generator.known, generator.canvas, crops._offset(1))
    truth = whole[window.top : window.top + window.height, window.left : window.left + window.width]
    np.testing.assert_array_equal(one.crop.image, truth)
    for system, detail in (("SRN", False), ("SRN + detail", True)):
        made = expand(generator, one.crop.picture, **one.crop.margins._asdict(), detail=detail, seed=2)
        np.testing.assert_array_equal(one.completed[system], made)
    mask = one.crop.mask[..., 0] == 1
    assert not mask.all()
    for system, completed in one.completed.items():
        np.testing.assert_array_equal(completed[~mask], truth[~mask])
        difference = (completed[mask] / 255.0 - truth[mask] / 255.0) ** 2
        assert one.scores[system]["psnr_unknown"] == pytest.approx(-10 * math.log10(difference.mean()), rel=1e-4)


@pytest.mark.slow
def test_the_program_at_full_resolution(capsys, workdir, tmp_path, quick_detail):
    """Of photographs of several sizes, of which one has no detail, one is too small, and one is none."""
    photos = write_pictures(tmp_path / "photos", 1, (40, 50))
    rng = np.random.default_rng(1)
    for name, size in (("portrait", (450, 26)), ("small", (36, 24)), ("tiny", (10, 90))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(photos / f"{name}.png")
    (photos / "broken.png").write_bytes(b"no picture")
    output = tmp_path / "out"
    given = ("--checkpoint", workdir, "--data", photos, "--output", output, "--full-resolution", "sides")
    status, out, err = run(capsys, *given)
    assert status == 0, err
    assert f"skipped {photos}/tiny.png: 90x10 pixels are too few to judge" in err
    assert "FID" not in out
    found = json.loads((output / "summary.json").read_text())
    assert (found["pictures"], len(found["skipped"])) == (3, 2)
    assert found["known"] == "the middle 60 % of the width, at full height"
    assert found["canvas"] == "the whole photograph, at its own resolution"
    assert found["detail"] == "on, but for 2 with a known part of under 21 pixels on a side"
    assert list(found["scores"]) == ["SRN", "SRN + detail", *ALL_FILLS]
    assert [found["scores"][system]["l1"]["pictures"] for system in ("SRN", "SRN + detail")] == [3, 1]
    lines = [json.loads(line) for line in (output / "scores.jsonl").read_text().splitlines()]
    assert [Path(line["picture"]).stem for line in lines] == ["picture_000", "portrait", "small"]
    assert lines[0]["canvas"] == {"height": 40, "width": 50}
    assert lines[0]["known"] == {"top": 0, "left": 10, "height": 40, "width": 30}
    with Image.open(output / "worst.png") as sheet:
        assert max(sheet.size) < 2000


def test_networks_need_one_size(capsys, workdir, photos):
    found = refused(run(capsys, "--checkpoint", workdir, "--data", photos, "--full-resolution", "--lpips", "x"))
    assert "--inception and --lpips look at pictures of one size; leave them out with --full-resolution" in found


def test_full_resolution_alone_is_as_trained():
    assert parse(["--checkpoint", "x", "--data", "y", "--full-resolution"]).full_resolution == "trained"
    assert parse(["--checkpoint", "x", "--data", "y"]).full_resolution is None


def test_sheets_hold_pictures_of_differing_sizes():
    wide, high = np.full((200, 400, 3), 10, np.uint8), np.full((60, 20, 3), 20, np.uint8)
    sheet = sheets.contact_sheet({"one": [wide, high], "other": [wide + 1, high + 1]})
    assert sheet.shape == (24 + 200 + 6 + 120 + 6, 6 + 2 * (400 + 6), 3)
    assert (sheet[24:224, 6:406] == 10).all()
    assert (sheet[24:224, 412:812] == 11).all()
    assert (sheet[230:350, 412:452] == 21).all()  # twice as high
    assert (sheet[230:350, 452:] == 255).all()


def test_reports_show_pictures_of_400_pixels_at_most():
    assert sheets.shrunk(np.zeros((300, 1200, 3), np.uint8)).shape == (100, 400, 3)
    small = np.random.default_rng(0).integers(0, 256, (256, 400, 3), dtype=np.uint8)
    np.testing.assert_array_equal(sheets.shrunk(small), small)


@pytest.mark.slow
def test_it_runs_as_a_program(workdir, photos, tmp_path):
    command = [sys.executable, "-m", "srn_jax.evaluate", "--checkpoint", str(workdir), "--data", str(photos)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out"), "--limit", "2"],
        env=environment(1),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| SRN |" in done.stdout


def test_two_do_not_write_one_report(capsys, workdir, photos, tmp_path):
    arguments = ["--checkpoint", workdir, "--data", photos, "--output", tmp_path / "out", "--detail", "off"]
    with files.replacing_folder(tmp_path / "out", lambda: None):
        said = refused(run(capsys, *arguments))
        assert f"{tmp_path / 'out'} is in use by process" in said
    assert run(capsys, *arguments, "--force")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "out"}


@pytest.mark.parametrize("output", ["report", "."])
def test_a_report_never_lies_among_the_pictures(capsys, workdir, photos, output):
    said = refused(run(capsys, "--checkpoint", workdir, "--data", photos, "--output", photos / output))
    assert "lies inside --data" in said
    assert len(list(photos.iterdir())) == 5


@pytest.mark.slow
def test_killed_and_started_again_it_leaves_a_report_and_nothing_else(workdir, tmp_path):
    photos, output = write_pictures(tmp_path / "photos", 400), tmp_path / "out"
    command = [sys.executable, "-m", "srn_jax.evaluate", "--checkpoint", str(workdir), "--data", str(photos)]
    command += ["--output", str(output), "--detail", "off", "--batch", "1"]
    begun = tmp_path / ".out.part" / "scores.jsonl"
    with subprocess.Popen(command, env=environment(1)) as process:
        while not (begun.exists() and begun.stat().st_size):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert not output.exists()
    subprocess.run([*command, "--limit", "5"], check=True, env=environment(1))
    assert len((output / "scores.jsonl").read_text().splitlines()) == 5
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "out"}
