"""What contests make of what they find: orders, medians, ratios, tables, comparisons; nothing here needs PyTorch."""

import argparse
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import compare, contest, data, id_mrf, inference, options, report, train_step
from benchmarks.contest import Contestant, ContestError, Measured
from benchmarks.memory import ProcessMemory
from benchmarks.report import Contest


def held() -> list[Contest]:
    ours = Measured("ours", False, "jax 1", 2.0, [1.0, 3.0, 2.0], peak_calls=5_000_000, peak_process=50_000_000)
    eager = Measured("eager", True, "torch 2", 0.1, [4.0, 4.0, 9.0])
    compiled = Measured("compiled", True, "torch 2", 30.0, [5.0, 5.0, 1.0])
    return [Contest("step", [ours, eager, compiled], {"losses": 1e-6})]


def test_each_contestant_is_the_first_in_its_turn():
    assert [contest.turns(3, number) for number in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_ratios_are_of_medians_to_the_fastest_peer():
    measured = held()[0].measured
    assert [report.over_fastest_peer(one, measured) for one in measured] == [0.5, 1.0, 1.25]
    assert report.over_fastest_peer(measured[0], measured[:1]) is None


def test_the_table_has_a_row_for_each_contestant():
    lines = report.table(held()).splitlines()
    assert lines[2] == "| step | ours | 2.000 | 1.000 | 0.50 | 2.0 | 5 | 50 |"
    assert len(lines) == 5
    assert all(line.count("|") == 9 for line in lines)


def test_short_times_have_digits_too():
    measured = replace(held()[0].measured[0], seconds=[0.00439, 0.0043, 0.0051])
    assert "| 0.00439 | 0.00430 |" in report.table([Contest("generator", [measured], {})])


@pytest.mark.parametrize("error", [ContestError("ours ended"), KeyboardInterrupt()])
def test_what_was_measured_is_told_whatever_ends_the_program(error, tmp_path, monkeypatch, capsys):
    held_before = iter([(held()[0].measured, {})])

    def hold(*given, **more):
        if (done := next(held_before, None)) is None:
            raise error
        return done

    monkeypatch.setattr(contest, "hold", hold)
    given = argparse.Namespace(rounds=3, threads=1, short=True, json=tmp_path / "held.json", wrong=None)
    entries = {"generator": [], "extrapolate": []}
    with pytest.raises(type(error)):
        options.hold_all(entries, lambda what, outcomes: {}, given)
    assert "| generator | ours |" in capsys.readouterr().out
    assert [one["what"] for one in json.loads(given.json.read_text())["contests"]] == ["generator"]


def test_the_title_names_each_library_once():
    assert report.title(held(), 2).count("torch 2") == 1
    assert report.title(held(), 2).endswith("2 threads, 3 rounds")


def test_json_has_every_time():
    made = json.loads(json.dumps(report.as_json(held(), {"width": 8})))
    assert made["contests"][0]["contestants"][0]["seconds"] == [1.0, 3.0, 2.0]
    assert made["contests"][0]["contestants"][2]["over_fastest_peer"] == 1.25
    assert made["contests"][0]["differences"] == {"losses": 1e-6}


def test_differences_beyond_rounding_are_refused():
    assert compare.hold("pixels", 0.1, 0.1) == 0.1
    for difference in (0.2, math.nan, math.inf):
        with pytest.raises(compare.WrongResultError, match="pixels differ by"):
            compare.hold("pixels", difference, 0.1)


def test_measures_of_difference():
    a, b = {"x": np.array([3.0, 4.0]), "y": np.zeros(2)}, {"x": np.array([3.0, 4.0]), "y": np.array([0.0, 0.05])}
    assert compare.largest([1.0, 2.0], [1.0, 4.0]) == 2.0
    assert compare.largest([1.0], [1.0, 4.0]) == math.inf
    assert compare.relative(100.0, 101.0, 1e-3) == pytest.approx(1 / 101)
    assert compare.relative(0.0, 1e-5, 1e-3) == pytest.approx(0.01)
    assert compare.relative_norm(a, b) == pytest.approx(0.01, rel=1e-3)
    assert compare.worst_relative_norm(a, b, 1e-3) == pytest.approx(1.0)
    assert compare.worst_relative_norm(a, b, 0.1) == pytest.approx(0.1, rel=1e-3)
    assert compare.worst_relative_norm(a, {"x": a["x"]}, 0.1) == math.inf
    assert math.isnan(compare.worst_relative_norm(a, b | {"y": np.array([math.nan, 0.0])}, 0.1))


def first_step(*, loss: float = 2.0, moment: float = 1.0, change: float = -1e-4) -> dict:
    return {
        "precision": "float32",
        "metrics": {"total": loss, "learning_rate": 1e-4},
        "moments": {"generator": {"w": np.array([moment, 1.0])}},
        "parameters": {"generator": {"w": np.array([change, -1e-4])}},
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": 2.01}, "total"),
        ({"loss": math.nan}, "total"),
        ({"moment": 1.1}, "gradients of the generator"),
        ({"change": 1e-4}, "changes of the generator"),
    ],
)
def test_a_wrong_training_step_is_told(wrong, said):
    start = {"generator": {"w": np.zeros(2)}}
    right = {"ours": first_step(), "eager": first_step(loss=2.0001, moment=1.0001)}
    assert max(train_step.check("step", right, start).values()) < 1e-3
    with pytest.raises(compare.WrongResultError, match=f"step: {said}.* of ours and eager differ by"):
        train_step.check("step", right | {"eager": first_step(**wrong)}, start)


def test_wrong_pictures_are_told():
    pictures = {"ours": np.zeros((2, 2)), "eager": np.full((2, 2), 2e-3)}
    outcomes = {name: {"picture": picture, "precision": "float32"} for name, picture in pictures.items()}
    assert inference.check("extrapolate", outcomes) == {"ours - eager": 2e-3}  # of a level, or 1
    with pytest.raises(compare.WrongResultError, match="ours and eager"):
        inference.check("generator", outcomes)
    with pytest.raises(compare.WrongResultError, match="pixels"):
        data.check("whole", pictures)


def test_a_wrong_id_mrf_is_told():
    right = {"value": 1.0, "gradients": {"truth": np.ones(3)}}
    for wrong in ({"value": 1.01}, {"gradients": {"truth": np.array([1.0, 1.0, 1.1])}}):
        with pytest.raises(compare.WrongResultError, match="of blocks and eager"):
            id_mrf.check("paper", {"blocks": right, "eager": right | wrong})


def test_peaks_of_calls_are_apart_from_what_was_held_before():
    before = bytearray(b"x" * 120_000_000)
    del before
    memory = ProcessMemory()
    memory.begin()
    during = bytearray(b"x" * 30_000_000)
    del during
    peaks = memory.peaks()
    assert peaks.process >= 120_000_000
    if peaks.exact:
        assert 25_000_000 < peaks.calls < 90_000_000


def test_a_contest_calls_all_and_compares_them():
    told, seen = [], []
    contestants = [Contestant(name, "tests.contestants:adder", {"value": 1.0}) for name in ("a", "b")]
    measured, checked = contest.hold(
        contestants,
        rounds=2,
        threads=1,
        check=lambda outcomes: seen.append(dict(outcomes)) or "equal",
        tick=told.append,
    )
    assert seen == [{"a": 2.0, "b": 2.0}]
    assert checked == "equal"
    assert [(one.name, len(one.seconds)) for one in measured] == [("a", 2), ("b", 2)]
    assert [text.split()[-1] for text in told] == ["a", "b", "a", "b", "b", "a"]


def test_a_contestant_that_fails_says_why_in_one_line():
    with pytest.raises(ContestError, match=r"^a: ValueError: no such thing and more$"):
        contest.hold([Contestant("a", "tests.contestants:failing", {})], rounds=1, threads=1, check=dict)
