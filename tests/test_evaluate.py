"""`python -m srn_jax.evaluate`: numbers by slow loops, and what is written."""

import base64
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from srn_jax import SRN, Generator, extrapolate
from srn_jax.errors import InputError
from srn_jax.evaluate import __main__ as program
from srn_jax.evaluate import summary
from srn_jax.evaluate.crops import Crops, open_pictures, spread
from srn_jax.evaluate.judge import ALL_FILLS, Judge
from srn_jax.pictures import crop_and_resize
from tests.programs import environment
from tests.test_generator import save, tiny_generator
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
    status: object = 0
    try:
        program.main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    return status, *capsys.readouterr()


def refused(outcome: tuple[object, str, str]) -> str:
    status, out, err = outcome
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_crop_is_the_largest_window_in_the_middle(generator, photos):
    crops = Crops(open_pictures(str(photos), "test"), generator, 0)
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
        crops = Crops(open_pictures(str(photos), "test"), generator, seed)
        return [crops.read(number).mask.tobytes() for number in numbers]  # pyright: ignore[reportOptionalMemberAccess]

    first = masks(0, [0, 1, 2, 3, 4])
    assert len(set(first)) > 1
    assert masks(0, [3, 1]) == [first[3], first[1]]
    assert masks(1, [0, 1, 2, 3, 4]) != first


def test_the_judges_pictures_are_those_of_extrapolate(generator, photos):
    crops = Crops(open_pictures(str(photos), "test"), generator, 0)
    for one in Judge(generator, 2).judge(crops, range(5)):
        made = extrapolate(generator, one.crop.image, one.crop.mask)
        assert np.abs(one.completed["SRN"].astype(int) - made).max() <= 1
        assert (one.completed["SRN"] != made).mean() < 0.01
        for name, fill in ALL_FILLS.items():
            np.testing.assert_array_equal(one.completed[name], fill(one.crop.image, one.crop.mask))


@pytest.mark.parametrize("batch", [1, 3, 4, 16])
def test_numbers_do_not_depend_on_the_batch(generator, photos, batch):
    """The tests run on several virtual devices, of which 4 are used by a batch of 4, and one by a batch of 1."""

    def scores(size: int) -> dict[tuple[int, str, str], float]:
        crops = Crops(open_pictures(str(photos), "test"), generator, 0)
        judged = list(Judge(generator, size).judge(crops, range(5)))
        assert [one.number for one in judged] == list(range(5))
        return {(one.number, s, k): v for one in judged for s, row in one.scores.items() for k, v in row.items()}

    # One pixel in thousands may be rounded to the level beside it.
    assert scores(batch) == pytest.approx(scores(2), rel=1e-4, abs=1e-4, nan_ok=True)


def test_scores_by_hand(generator, photos):
    crops = Crops(open_pictures(str(photos), "test"), generator, 0)
    for one in Judge(generator, 4).judge(crops, range(5)):
        truth, mask = one.crop.image.astype(np.float64) / 255, one.crop.mask[..., 0] == 1
        for system, completed in one.completed.items():
            difference = np.abs(completed / 255.0 - truth)
            row = one.scores[system]
            assert row["l1"] == pytest.approx(difference.mean(), rel=1e-4)
            assert row["l1_unknown"] == pytest.approx(difference[mask].mean(), rel=1e-4)
            assert row["psnr_unknown"] == pytest.approx(-10 * math.log10((difference[mask] ** 2).mean()), rel=1e-4)


def test_unreadable_pictures_are_named_and_left_out(generator, photos):
    (photos / "picture_001.png").write_bytes(b"no picture")
    crops, missing = Crops(open_pictures(str(photos), "test"), generator, 0), []
    numbers = [one.number for one in Judge(generator, 2).judge(crops, range(5), missing.append)]
    assert (numbers, missing) == ([0, 2, 3, 4], [1])
    assert "picture_001.png: UnidentifiedImageError" in crops.why_not(1)


@pytest.mark.parametrize(("count", "limit", "numbers"), [(5, None, [0, 1, 2, 3, 4]), (5, 2, [0, 4]), (3, 9, [0, 1, 2])])
def test_a_limit_is_spread_over_all(count, limit, numbers):
    assert list(spread(count, limit)) == numbers


def rows(*values: float) -> list[dict[str, float]]:
    return [dict.fromkeys((column.name for column in summary.COLUMNS), value) for value in values]


def test_means_and_their_intervals():
    values = [1.0, 2.0, 4.0, 8.0]
    found = summary.means(rows(*values))["l1"]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean == 3.75
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((interval.low, interval.high))
    assert found.pictures == 4


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
    assert "| FID: not measured, needs --inception FILE" in out
    assert sorted(file.name for file in output.iterdir()) == sorted(
        ["best.png", "median.png", "report.html", "scores.jsonl", "summary.json", "worst.png"]
    )
    lines = [json.loads(line) for line in (output / "scores.jsonl").read_text().splitlines()]
    assert [Path(line["picture"]).name for line in lines] == [f"picture_00{number}.png" for number in (0, 1, 3, 4)]
    found = json.loads((output / "summary.json").read_text())
    assert (found["pictures"], len(found["skipped"])) == (4, 1)
    for system in systems:
        by_hand = np.mean([line[system]["psnr_unknown"] for line in lines])
        assert found["scores"][system]["psnr_unknown"]["mean"] == pytest.approx(by_hand)
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
    crops = Crops(open_pictures(str(photos), "test"), generator, 0)
    with pytest.raises(InputError, match="paints values that are NaN or infinite"):
        list(Judge(broken, 2).judge(crops, range(2)))


@pytest.mark.parametrize("options", [("--limit", 0), ("--batch", 0), ("--seed", -1)])
def test_wrong_options_are_refused(capsys, workdir, photos, options):
    status, _, err = run(capsys, "--checkpoint", workdir, "--data", photos, *options)
    assert status == 2
    assert f"{options[0]} is {options[1]}; it takes" in err


def test_the_embedded_pictures_can_be_judged(generator):
    assert len(open_pictures("embedded", "test")) == 4


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
