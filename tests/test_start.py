"""Starting a run from another's checkpoint: what is taken over, what is not, and why."""

import re
import shutil

import jax
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.generators.writing import write_checkpoint
from srn_jax.train.start import start_from
from srn_jax.train.state import TrainState, build_networks
from tests import tiny


def resolved(**changes) -> settings.Config:
    return settings.resolve(tiny.config(**changes))


def fresh(config: settings.Config) -> TrainState:
    return tiny.state(config, build_networks(config))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Returns a checkpoint's folder and its state, every leaf of which is its own number."""
    config = resolved()
    state = fresh(config)
    leaves, tree = jax.tree.flatten(state.replace(key=np.zeros(2)))
    state = tree.unflatten([np.full(leaf.shape, number, leaf.dtype) for number, leaf in enumerate(leaves)])
    window = config.geometry
    generator = Generator(
        state.average, build_networks(config).generator, window.known, window.canvas, window.placement
    )
    folder = tmp_path_factory.mktemp("run") / "checkpoints" / "7"
    rest = {name: value for name, value in vars(state).items() if name not in ("average", "key")}
    write_checkpoint(folder, generator, rest)
    return folder, state


def start(folder, config: settings.Config) -> tuple[TrainState, str]:
    return start_from(str(folder), fresh(config), build_networks(config).generator)


def assert_equal(actual, expected) -> None:
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_everything_is_taken_over_but_the_step_and_the_key(saved):
    folder, before = saved
    state, told = start(folder.parent.parent, resolved(run__seed=5))
    assert told == f"generator, critics, Adam ({int(before.updates)} updates)"
    for part in ("params", "average", "critics", "adam_generator", "adam_critics", "updates"):
        assert_equal(getattr(state, part), getattr(before, part))
    assert int(state.step) == 0
    assert state.key == fresh(resolved()).key


@pytest.mark.slow
def test_a_generator_alone_is_taken_over(saved, tmp_path):
    folder, before = saved
    shutil.copytree(folder, tmp_path / "alone")
    shutil.rmtree(tmp_path / "alone" / "state")
    state, told = start(tmp_path / "alone", resolved())
    assert told == "the generator alone: critics and Adam start afresh, since the checkpoint has none"
    assert_equal(state.params, before.average)
    assert_equal(state.critics, fresh(resolved()).critics)
    assert not any(leaf.any() for leaf in jax.tree.leaves(state.adam_generator))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"critic__width": 6},
            r"generator; critics and Adam afresh: critics.context.conv1.bias is \(4,\) in the checkpoint, \(6,\) here",
        ),
        (
            {"geometry__known": (16, 24), "geometry__canvas": (32, 48)},  # the dense layer is of one canvas
            r"critics and Adam afresh: critics.global.dense.kernel is \(16, 1\) in the checkpoint, \(48, 1\) here",
        ),
        pytest.param(
            {"numerics": "release", "model__expansion": "subpixel", "model__normalization": "paper"},
            r"generator, critics, Adam \(\d+ updates\)$",  # the paper's form has what the release's needs
            marks=pytest.mark.slow,
        ),
        ({"critic__names": ("global",)}, r"generator, critics, Adam \(\d+ updates\)$"),
    ],
)
def test_what_does_not_fit_starts_afresh_and_says_why(saved, changes, told):
    folder, before = saved
    config = resolved(**changes)
    state, actual = start(folder, config)
    assert re.search(told, actual), actual
    assert_equal(state.params, before.params)
    if "afresh" in actual:
        begun = fresh(config)
        for part in ("critics", "adam_critics", "adam_generator", "updates"):
            assert_equal(getattr(state, part), getattr(begun, part))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__width": 8}, r"is another one \(width is 4 there, 8 here\); set model"),
        (
            {"numerics": "release"},
            r"\(expansion is 'subpixel' there, 'subpixel_reshape' here; normalization is 'paper' there, 'release' h",
        ),
        ({"model__name": "srn_hr"}, r"holds a SRN, this run trains a SRNHR; set model.name to match"),
    ],
)
def test_another_generator_is_refused(saved, changes, message):
    with pytest.raises(InputError, match=message):
        start(saved[0], resolved(**changes))


def test_damaged_and_missing_checkpoints_are_refused(saved, tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint at .*nowhere: there is no such folder"):
        start(tmp_path / "nowhere", resolved())
    shutil.copytree(saved[0], tmp_path / "damaged")
    for file in (tmp_path / "damaged" / "state").rglob("d/*"):
        file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match=r"run.start_from: checkpoint .*damaged cannot be read"):
        start(tmp_path / "damaged", resolved())


def test_a_checkpoint_is_never_written_over(saved):
    folder, state = saved
    config = resolved()
    generator = Generator(state.average, build_networks(config).generator, (8, 12), (16, 24), "random")
    with pytest.raises(ValueError, match="already exists"):
        write_checkpoint(folder, generator, None)
