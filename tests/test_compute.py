"""How a step is computed does not change what: precision, accumulation, rematerialization, shard_map or pmap."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax import ops
from srn_jax.errors import InputError
from srn_jax.models import vgg19
from srn_jax.models.critics import ContextCritic
from srn_jax.models.layers import ConvTranspose, UpsampleConv, apply, conv
from srn_jax.train import optimizer, sharding
from tests import tiny
from tests.steps import VGG, WIDTHS, Update, assert_close, build, compiled, inputs, update


@pytest.mark.slow
@pytest.mark.parametrize(
    ("devices", "changes"),
    [
        (1, {"compute__remat": "networks", "compute__accumulate": 2}),
        (4, {"compute__remat": "networks", "compute__accumulate": 2, "parallel": "pmap"}),  # parts of one picture
    ],
    ids=str,
)
def test_the_way_of_computing_changes_no_gradient(devices, changes: dict[str, Any]):
    made, expected = update(devices, **changes), update(devices)
    assert_close((made.moved, made.metrics), (expected.moved, expected.metrics), 2e-4)
    assert_float32(made)


def assert_float32(made: Update) -> None:
    parts = made.after.params, made.after.average, made.after.critics, made.metrics
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(parts))


@pytest.mark.slow
def test_pmap_is_shard_map():
    one, other = update(4, 0, parallel="pmap"), update(4, 0)
    assert_close((one.moved, one.metrics), (other.moved, other.metrics), 1e-6)


@pytest.mark.slow
def test_less_memory_is_what_they_are_for():
    """Of the generator's update, which takes the most: critics would change no size."""
    sizes: list[int] = []
    small: dict[str, Any] = {"geometry__known": (32, 32), "geometry__canvas": (64, 64), "model__width": 16}
    ways: list[dict[str, Any]] = [{}, {"compute__remat": "networks"}, {"compute__accumulate": 4}]
    for chosen in ways:
        step, mesh = build(1, 1, critic__names=(), **small, **chosen)
        state, images = inputs(step, mesh)
        program = sharding.compile_step(step, mesh)
        lowered = program.lower(state, images, sharding.put_replicated(mesh, VGG))  # pyright: ignore[reportFunctionMemberAccess]
        sizes.append(lowered.compile().memory_analysis().temp_size_in_bytes)
    whole, remat, accumulated = sizes
    assert remat < 0.95 * whole, sizes
    assert accumulated < 0.85 * whole, sizes


@pytest.mark.slow
def test_bfloat16_gradients_point_where_float32_s_do():
    """bfloat16 keeps 8 bits: a gradient through some thirty layers is off by a few percent, its direction is not."""
    made, expected = update(1, compute__dtype="bfloat16"), update(1)
    assert_float32(made)
    for part in (0, 1):
        a, b = (np.concatenate([x.ravel() for x in jax.tree.leaves(one.moved[part])]) for one in (made, expected))
        assert not np.array_equal(a, b)  # it was computed in bfloat16
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert cosine > 0.98
        assert 0.9 < np.linalg.norm(a) / np.linalg.norm(b) < 1.1
    for name in ("reconstruction", "id_mrf", "penalty"):
        np.testing.assert_allclose(made.metrics[name], expected.metrics[name], rtol=0.02)


# Of both tests that train, so that they take one program in float32.
TRAINED: dict[str, Any] = {
    "adam": True,
    "reconstruction__learning_rate": 1e-3,
    "reconstruction__steps": 60,
    "run__average": 0.5,
}


@pytest.mark.slow
def test_bfloat16_trains_as_well_as_float32():
    losses = {}
    for dtype in ("float32", "bfloat16"):
        step, mesh, program = compiled(1, 0, compute__dtype=dtype, **TRAINED)
        state, images = inputs(step, mesh, noise=30)
        history = []
        for _ in range(60):
            state, metrics = program(state, images, {})
            history.append(float(metrics["reconstruction"]))
        losses[dtype] = history
    assert losses["float32"][-1] < 0.9 * losses["float32"][0]  # there was something to learn
    np.testing.assert_allclose(losses["bfloat16"][-1], losses["float32"][-1], rtol=0.03)


@pytest.mark.parametrize("layer", [conv(2), UpsampleConv(2), ConvTranspose(2, (2, 2))])
def test_a_bias_gradient_is_summed_in_float32(layer):
    """In bfloat16, whose next number after 256 is 258, a sum of ones would stop there."""
    x = jnp.ones((1, 64, 64, 1), jnp.bfloat16)
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), layer.init(jax.random.key(0), x.astype(jnp.float32)))
    made, gradient = layer.apply(params, x), jax.grad(lambda p: layer.apply(p, x).astype(jnp.float32).sum())(params)
    assert made.dtype == jnp.bfloat16
    *_, bias = (leaf for leaf in jax.tree.leaves(gradient) if leaf.ndim == 1)
    np.testing.assert_array_equal(np.asarray(bias, np.float32), made[0, ..., 0].size)


@pytest.mark.parametrize("normalization", ["paper", "release"])
def test_statistics_of_bfloat16_features_are_taken_in_float32(normalization):
    """A large mean under a small deviation would drown in bfloat16's sums."""
    rng = np.random.default_rng(0)
    features = jnp.asarray(8.0 + rng.normal(0, 0.5, (1, 40, 48, 2)), jnp.bfloat16)
    mask = jnp.asarray(np.arange(48)[None, None, :, None] > 20, jnp.bfloat16) * jnp.ones((1, 40, 48, 1), jnp.bfloat16)
    normalize = ops.NORMALIZATIONS[normalization]
    exact = normalize(features.astype(jnp.float32), mask.astype(jnp.float32), 0.5)
    made = normalize(features, mask, 0.5)
    assert made.dtype == jnp.bfloat16
    np.testing.assert_allclose(made.astype(jnp.float32), exact, rtol=2.0**-7)  # a unit of the last place


def test_the_context_critic_sums_in_float32():
    critic = ContextCritic(width=2)
    image, mask = jnp.ones((1, 320, 320, 3)), jnp.ones((1, 320, 320, 1))  # 1,600 positions: no number in bfloat16
    params = tiny.parameters(critic, image, mask)
    exact = apply(critic, params, image, mask)
    low = jax.tree.map(lambda x: x.astype(jnp.bfloat16), (params, image, mask))
    made = apply(critic, *low)
    np.testing.assert_allclose(made, exact, rtol=0.02)
    assert np.asarray(made).dtype == np.float32


def test_vgg_s_mean_is_subtracted_before_pixels_lose_bits():
    network = vgg19.VGG19(layers=("conv1_1",), widths=WIDTHS, dtype=jnp.bfloat16)
    image = jnp.full((1, 8, 8, 3), 124.0) + jnp.array([0.18, -7.471, -20.561])[None, None, None]  # 0.5 off each mean
    features = apply(network, VGG, image)["conv1_1"]
    exact = apply(dataclasses.replace(network, dtype=jnp.float32), VGG, image)["conv1_1"]
    assert features.dtype == jnp.bfloat16
    np.testing.assert_allclose(features.astype(jnp.float32), exact, rtol=0.03, atol=0.01)


def distance(one: Any, other: Any) -> float:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return float(np.sqrt(sum(np.square(a - b).sum() for a, b in pairs)))


@pytest.mark.slow
def test_the_average_follows_its_recursion_and_is_smoother_than_the_weights():
    step, mesh, program = compiled(1, 0, compute__dtype="float32", **TRAINED)
    state, images = inputs(step, mesh)
    weights, average = jax.device_get((state.params, state.average))
    ways = np.zeros(2)
    for number in range(20):
        state, _ = program(state, images, {})
        decay = min(0.5, (1 + number) / (10 + number))  # the smaller one up to step 8
        expected = jax.tree.map(lambda a, p, d=decay: d * a + (1 - d) * p, average, jax.device_get(state.params))
        before, (weights, average) = (weights, average), jax.device_get((state.params, state.average))
        assert_close(average, expected, 1e-6)  # two products and a sum in float32
        ways += [distance(*pair) for pair in zip((weights, average), before, strict=True)]
    # Each of its steps is a mean of the weights' steps so far, whose shares do not grow: that holds whatever is learnt.
    assert ways[1] < ways[0]


@pytest.mark.parametrize("form", ["paper", "release"])
def test_long_gradients_are_clipped_to_the_norm_and_short_ones_left_alone(form):
    params = {"a": jnp.zeros(3), "b": jnp.zeros((2, 2))}
    gradient = {"a": jnp.array([3.0, 0.0, 0.0]), "b": jnp.array([[0.0, 4.0], [0.0, 0.0]])}  # of norm 5
    plain, clipping = (optimizer.build(settings.Adam(form=form, clip_norm=norm)) for norm in (0.0, 2.5))
    for scale, expected in ((1.0, 0.5), (0.1, 1.0)):
        scaled = jax.tree.map(lambda x, s=scale: s * x, gradient)
        _, clipped = clipping.update(scaled, clipping.init(params), params, updates_done=jnp.zeros((), jnp.int32))
        halved = jax.tree.map(lambda x, e=expected: e * x, scaled)
        _, same = plain.update(halved, plain.init(params), params, updates_done=jnp.zeros((), jnp.int32))
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), clipped, same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parallel": "x"}, "parallel is 'x'; it takes one of 'shard_map', 'pmap'"),
        ({"compute__dtype": "float16"}, "compute.dtype is 'float16'; it takes one of 'float32', 'bfloat16'"),
        ({"compute__remat": "x"}, "compute.remat is 'x'; it takes one of 'none', 'networks'"),
        ({"adversarial__schedule": "x"}, "adversarial.schedule is 'x'; it takes one of 'constant', 'linear'"),
    ],
)
def test_misspelt_ways_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        sharding.compile_step(*build(1, 1, **changes))


def test_a_batch_that_does_not_split_is_refused():
    with pytest.raises(InputError, match=r"data.batch is 6; .* multiple of 4, for 4 devices of 1 processes"):
        sharding.build_mesh(6)
    with pytest.raises(InputError, match=r"data.batch is 8; .* 12, for .*, 3 parts each \(compute.accumulate"):
        sharding.build_mesh(8, accumulate=3)
