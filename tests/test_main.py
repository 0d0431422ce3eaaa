"""The programs as their users start them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.forked import Process
from tests.programs import PLAIN_FLAGS, environment

ROOT = Path(__file__).parent.parent
TINY = [
    "--config.reconstruction.steps=6",
    "--config.reconstruction.warmup_steps=0",
    "--config.adversarial.steps=2",
    "--config.model.width=4",
    "--config.critic.width=4",
    "--config.data.held_out_crops=1",
]


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "srn_jax.main", f"--workdir={folder}", *arguments]
    given = environment()
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=given)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--config is missing; try --config=configs/quickstart.py"),
        (["--config=configs/nope.py"], "no file; there are: configs/ablation.py"),
        (
            ["--config=configs/quickstart.py", "--config.model.widht=8"],
            "did you mean model.width",
        ),
        (["--config=configs/quickstart.py", "--config.data.batch=x"], "data.batch is 'x'; it takes a whole number"),
        (["--config=configs/quickstart.py", "--config.data.threads=x"], "data.threads is 'x'; it takes a whole number"),
        (["--config=configs/quickstart.py", "--config.data.workers=-1"], "up to 1,024, a whole number, or 'auto'"),
        (
            ["--config=configs/quickstart.py", "--config.model.width=auto"],
            "model.width is 'auto'; it takes a whole number",
        ),
        (["--config=configs/quickstart.py", "--config.run.average=x"], "run.average is 'x'; it takes a number"),
        (
            ["--config=configs/quickstart.py", "--config.geometry.known=(1,"],
            "geometry.known is '(1,'; it takes values in",
        ),
        (["--config=configs/quickstart.py", "--wrkdir=x"], "Unknown command line flag 'wrkdir'"),
        (["--config=configs/quickstart.py", "--config.model.expansion=x"], "model.expansion is 'x'; it takes one of"),
        (["--config=configs/folder.py"], "data.path is '', which is no folder"),
        (["--config=configs/quickstart.py", "--config.loss.lambda_mrf=1"], "no VGG-19 weights at 'weights/vgg19.h5'"),
        (["--config=configs/quickstart.py", "quick"], "unexpected argument 'quick'"),
        (["--config=configs/quickstart.py", "--config.run.start_from=nowhere"], "there is no such folder"),
        (["--config=configs/ablation.py:fig13"], "configs/ablation.py's row is 'fig13'; it takes one of 'fig8_ca'"),
        (["--config=configs/quickstart.py:fast"], "this configuration file has no rows to choose from"),
        (["--config=configs/nope.py:row"], "names 'configs/nope.py', which is no file; there are: configs/ablation.py"),
    ],
)
@pytest.mark.slow
def test_mistakes_get_one_line_and_leave_nothing(tmp_path, arguments, message):
    process = Process("srn_jax.main", f"--workdir={tmp_path}/run", *arguments, environment=environment())
    out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    last = err.strip().splitlines()
    assert len(last) == 1, err
    assert message in last[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_help_is_no_failure(tmp_path):
    code, out, err = finish(start("--help", folder=tmp_path / "run"))
    assert (code, err) == (0, "")
    assert "--workdir" in out


@pytest.mark.slow
def test_a_mistake_in_a_config_file_is_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from srn_jax.config import Config\ndef get_config():\n    c = Config()\n    c.widht = 1\n    return c\n"
    )
    code, _, err = finish(start(f"--config={file}", folder=tmp_path / "run"))
    assert code == 2
    assert "object has no attribute 'widht'" in err
    assert "mine.py, line 4" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_main_job_trains_reports_and_its_last_command_works(tmp_path):
    folder = tmp_path / "run"
    code, out, err = finish(start("--config=configs/quickstart.py", *TINY, folder=folder))
    assert code == 0, err
    for system in ("SRN", "mean fill", "edge replication", "mirror fill"):
        assert re.search(rf"\| {system} \|( \S+ \|){{4}}", out)
    scores = json.loads((folder / "scores.json").read_text())
    assert set(scores["SRN"]) == {"psnr_unknown", "ssim_unknown", "psnr", "ssim"}
    assert "reconstruction" in out
    assert "adversarial" in out
    assert "images/s" in err
    with Image.open(folder / "contact_sheet.png") as sheet:
        assert sheet.size[0] > 6 * 100
    photo = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(photo)
    command = out.strip().splitlines()[-1].strip().replace("PHOTO.jpg", str(photo))
    command = command.replace("extrapolated.png", str(tmp_path / "extrapolated.png")).split()
    assert command[:3] == ["python", "-m", "srn_jax.infer"]
    subprocess.run([sys.executable, *command[1:]], check=True, cwd=ROOT, env=environment(optimized=True))
    with Image.open(tmp_path / "extrapolated.png") as made:
        assert made.size == (180, 120)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path, number):
    folder = tmp_path / "run"
    many = [*TINY, *PLAIN_FLAGS, "--config.reconstruction.steps=100000", "--config.run.log_every_steps=1"]
    for continued in (False, True):
        process = start("--config=configs/quickstart.py", *many, folder=folder)
        wait_for_lines(folder / "metrics.jsonl", process)
        process.send_signal(number)
        code, out, err = finish(process)
        assert code == 0, err
        assert "Traceback" not in err
        assert f"stopped by {number.name}, saved as" in out
        assert continued == ("continuing from step" in out)
        assert list((folder / "checkpoints").glob("[0-9]*"))


def wait_for_lines(log: Path, process: subprocess.Popen[str], count: int = 4) -> None:
    """Returns once the run has logged `count` more steps."""
    there = log.read_text().count("\n") if log.exists() else 0
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= there + count):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
