"""The benchmarks run, beside PyTorch where it is installed, and what they compare is equal; no time is judged."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import folder
from benchmarks.compare import WrongResultError
from benchmarks.first_picture import Process
from tests.programs import environment

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
FOLDERS = ("ours, 1 device", "ours, 2 devices", "DataLoader, 0 processes")


def run(*command: str, status: int = 0, optimized: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a program, on one device; it must end with `status`."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        # Else the threads of PyTorch's that wait for each other keep a core busy that another test would have.
        env=environment(1, optimized=optimized) | {"OMP_WAIT_POLICY": "PASSIVE"},
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def short(tmp_path: Path, program: str, *options: str, optimized: bool = False) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns {what: {contestant: what was measured}} of a program's short form, whose table must have as many rows."""
    pytest.importorskip("torch")
    json_file = str(tmp_path / "found.json")
    done = run(f"benchmarks.{program}", "--short", "--json", json_file, *options, optimized=optimized)
    found = json.loads((tmp_path / "found.json").read_text())
    measured = {c["what"]: {one["name"]: one for one in c["contestants"]} for c in found["contests"]}
    everyone = [one for contestants in measured.values() for one in contestants.values()]
    assert len([line for line in done.stdout.splitlines() if line.startswith("|")]) == 2 + len(everyone)
    assert found["options"]["short"]
    assert "torch 2.13" in done.stdout
    assert all(contest["differences"] for contest in found["contests"])
    for one in everyone:
        assert all(seconds > 0 for seconds in [*one["seconds"], one["first_seconds"], one["median"]])
        assert one["peak_process"] > one["peak_calls"] >= 0
    return measured


def test_inference(tmp_path):
    found = short(tmp_path, "inference")
    assert {what: list(contestants) for what, contestants in found.items()} == {
        "generator": ["ours", "eager", "compiled"],
        "extrapolate": ["ours", "eager"],
    }


def test_inference_in_bfloat16(tmp_path):
    found = short(tmp_path, "inference", "--dtype", "bfloat16", "--contestants", "ours", "eager")
    assert {what: list(contestants) for what, contestants in found.items()} == {"generator": ["ours", "eager"]}


def test_training_steps(tmp_path):
    found = short(tmp_path, "train_step")
    assert set(found) == {"pre-training step", "full step"}
    assert all(list(contestants) == ["ours", "eager"] for contestants in found.values())


def test_training_steps_in_bfloat16(tmp_path):
    # The full step has what pre-training has: its error is one of the terms, all of them in bfloat16.
    found = short(tmp_path, "train_step", "--dtype", "bfloat16", "--what", "full step")
    assert {what: list(contestants) for what, contestants in found.items()} == {"full step": ["ours", "eager"]}


def test_id_mrf(tmp_path):
    # With both of conftest.py's ways to compile sooner, not with one, XLA makes a wrong gradient of 8 x 8 blocks.
    found = short(tmp_path, "id_mrf", optimized=True)
    assert {what.partition(",")[0] for what in found} == {"paper 8 x 8", "release 8 x 8"}
    assert list(found["paper 8 x 8, forward and gradients"]) == ["blocks", "dense", "eager"]
    assert list(found["release 8 x 8, forward and gradients"]) == ["blocks", "dense"]


def test_the_data_pipeline(tmp_path):
    found = short(tmp_path, "data")
    (readers,) = found.values()
    assert list(readers) == ["ours, 1 threads, 0 processes", "DataLoader, 0 processes", "DataLoader, 2 processes"]


def test_a_wrong_result_ends_the_program_with_status_1():
    pytest.importorskip("torch")
    options = ("--short", "--contestants", "ours", "eager", "--wrong", "eager")
    done = run("benchmarks.inference", *options, status=1)
    assert done.stderr.splitlines()[-1].startswith("wrong result: generator: predictions of ours and eager differ by")
    assert not done.stdout


def test_without_pytorch_a_line_says_how_to_install_it(tmp_path):
    hidden = (
        "import sys, runpy; sys.modules['torch'] = None; runpy.run_module('benchmarks.inference', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['x', '--short']; {hidden}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "the peers need PyTorch: pip install -e '.[benchmark]'"
    assert "Traceback" not in done.stderr


def cells(printed: str) -> list[list[str]]:
    """Returns the rows of a table, without its header."""
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_growth(tmp_path):
    pytest.importorskip("matplotlib")
    found, plot = tmp_path / "found.json", tmp_path / "growth.png"
    rows = cells(run("benchmarks.growth", "--short", "--json", str(found), "--plot", str(plot)).stdout)
    sizes = [["canvas", "16x16", "1", "8"], ["canvas", "32x32", "1", "8"]]
    sizes += [["batch", "32x32", "1", "8"], ["batch", "32x32", "2", "8"], ["width", "32x32", "1", "8"]]
    assert [row[:4] for row in rows] == sizes
    assert all(row["seconds"] > 0 for row in json.loads(found.read_text())["rows"])
    with Image.open(plot) as picture:
        assert picture.size == (1200, 400)


def test_the_forms_of_convolutions():
    rows = cells(run("benchmarks.convolutions", "--short").stdout)
    of_layer = {row[0]: row for row in rows if row[2] == "kernel_gradient"}
    assert "winograd" in of_layer["cpn/conv10, dilated"][-1]
    assert "phases*" in of_layer["cpn/conv13, upsampling"][-1]
    assert [row[0] for row in rows if row[2] == "penalty"] == ["critic/conv2", "critic/conv3"]


def test_the_floor():
    rows = cells(run("benchmarks.floor", "--short").stdout)
    assert [row[:2] for row in rows] == [
        [what, form] for what in ("inference", "pre-training step", "full step") for form in ("plain", "ours")
    ]
    assert all(float(row[-1]) > 0 for row in rows)


def test_the_systems_of_figure_8():
    rows = cells(run("benchmarks.figure8", "--repeats", "1").stdout)
    assert {row[1].strip("`"): row[2] for row in rows} == {
        "fig8_ca": "3,601,542",
        "fig8_ed": "5,779,459",
        "fig8_srn_hr": "11,087,235",
        "fig8_srn": "11,234,947",
    }


@pytest.mark.parametrize(
    "given",
    [
        "id_mrf --sides -4",
        f"figure8 --repeats {'9' * 5000}",
        "detail --data . --millions nan",
        "inference --canvas 12x12",
    ],
)
def test_numbers_that_do_not_fit_get_a_line(given):
    program, *options = given.split()
    line = run(f"benchmarks.{program}", *options, status=2).stderr
    assert line.startswith(f"error: argument {options[-2]}: ")
    assert line.endswith("; --help lists the options\n")
    assert line.count("\n") == 1
    assert len(line) < 300


def test_the_first_picture():
    pytest.importorskip("torch")
    done = run("benchmarks.first_picture", "--short", "--rounds", "1", optimized=True)
    rows = cells(done.stdout)
    assert [row[0] for row in rows[:4]] == [
        f"{heat}, {what} detail" for what in ("without", "with") for heat in ("cold", "warm")
    ]
    assert rows[4][0] == "PyTorch, eager, without detail"
    assert all(float(cell) > 0 for row in rows for cell in row[1:4])
    assert re.search(r"differ by [0-6]\.\d of 255 levels", done.stderr)


def test_a_folder():
    pytest.importorskip("torch")
    given = ("--pictures", "3", "--devices", "1", "2", "--batches", "2", "--workers", "0", "--rounds", "1")
    rows = cells(run("benchmarks.folder", *given, optimized=True).stdout)
    assert [row[:2] for row in rows] == [[name, "2"] for name in FOLDERS]
    assert all(float(cell.replace(",", "")) > 0 for row in rows for cell in row[2:])


@pytest.mark.parametrize("wrong", [None, 1])
def test_every_kind_of_process_makes_the_folder_and_ours_make_the_same(monkeypatch, capsys, wrong):
    """None is started: what a process would make are the photographs, of one device's some `wrong` ones."""
    started = []

    def copy(row: folder.Row, photographs: Path, weights: Path, output: Path) -> Process:
        started.append(row)
        for path in photographs.iterdir():
            shutil.copy(path, output)
            if (row.devices, row.batch) == (wrong, 2):
                with (output / path.name).open("ab") as file:
                    file.write(b"\0")  # behind the picture's end
        return Process(len(started), 5_000_000)

    monkeypatch.setattr(folder, "run", copy)
    given = ("--pictures", "3", "--devices", "1", "2", "--batches", "1", "2", "--workers", "0", "--rounds", "1")
    monkeypatch.setattr(sys, "argv", ["folder", *given])
    if wrong:
        with pytest.raises(WrongResultError, match="bit for bit"):
            folder.main()
        return
    folder.main()
    rows = cells(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [[name, batch] for name in FOLDERS for batch in ("1", "2")]
    assert [float(row[2]) for row in rows] == [round(3 / second, 2) for second in range(7, 13)]  # without the first


def test_detail(tmp_path):
    photo = Image.effect_noise((90, 72), 60).convert("RGB")
    photo.save(tmp_path / "photo.png")
    found, sheet = tmp_path / "found.json", tmp_path / "sheet.jpg"
    given = ("--data", str(tmp_path), "--tasks", "around", "--json", str(found), "--sheet", str(sheet))
    printed = run("benchmarks.detail", *given, optimized=True).stdout
    systems = [row[0] for row in cells(printed)]
    assert systems[:3] == ["SRN", "SRN + detail", "Telea"]  # PyPatchMatch comes with the extra
    scores = json.loads(found.read_text())["systems"]
    assert list(scores) == systems
    assert scores["SRN + detail"][0]["sharpness"] > 2 * scores["SRN"][0]["sharpness"] > 0
    with Image.open(sheet) as made:
        assert made.width == 480 * (1 + len(systems))
    # Of the canvas that was painted around, so that its programs are there.
    given = ("--data", str(tmp_path), "--growth", "--millions", "0.0036")
    growth = cells(run("benchmarks.detail", *given, optimized=True).stdout)
    assert growth[0][0] == "0.0036"
