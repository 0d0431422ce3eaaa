"""A run as a whole: it resumes bit for bit, refuses what would not continue it, and never saves what is broken."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from srn_jax import config as settings
from srn_jax import load_generator
from srn_jax.errors import InputError
from srn_jax.train import loop, pace, phase, recording, setup, sharding, workdir
from srn_jax.train.checkpoint import METRIC, Checkpoints, shapes_of
from srn_jax.train.divergence import DivergedError, first_bad
from srn_jax.train.feed import Feed
from srn_jax.train.log import Log
from srn_jax.train.progress import Clock
from srn_jax.train.recording import Recorder
from srn_jax.train.state import TrainState, build_networks
from srn_jax.train.step import Step, build_steps
from tests import tiny
from tests.programs import PLAIN


def run(folder: Path, stop_at: int | None = None, **changes) -> loop.Outcome:
    """Trains; with `stop_at`, SIGTERM comes while that step is being recorded."""
    record = Recorder.record

    def record_and_stop(recorder, number, *arguments):
        record(recorder, number, *arguments)
        if number == stop_at:
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "record", record_and_stop)
        return loop.train(settings.resolve(tiny.config(**changes)), folder)


def restore(folder: Path, **changes) -> TrainState:
    config = settings.resolve(tiny.config(**changes))
    networks = build_networks(config)
    restored = Checkpoints(folder, config.run).restore(shapes_of(tiny.state(config, networks)))
    assert restored is not None
    return restored


def leaves(state: TrainState) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(state.replace(key=jax.random.key_data(state.key)))]


def lines(folder: Path) -> list[dict]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("images_per_second", "data_wait_share")
    return [{key: value for key, value in row.items() if key not in timed} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of both phases that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    outcome = run(folder)
    assert outcome.interrupted is None
    assert outcome.checkpoint == folder / "checkpoints" / "6"
    return folder


@pytest.mark.slow
def test_a_run_stopped_in_each_phase_and_between_equals_an_uninterrupted_one(whole, tmp_path):
    for stop in (2, 3, 4):
        outcome = run(tmp_path, stop_at=stop)
        assert outcome.interrupted == "SIGTERM"
        assert outcome.checkpoint == tmp_path / "checkpoints" / str(stop)
    assert run(tmp_path).interrupted is None
    for a, b in zip(leaves(restore(whole)), leaves(restore(tmp_path)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert lines(tmp_path) == lines(whole)


def test_a_run_of_before_a_setting_came_goes_on_as_it_was(tmp_path):
    config = settings.resolve(tiny.config())
    workdir.claim(tmp_path, config, {}).close()
    record = json.loads((tmp_path / "config.json").read_text())
    del record["adam"]["clip_norm"], record["geometry"]["known"]
    record["model"].pop("rho")
    del record["loss"]["spatial"], record["loss"]["mrf_layers"], record["adam"]["form"]  # which follow numerics
    (tmp_path / "config.json").write_text(json.dumps(record))
    known = settings.Config().geometry.known  # the tiny run's is another
    with pytest.raises(InputError, match=rf"geometry.known was \[{known[0]}, {known[1]}\], is \[8, 12\]\)"):
        workdir.check(tmp_path, config, {})
    config.geometry.known = known
    workdir.check(tmp_path, config, {})
    config.model.rho = 0.25
    with pytest.raises(InputError, match=r"\(model.rho was 0.5, is 0.25\)"):
        workdir.check(tmp_path, config, {})


def test_images_per_second_and_waiting_are_those_of_training(monkeypatch):
    clock = Clock()
    now = iter([10.0, 12.0, 100.0, 106.0, 200.0, 201.0])  # started and stopped, in turn
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    assert clock.metrics() == {}
    for waited in (1.0, 1.0):
        clock.start()
        clock.stop(8, waited)
    assert clock.metrics() == {"images_per_second": 2.0, "data_wait_share": 0.25}
    clock.start()
    clock.stop(2, 0.5)
    assert clock.metrics() == {"images_per_second": 2.0, "data_wait_share": 0.5}  # of waiting, since last asked


def test_a_run_never_lies_among_its_pictures(tmp_path):
    photos = tiny.write_pictures(tmp_path / "photos", 3)
    for setting in ("path", "held_out_path"):
        config = tiny.config(**{"data__source": "folder", f"data__{setting}": str(photos)})
        with pytest.raises(InputError, match=rf"--workdir .*run lies inside data\.{setting}, which would take its"):
            setup.prepare(config, photos / "below" / "run")


@pytest.mark.slow
def test_a_finished_run_has_written_everything(whole):
    rows = lines(whole)
    assert [row["step"] for row in rows if "total" in row] == [1, 2, 3, 4, 5, 6]
    assert {"critic", "penalty", "adversarial"} <= rows[-2].keys()
    assert "held_out/psnr_unknown" in rows[-1]
    with Image.open(whole / "images" / "step_0000006.png") as strip:
        assert strip.size[0] == 3 * 24
    (board,) = (whole / "tensorboard").iterdir()
    assert b"held_out/psnr_unknown" in board.read_bytes()
    assert json.loads((whole / "config.json").read_text())["model"]["expansion"] == "subpixel"
    assert not list(whole.rglob(".*.part"))


@pytest.mark.slow
def test_the_generator_that_users_load_is_the_average(whole):
    loaded, state = load_generator(whole), restore(whole)
    jax.tree.map(np.testing.assert_array_equal, loaded.params, state.average)
    assert any(
        np.any(a != b) for a, b in zip(jax.tree.leaves(state.average), jax.tree.leaves(state.params), strict=True)
    )
    assert (loaded.known, loaded.canvas, loaded.placement) == ((8, 12), (16, 24), "random")


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(whole, tmp_path):
    copy = shutil.copytree(whole, tmp_path / "copy")
    before = lines(copy)
    assert run(copy).checkpoint == copy / "checkpoints" / "6"
    assert lines(copy) == before


@pytest.mark.slow
def test_another_experiment_in_the_folder_is_refused(whole):
    with pytest.raises(InputError, match=r"belongs to a run with other settings \(model.rho was 0.5, is 0.25\)"):
        run(whole, model__rho=0.25)
    with pytest.raises(InputError, match=r"reconstruction.steps was 3, is 2"):
        run(whole, reconstruction__steps=2)
    record = whole / "config.json"
    text = record.read_text()
    record.write_text(text.replace('"training": "15 pictures', '"training": "14 pictures'))
    with pytest.raises(InputError, match=r"inputs.training was '14 pictures, \w+', is '15 pictures"):
        run(whole)
    record.write_text(text[:50])
    with pytest.raises(InputError, match=r"config.json is damaged"):
        run(whole)
    record.write_text(text)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(whole, tmp_path, caplog):
    copy = shutil.copytree(whole, tmp_path / "copy")
    shutil.copytree(copy / "checkpoints" / "6", copy / "checkpoints" / "7")
    for file in (copy / "checkpoints" / "7" / "state").rglob("*"):
        if file.is_file() and file.parent.name == "d":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert int(restore(copy).step) == 6
    assert (copy / "checkpoints" / "7.damaged").is_dir()  # set aside, not deleted
    assert load_generator(copy).known == (8, 12)
    assert any("checkpoints/7" in record.getMessage() for record in caplog.records)
    for file in (copy / "checkpoints").rglob("*"):
        if file.is_file() and file.parent.name == "d":
            file.unlink()
    with pytest.raises(InputError, match=r"none of \d checkpoints can be read, the newest .*checkpoints/6"):
        restore(copy)


@pytest.mark.slow
def test_a_whole_checkpoint_of_another_run_is_left_alone(whole):
    with pytest.raises(InputError, match=r"checkpoint .*checkpoints/6 is whole, but cannot be restored: "):
        restore(whole, model__width=8)
    assert (whole / "checkpoints" / "6").is_dir()


@pytest.mark.slow
def test_parameters_beyond_all_bounds_stop_the_run_before_they_are_saved(tmp_path):
    with pytest.raises(DivergedError, match=r"step 1: params paint .* NaN.*; no checkpoint had been saved yet"):
        run(tmp_path, reconstruction__learning_rate=1e18, run__save_every_steps=1)
    assert not list((tmp_path / "checkpoints").glob("[0-9]*"))


def poison(monkeypatch, step: int, **bad: float) -> None:
    """Puts the metrics `bad` into that step of the runs to come."""
    call = Step.__call__

    def poisoned(self, state, images, vgg):
        state, metrics = call(self, state, images, vgg)
        return state, metrics | {name: jnp.where(state.step == step, bad[name], metrics[name]) for name in bad}

    monkeypatch.setattr(Step, "__call__", poisoned)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    poison(monkeypatch, 2, reconstruction=np.nan)
    message = r"step 2: reconstruction is nan; the last good checkpoint is .*checkpoints/1$"
    with pytest.raises(DivergedError, match=message):
        run(tmp_path, run__save_every_steps=1)
    assert load_generator(tmp_path).known == (8, 12)


@pytest.mark.slow
def test_a_generator_that_collapses_stops_the_run_before_it_is_saved(tmp_path, monkeypatch):
    judge, psnr = recording.judging.mean_scores, iter((16.0, 13.1, 10.0, 5.0))

    def judged(*given):
        means = judge(*given)
        return means | {METRIC: means[METRIC]._replace(mean=next(psnr))}

    monkeypatch.setattr(recording.judging, "mean_scores", judged)
    with pytest.raises(DivergedError, match=r"step 3: .* from 16.00 to 10.00 dB, .*start_from=.*checkpoints/1 and a"):
        run(tmp_path, run__save_every_steps=1, **PLAIN)
    assert load_generator(tmp_path).known == (8, 12)
    assert not (tmp_path / "checkpoints" / "3").exists()
    assert lines(tmp_path)[-1]["held_out/psnr_unknown"] == 10.0
    # The adversarial phase goes on.
    psnr = iter((16.0, 5.0, 5.0, 5.0, 5.0, 5.0))
    run(tmp_path / "adversarial", reconstruction__steps=1, run__save_every_steps=1, **PLAIN)


@pytest.mark.slow
def test_a_loss_that_nobody_had_looked_at_is_found_before_anything_is_saved(tmp_path, monkeypatch):
    poison(monkeypatch, 4, reconstruction=np.inf, gradient_norm=np.nan)  # it is finite again from step 5 on
    monkeypatch.setattr(pace, "_SECONDS", 1e9)
    message = r"step 4: gradient_norm is nan, reconstruction is inf; the last good checkpoint is .*checkpoints/2$"
    with pytest.raises(DivergedError, match=message):
        run(tmp_path, reconstruction__steps=9, run__log_every_steps=100, run__save_every_steps=2)
    assert not (tmp_path / "checkpoints" / "4").exists()
    shutil.rmtree(tmp_path)
    with pytest.raises(DivergedError, match=r"step 4: .*; no checkpoint had been saved yet$"):
        run(tmp_path, reconstruction__steps=9, run__log_every_steps=100)


@pytest.mark.slow
def test_a_run_that_is_looked_at_now_and_then_is_the_same(whole, tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(pace.Pace, "due", lambda self, steps: False)
    monkeypatch.setattr(phase, "first_bad", lambda steps: looked.append([number for number, _ in steps]))
    run(tmp_path, run__log_every_steps=100)
    assert looked == [[1, 2, 3], [4, 5, 6]]
    for a, b in zip(leaves(restore(whole)), leaves(restore(tmp_path)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_between_two_looks_are_bounded_by_time_and_number():
    steady = pace.Pace()
    assert steady.due(1)  # nothing is known of the phase yet
    steady.adapt(1, 0.1)
    assert [steady.due(steps) for steps in (4, 5)] == [False, True]
    steady.adapt(5, 3.0)
    assert steady.due(1)
    steady.adapt(1, 0.0)
    assert [steady.due(steps) for steps in (15, 16)] == [False, True]


def test_the_first_step_that_is_not_finite_is_named():
    def metrics(**values: float) -> dict[str, jax.Array]:
        return {name: jnp.float32(value) for name, value in values.items()} | {
            sharding.FINITE: jnp.array(all(np.isfinite(value) for value in values.values()))
        }

    good = metrics(total=1.0, penalty=2.0)
    assert first_bad([(7, good), (8, good)]) is None
    bad = metrics(total=np.nan, penalty=-np.inf)
    assert first_bad([(7, good), (8, bad), (9, metrics(total=np.nan))]) == (8, "penalty is -inf, total is nan")


class _Failing:
    """Stands in for a feed's images: gives one step's, then raises."""

    def __init__(self) -> None:
        self.asked = 0

    def __next__(self) -> jax.Array:
        self.asked += 1
        if self.asked > 1:
            raise InputError("unreadable pictures")
        return jnp.array(np.ones((1, 1, 4, 4, 3), np.uint8))


def test_images_that_cannot_be_read_are_told_where_hosts_meet():
    feed = object.__new__(Feed)
    vars(feed).update(_placed=1, _taken=0, _waited=0.0, _newest=None, _trouble=None, _images=_Failing())
    images = feed.next()
    feed.check()
    for _ in range(2):  # steps in between take what there was
        assert feed.next_unchecked(np.zeros(1)) is images
    assert vars(feed)["_images"].asked == 2
    with pytest.raises(InputError, match="unreadable pictures"):
        feed.check()


@pytest.mark.slow
def test_a_gradient_of_zero_is_told(tmp_path, monkeypatch, capsys):
    poison(monkeypatch, 2, gradient_norm=0.0)
    run(tmp_path, run__log_every_steps=1, adversarial__steps=0)
    assert re.findall(r"step (\d+): the gradient is 0", capsys.readouterr().out) == ["2"]


def test_lines_after_the_checkpoint_are_taken_out_again(tmp_path):
    log = Log(tmp_path, 0)
    for step in (1, 2, 3):
        log.scalars(step, {"total": float(step), "bad": float("nan")})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "tot')  # killed while writing
    Log(tmp_path, 2).close()
    assert [(row["step"], row["bad"]) for row in lines(tmp_path)] == [(1, None), (2, None)]


def test_random_filters_are_allowed_by_name_with_a_warning(tmp_path, caplog):
    config = settings.resolve(tiny.config(loss__lambda_mrf=0.05, loss__vgg="random", loss__mrf_layers=("conv1_2",)))
    networks = build_networks(config)
    vgg = setup._load_vgg(config, networks, build_steps(config, networks))
    assert sorted(vgg) == ["conv1_1", "conv1_2", "mean"]
    assert "not for training" in caplog.text


@pytest.mark.slow
def test_a_run_starts_from_another_s_checkpoint(whole, tmp_path, capsys):
    changes = {"run__start_from": str(whole), "reconstruction__steps": 1, "adversarial__steps": 0}
    run(tmp_path / "second", adam__form="release", **changes)  # Adam's first step goes on from the moments
    assert f"starting from {whole}: generator, critics, Adam (" in capsys.readouterr().out
    before, after = (load_generator(folder).params for folder in (whole, tmp_path / "second"))
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), before, after)
    assert 0 < max(jax.tree.leaves(moved)) < 1e-2
    run(tmp_path / "second", adam__form="release", **changes)  # its own checkpoints come first now
    out = capsys.readouterr().out
    assert "continuing from step 1" in out
    assert "starting from" not in out
    with pytest.raises(InputError, match=r"the generator in .* is another one \(width is 4 there, 8 here\)"):
        run(tmp_path / "third", model__width=8, **changes)
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize(("much", "few"), [pytest.param(1, False, marks=pytest.mark.slow), (10**30, True)])
def test_a_short_phase_takes_the_forms_that_compile_soonest(much, few, tmp_path, monkeypatch):
    def ask(*given, **asked):
        if asked:
            raise InputError(f"few is {asked['few']}")
        return compile_step(*given)

    compile_step = sharding.compile_step
    monkeypatch.setattr(sharding, "compile_step", ask)
    monkeypatch.setattr("srn_jax.programs.backend._MUCH_WORK", much)
    with pytest.raises(InputError, match=f"few is {few}"):
        run(tmp_path)
