"""`python -m srn_jax.experiments`: its rows, its comparisons by loops, its runs, and the whole in small."""

import json
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from srn_jax import SRN
from srn_jax.config import get_setting, resolve
from srn_jax.data.photographs import Files
from srn_jax.errors import InputError
from srn_jax.evaluate.crops import CanvasCrops
from srn_jax.experiments import __main__ as program
from srn_jax.experiments import page
from srn_jax.experiments.judgement import PLACES, PlacedCrops, RowJudgement, difference, fills_of_all, judge
from srn_jax.experiments.rows import EXPERIMENTS, ROWS, get_config, same_run
from srn_jax.experiments.runs import Training
from tests.forked import Process
from tests.programs import environment
from tests.test_generator import tiny_generator
from tests.tiny import write_pictures

SMALLER = (
    "--config.geometry.known=(8,12)",
    "--config.geometry.canvas=(16,24)",
    "--config.model.width=4",
    "--config.critic.width=4",
    "--config.critic.updates=1",
    "--config.reconstruction.steps=3",
    "--config.reconstruction.warmup_steps=0",
    "--config.adversarial.steps=2",
    "--config.adversarial.warmup_steps=0",
    "--config.data.batch=2",
)


def test_the_paper_s_table_and_figures_are_all_there():
    assert list(EXPERIMENTS)[:6] == ["table1", "fig8", "fig9", "fig10", "fig11", "fig12"]
    assert {"margins", "losses"} <= EXPERIMENTS.keys()
    for name, experiment in EXPERIMENTS.items():
        assert experiment.reference in experiment.rows, name
        assert experiment.rows.keys() <= ROWS.keys(), name
        if re.fullmatch(r"fig\d+", name):
            assert set(experiment.rows) == {row for row in ROWS if row.startswith(f"{name}_")}


@pytest.mark.parametrize("row", ROWS)
def test_a_small_row_differs_from_srn_in_what_the_large_one_does(row):
    for setting in ROWS[row]:
        small, large = (get_setting(resolve(get_config(name)), setting) for name in (f"{row},small", row))
        shrunk = {"width": 4, "steps": 400}.get(setting.split(".")[1], 1) if isinstance(large, int) else 1
        assert small == (large // shrunk if shrunk > 1 else large)
    small = resolve(get_config(f"{row},small"))
    assert (small.geometry.known, small.geometry.canvas) == ((32, 32), (64, 64))
    assert small.model.width == get_config(row).model.width // 4


def test_rows_of_one_configuration_are_one_run():
    assert {same_run(row) for row in ("fig9_subpixel", "fig10_cn_after", "fig12_rsv", "fig8_srn")} == {"fig8_srn"}
    assert same_run("fig10_cn_before") == "fig10_cn_before"
    assert same_run("losses_mrf") == "losses_mrf"


@pytest.mark.parametrize("name", ["fig8_srn,large", "fig7", "fig8_srn,small,small"])
def test_a_wrong_row_or_scale_is_told_with_those_there_are(name):
    with pytest.raises(InputError, match="it takes one of"):
        get_config(name)


def judged(*seeds: list[float], **more) -> RowJudgement:
    """Returns a row whose pictures have these values in every score, a list a seed."""
    names = ("psnr_unknown", "ssim_unknown", "l1_unknown", "psnr", "ssim", "l1", "seam", "step", "sharpness")
    return RowJudgement(scores=[[dict.fromkeys(names, value) for value in seed] for seed in seeds], **more)


def test_differences_are_paired_and_averaged_over_seeds():
    one, other = judged([1.0, 5.0, 9.0], [3.0, 5.0, 7.0]), judged([1.0, 4.0, 9.5])
    pairs = [2.0 - 1.0, 5.0 - 4.0, 8.0 - 9.5]
    found = difference(one, other, "psnr_unknown")
    assert found.mean == pytest.approx(np.mean(pairs))
    interval = stats.t.interval(0.95, 2, loc=np.mean(pairs), scale=stats.sem(pairs))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx(interval)
    assert one.spread("psnr_unknown") == 0
    assert judged([1.0, 2.0], [3.0, 4.0]).spread("psnr_unknown") == pytest.approx(np.std([1.5, 3.5], ddof=1))
    assert np.isnan(difference(judged([1.0]), judged([2.0]), "psnr_unknown").half)


def test_a_picture_that_is_met_exactly_counts_as_100_db_and_a_ratio_to_0_not_at_all():
    found = difference(judged([np.inf, 20.0]), judged([90.0, 20.0]), "psnr_unknown")
    assert found.mean == pytest.approx(5.0)
    assert difference(judged([np.nan, 2.0]), judged([1.0, 1.5]), "step").mean == pytest.approx(0.5)


def test_the_table_names_what_failed_and_compares_with_the_reference_alone():
    rows = page.table({"A": judged([1.0, 2.0]), "SRN": judged([3.0, 4.5])}, "SRN", {"B": "out of memory"})
    heading, *body = rows
    assert [row[0] for row in body] == ["A", "SRN", "B"]
    assert all(len(row) == len(heading) for row in body)
    column = heading.index("PSNR unknown, dB: to SRN")
    assert body[0][column] == f"-2.25 ± {stats.t.ppf(0.975, 1) * 0.25:.2f}"
    assert body[1][column] == ""
    assert body[2][1] == "failed: out of memory"
    assert "PSNR over seeds, s.d." not in heading
    assert "PSNR over seeds, s.d." in page.table({"A": judged([1.0], [2.0])}, "A", {})[0]


def test_the_known_part_lies_at_nine_places(tmp_path):
    generator = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    pictures = Files(sorted(write_pictures(tmp_path, 1).iterdir()))
    found = [PlacedCrops(pictures, generator, place).read(0).known[:2] for place in PLACES]  # pyright: ignore[reportOptionalMemberAccess]
    assert found == [(top, left) for top in (0, 4, 8) for left in (0, 6, 12)]


def test_fills_of_several_places_count_at_all_of_them():
    one, other = judged(fills={"Telea": [{"psnr": 1.0}]}), judged(fills={"Telea": [{"psnr": 3.0}, {"psnr": 5.0}]})
    assert fills_of_all([one, other]) == {"Telea": [{"psnr": 1.0}, {"psnr": 3.0}, {"psnr": 5.0}]}
    assert len(one.fills["Telea"]) == 1


def test_all_rows_are_judged_on_the_same_known_parts(tmp_path):
    pictures = Files(sorted(write_pictures(tmp_path, 3).iterdir()))
    generators = [tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24), seed=seed) for seed in (0, 1)]
    one, other = (judge([some], CanvasCrops(pictures, some, 0), shown=2) for some in generators)
    assert one.fills == other.fills
    assert sorted(one.shown) == [0, 2]
    for number, crop in one.crops.items():
        np.testing.assert_array_equal(crop.mask, other.crops[number].mask)
        known = crop.mask[..., 0] == 0
        np.testing.assert_array_equal(one.shown[number][known], other.shown[number][known])
        assert (one.shown[number] != other.shown[number]).any()
    both = judge(generators, CanvasCrops(pictures, generators[0], 0), shown=1)
    np.testing.assert_array_equal(both.values("psnr")[0], one.values("psnr")[0])
    np.testing.assert_array_equal(both.values("psnr")[1], other.values("psnr")[0])


class Other(Training):
    """A run that is another program."""

    def arguments(self, config: str) -> list[str]:
        del config
        return ["-c", *self.settings]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import sys; print('loading', file=sys.stderr); sys.exit('error: no weights')", "no weights (exit status 1)"),
        ("import sys; sys.exit(7)", "said nothing (exit status 7)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("", "stopped before its last step"),
    ],
)
def test_a_run_that_fails_says_why(script, why, tmp_path, capfd):
    assert Other("fig8_srn", "small", tmp_path, (script,)).train() == why
    assert not Other("fig8_srn", "small", tmp_path, (script,)).is_finished()


def test_a_run_is_finished_with_its_own_settings_alone(tmp_path):
    script = f"import pathlib; pathlib.Path({str(tmp_path)!r}, 'scores.json').write_text('1')"
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    run = Other("fig8_srn", "small", tmp_path, (script,))
    assert not run.is_finished()
    assert run.train() is None
    assert run.is_finished()
    assert not Other("fig8_srn", "small", tmp_path, (f"{script};",)).is_finished()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fig7", "--data", "{photos}"], "invalid choice: 'fig7'"),
        (["fig8", "--data", "{photos}/none"], "{photos}/none"),
        (["fig8", "--data", "{photos}", "--seeds", "0"], "--seeds is 0; it takes 1 to 100"),
        (["fig8", "--data", "{photos}", "--", "--steps=3"], "settings are given as -- --config.SETTING=VALUE"),
        (["fig8", "--data", "{photos}", "--output", "{photos}/made"], "lies inside --data"),
        (["fig8", "--data", "{photos}"], "data.held_out is 64, but"),
        (["fig8", "--data", "{photos}", "--held-out", "{others}", "--vgg", "{photos}/none.h5"], "no VGG-19 weights at"),
    ],
)
def test_a_wrong_command_gets_one_line(arguments, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {name: str(write_pictures(tmp_path / name, count)) for name, count in (("photos", 3), ("others", 2))}
    with pytest.raises(SystemExit) as end:
        program.main([argument.format(**names) for argument in arguments])
    written = capsys.readouterr().err.strip()
    assert end.value.code == 2
    assert line.format(**names) in written
    assert "\n" not in written


def command(tmp_path: Path, name: str, *more: str) -> list[str]:
    data = ["--data", str(tmp_path / "photos"), "--held-out", str(tmp_path / "others"), "--vgg", "random"]
    return ["srn_jax.experiments", name, *data, "--output", str(tmp_path / "made"), *more, "--", *SMALLER]


@pytest.fixture
def photos(tmp_path) -> Path:
    write_pictures(tmp_path / "photos", 6)
    write_pictures(tmp_path / "others", 4)
    return tmp_path


@pytest.mark.slow
def test_a_figure_is_trained_judged_and_shown_and_rows_are_shared(photos):
    # One phase is half of what compiles; the row that the next test trains has both, and VGG-19's filters.
    one_phase = "--config.adversarial.steps=0"
    first = Process(
        *command(photos, "margins", "--seeds", "2", "--pictures", "2"), one_phase, environment=environment()
    )
    _, told = first.communicate(timeout=900)
    assert first.returncode == 0, told
    runs = photos / "made" / "runs" / "small"
    assert sorted(path.name for path in runs.iterdir()) == ["fig8_srn_0", "fig8_srn_1"]
    found = json.loads((photos / "made" / "margins.json").read_text())["rows"]
    assert list(found) == list(PLACES)
    assert all(len(row["psnr_unknown_by_seed"]) == 2 for row in found.values())
    assert (photos / "made" / "margins.html").read_text().count("<pre>") == 3

    before = os.stat(runs / "fig8_srn_0" / "config.json").st_mtime_ns
    again = Process(*command(photos, "fig11"), one_phase, environment=environment())
    output, told = again.communicate(timeout=900)
    assert again.returncode == 0, told
    assert "run 2 of 2, both critics: is finished" in told
    assert sorted(path.name for path in runs.iterdir()) == [
        *("fig11_without_context_critic_0", "fig8_srn_0", "fig8_srn_1"),
    ]
    assert os.stat(runs / "fig8_srn_0" / "config.json").st_mtime_ns == before
    assert list(json.loads((photos / "made" / "fig11.json").read_text())["rows"]) == ["global critic", "both critics"]
    text = (photos / "made" / "fig11.html").read_text()
    assert text.count("<pre>") == 3
    assert "data:image/png;base64," in text
    assert not re.search(r"(src|href)=.http", text)
    assert "| both critics |" in output


def ctrl_c(process: Process) -> None:
    """Sends SIGINT as a terminal does: to a process and to those that it started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGINT)


@pytest.mark.slow
def test_a_failed_row_stops_no_other_and_a_killed_command_goes_on(photos):
    first = Process(*command(photos, "table1"), environment=environment())
    run = photos / "made" / "runs" / "small" / "fig8_ca_0"
    deadline = time.monotonic() + 300
    while not (run / "config.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    ctrl_c(first)
    _, told = first.communicate(timeout=120)
    assert first.returncode == 1
    assert told.strip().splitlines()[-1].endswith("interrupted; the same command goes on")
    (run / "checkpoints").mkdir(exist_ok=True)
    (run / "config.json").write_text("{")  # CA fails: its folder is damaged
    second = Process(*command(photos, "table1"), environment=environment())
    output, told = second.communicate(timeout=900)
    assert second.returncode == 1
    assert "failed; the other rows go on" in told
    assert re.search(r"^\| CA \| failed: .*config.json is damaged", output, re.MULTILINE)
    assert re.search(r"^\| SRN \| [\d.]+ ± ", output, re.MULTILINE)
    text = (photos / "made" / "table1.html").read_text()
    assert "config.json is damaged" in text
    assert "fig8_ca,small" in text
