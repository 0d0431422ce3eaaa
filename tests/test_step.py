"""Laws of the training step: what each update leaves alone, and that devices do not change what is computed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.train.sharding import put_replicated
from srn_jax.train.state import TrainState, build_networks
from srn_jax.train.step import Step, build_steps
from tests import tiny
from tests.steps import VGG, assert_close, compiled, inputs, update
from tests.tiers import slow_but


def build(axis_name: str | None = None, **changes) -> tuple[list[Step], TrainState]:
    config = settings.resolve(tiny.config(**changes))
    networks = build_networks(config)
    return build_steps(config, networks, axis_name=axis_name), tiny.state(config, networks)


def images(step: Step, batch: int = 4) -> jax.Array:
    shape = (step.batches, batch, *step.config.geometry.canvas, 3)
    return jnp.asarray(np.random.default_rng(7).integers(0, 256, shape, np.uint8))


@jax.jit
def as_unit(batch: jax.Array) -> jax.Array:
    return batch * np.float32(1 / 127.5) - 1.0


def equal(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


HINGE = {
    "loss__adversarial": "hinge",
    "critic__weights": "spectral",
    "loss__lambda_gp": 1e30,  # of no penalty
}


@pytest.mark.parametrize("changes", slow_but([{}], [{}, HINGE]), ids=["wgan_gp", "hinge"])
def test_each_update_leaves_the_other_side_alone(changes):
    (_, step), state = build(**changes)
    batch = jax.jit(step.draw)(jax.random.key(1), as_unit(images(step)[0]))
    after, metrics = jax.jit(step.critic_update)(state, batch)
    for name in ("params", "average", "adam_generator"):
        assert equal(getattr(state, name), getattr(after, name))
    assert not equal(state.critics["global"], after.critics["global"])
    assert not equal(state.critics["context"], after.critics["context"])
    assert set(metrics) == {"critic", "wasserstein", "penalty", "critic_gradient_norm"}
    assert (metrics["penalty"] > 0) == (step.loss.adversarial == "wgan_gp")
    assert all(np.isfinite(value) for value in metrics.values())
    after, metrics = jax.jit(step.generator_update)(state, batch, {})
    for name in ("critics", "adam_critics"):
        assert equal(getattr(state, name), getattr(after, name))
    assert not equal(state.params, after.params)
    assert {"total", "reconstruction", "adversarial", "gradient_norm", "learning_rate"} == set(metrics)


@pytest.mark.slow
def test_reconstruction_has_no_critics_and_the_adversarial_phase_takes_fresh_batches():
    step, mesh, program = compiled(1, 1)
    first = update(1, 0)
    assert (compiled(1, 0)[0].batches, step.batches) == (1, 3)
    # The average follows: at step 0 its decay is 1/10, so it takes nine tenths of the way.
    expected = jax.tree.map(lambda old, new: 0.1 * old + 0.9 * new, first.before.average, first.after.params)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), first.after.average, expected)
    assert equal(first.before.critics, first.after.critics)
    assert set(first.metrics) == {"total", "reconstruction", "gradient_norm", "learning_rate"}
    state, fresh = inputs(step, mesh)
    other, _ = program(state, fresh.at[1].set(fresh[0]), put_replicated(mesh, VGG))  # the second critic batch differs
    one = update(1).after
    assert not equal(one.critics, other.critics)
    assert int(one.step) == 1
    assert int(one.updates) == 3


def test_work_is_pixels_of_all_canvases_times_the_squared_width():
    config = settings.resolve(tiny.config())  # 3 steps a phase, 4 images, 16x24, width 4, 2 critic updates
    reconstruction, adversarial = build_steps(config, build_networks(config))
    assert reconstruction.work == 3 * 4 * (16 * 24) * 4**2
    assert adversarial.work == 3 * reconstruction.work


@pytest.mark.slow
def test_terms_of_weight_zero_are_not_built():
    steps, _ = build(loss__lambda_adv=0.0)
    assert [step.name for step in steps] == ["reconstruction", "adversarial"]
    assert [step.critic_updates for step in steps] == [0, 0]
    steps, state = build(critic__names=())
    assert [step.critic_updates for step in steps] == [0, 0]

    def update(key, images):
        return steps[1].generator_update(state, steps[1].draw(key, images), {})

    _, metrics = jax.eval_shape(update, jax.random.key(0), as_unit(images(steps[1])[0]))
    assert "adversarial" not in metrics
    steps, _ = build(reconstruction__steps=0)
    assert [(step.name, step.first_step) for step in steps] == [("adversarial", 0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"numerics": "release"}, {}, {"adam": True, **HINGE}],
    ids=["release", "paper", "hinge with adam"],
)
def test_four_devices_compute_what_one_does(changes):
    """With ID-MRF, whose release form centres over the batch. Plain descent shows gradients; Adam hides their scale."""
    four, one = (update(devices, **changes) for devices in (4, 1))
    # Within the noise of leaky ReLUs that flip; a wrong mean is off by factors.
    assert_close(four.metrics, one.metrics, 0.03)
    if "adam" not in changes:
        assert_close(four.moved, one.moved, 0.03)
        return
    # Its first moments are the gradients, its second ones their squares.
    for name in ("adam_generator", "adam_critics"):
        of_four, of_one = (getattr(one.after, name) for one in (four, one))
        assert_close(of_four.mu, of_one.mu, 0.03)
        assert_close(of_four.nu, of_one.nu, 0.06)
    # It makes whole steps of gradients near 0, whatever their sign: of a bias of 16, one may be the other way.
    whole, expected = (np.concatenate([x.ravel() for x in jax.tree.leaves(made.moved)]) for made in (four, one))
    assert_close(whole, expected, 0.2)


@pytest.mark.slow
def test_four_devices_compute_the_gradient_of_one_exactly():
    """Without critics nothing flips on rounding: the parameters' moves, which are the gradients, agree to 1e-4."""
    assert_close(update(4, 0).moved, update(1, 0).moved, 1e-4)


def test_masks_are_drawn_per_batch_or_per_image_within_the_canvas():
    for masks_per_batch, count in (("one", 1), ("each", 4)):
        (step, _), _ = build(geometry__masks_per_batch=masks_per_batch)
        batch = jax.jit(step.draw)(jax.random.key(5), as_unit(images(step)[0]))
        assert batch.mask.shape == (count, 16, 24, 1)
        known = (1 - batch.mask).sum((1, 2, 3))
        np.testing.assert_array_equal(known, np.full(count, 8 * 12))
        assert len(set(np.asarray(batch.alpha).tolist())) == 4


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        ("constant", 1e-3, 1e-3),
        ("linear", 1e-3, 1e-5),
        ("cosine", 1e-3, 1e-5),
        ("exponential", 1e-3, 1e-5),
        ("steps", 1e-3, 1e-5),
    ],
)
def test_schedules_count_from_their_phase(schedule, start, end):
    (_, step), _ = build(
        reconstruction__steps=5,
        adversarial__steps=100,
        adversarial__schedule=schedule,
        adversarial__learning_rate=1e-3,
        adversarial__warmup_steps=2,
    )
    rate = step.variants.learning_rate
    assert step.first_step == 5
    np.testing.assert_allclose(rate(jnp.array(0)), start / 2, rtol=1e-3)  # warming up
    np.testing.assert_allclose(rate(jnp.array(1)), start, rtol=0.06)  # past its warm-up, some have begun to fall
    np.testing.assert_allclose(rate(jnp.array(100)), end, rtol=1e-3)
