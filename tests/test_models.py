"""The networks' shapes, sizes and contracts; what they compute is held by the parity tests."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.errors import ScopeParamShapeError

from srn_jax import config as settings
from srn_jax import geometry
from srn_jax.errors import InputError
from srn_jax.models.critics import CRITICS, WEIGHTS, spectral_norm
from srn_jax.models.expansion import EXPANSIONS
from srn_jax.models.generators import GENERATORS
from srn_jax.models.layers import apply, attributes, conv
from srn_jax.models.parameters import by_name, map_named
from srn_jax.models.srn import SRN
from tests import golden_cases, tiny

run = jax.jit(apply, static_argnums=0)  # compiled once for each model and size


def count(tree) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def shapes(module, canvas: tuple[int, int]):
    return jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, *canvas, 3)), jnp.ones((1, *canvas, 1)))[
        "params"
    ]


def test_parameter_counts_are_those_of_the_paper():
    params = shapes(SRN(), (256, 256))
    assert count(params["fen"]) == 5_758_528
    assert count(params["expansion"]) == 147_712
    assert count(params["cpn"]) == 5_328_707


@pytest.mark.parametrize("expansion", EXPANSIONS)
@pytest.mark.parametrize("ratio", [(2, 2), (1, 2), (3, 1)])
def test_every_expansion_keeps_its_contract(expansion, ratio):
    x = jax.random.normal(jax.random.key(0), (2, 8, 12, 4))
    offset = jnp.array([[0, 3], [2, 1]], jnp.int32)
    module = EXPANSIONS[expansion](ratio=ratio)
    params = tiny.parameters(module, x, offset)
    y = run(module, params, x, offset)
    assert y.shape == (2, 8 * ratio[0], 12 * ratio[1], 4)
    assert float(jnp.abs(y).max()) > 0
    changed = run(module, params, x.at[0].add(1.0), offset)
    np.testing.assert_array_equal(changed[1], y[1])  # images do not mix
    assert not np.array_equal(changed[0], y[0])


SMALL = settings.Model(width=4, expansion="subpixel", normalization="paper")
MODELS = {name: module.from_settings(SMALL, (2, 3)) for name, module in GENERATORS.items()}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_margins_never_compile_anew_and_unknown_pixels_are_never_read(model):
    known, canvas = (8, 8), (16, 24)
    image = jax.random.uniform(jax.random.key(0), (2, *canvas, 3), minval=-1.0)
    mask_of = jax.jit(lambda offset: geometry.unknown_mask(offset, canvas, known))
    params = tiny.parameters(model, image, mask_of(jnp.array([[0, 0]])))
    before = run._cache_size()  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    for offset in ([3, 5], [8, 16], [0, 9]):
        mask = mask_of(jnp.array([offset]))
        painted, _ = run(model, params, image, mask)
        assert painted.shape == image.shape
        assert float(jnp.abs(painted).max()) <= 1.0
        poisoned = jnp.where(mask > 0.5, jnp.nan, image)
        np.testing.assert_array_equal(run(model, params, poisoned, mask)[0], painted)
    assert run._cache_size() == before + 1  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]


@pytest.mark.parametrize("name", GENERATORS)
def test_masks_of_their_own_equal_one_image_at_a_time(name):
    model = GENERATORS[name].from_settings(SMALL, (2, 2))
    image = jax.random.uniform(jax.random.key(0), (2, 16, 24, 3), minval=-1.0)
    masks = geometry.unknown_mask(jnp.array([[1, 7], [8, 0]], jnp.int32), (16, 24), (8, 12))
    params = tiny.parameters(model, image, masks)
    tolerance = golden_cases.rounding(golden_cases.sums(params))
    together, _ = run(model, params, image, masks)
    for i in range(2):
        twice = np.array([i, i])  # so that it is the same program
        alone, _ = run(model, params, image[twice], masks[twice])
        np.testing.assert_allclose(together[i], alone[0], atol=tolerance)


def test_parameters_that_are_given_are_held_to_their_shapes_and_not_drawn(monkeypatch):
    module, x = conv(4), jnp.zeros((1, 8, 8, 3))
    params = tiny.parameters(module, x)

    def fail(*given: object) -> None:
        pytest.fail(f"an initializer is traced, which takes long: {given}")

    monkeypatch.setattr("flax.linen.initializers.glorot_uniform", lambda: fail)
    jax.eval_shape(partial(apply, module), params, x)
    for name, wrong in (("kernel", (3, 3, 5, 4)), ("bias", (1,))):
        with pytest.raises(ScopeParamShapeError, match=name):
            jax.eval_shape(partial(apply, module), {**params, name: jnp.zeros(wrong)}, x)


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("canvas", [(16, 24), (20, 12)])
def test_every_critic_scores_images_one_by_one(name, canvas):
    critic = CRITICS[name](width=4)
    image = jax.random.uniform(jax.random.key(0), (3, *canvas, 3), minval=-1.0)
    mask = geometry.unknown_mask(jnp.array([[1, 2]], jnp.int32), canvas, (8, 8))
    params = tiny.parameters(critic, image, mask)
    scores = run(critic, params, image, mask)
    assert scores.shape == (3,)
    changed = run(critic, params, image.at[0].multiply(-1.0), mask)
    np.testing.assert_allclose(changed[1:], scores[1:], rtol=1e-6)
    assert not np.allclose(changed[0], scores[0])
    assert np.isfinite(run(critic, params, image, jnp.zeros_like(mask))).all()  # nothing synthesized


def singular_value(kernel) -> float:
    return float(np.linalg.svd(np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1]), compute_uv=False)[0])


@pytest.mark.parametrize("shape", [(5, 5, 3, 8), (40, 1), (2, 2, 1, 6)])
def test_the_spectral_norm_is_the_largest_singular_value_and_its_gradient_the_singular_vectors(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    value, gradient = jax.jit(jax.value_and_grad(spectral_norm))(kernel)
    assert float(value) == pytest.approx(singular_value(kernel), rel=0.01)
    left, _, right = np.linalg.svd(kernel.reshape(-1, shape[-1]), full_matrices=False)
    expected = np.outer(left[:, 0], right[0])
    similar = np.vdot(gradient, expected) / np.linalg.norm(gradient) / np.linalg.norm(expected)
    assert similar > 0.99
    assert spectral_norm(jnp.zeros(shape)) == 0


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_of_critics_keep_their_names_and_shapes_and_are_finite(weights):
    image, mask = jnp.zeros((1, 16, 24, 3)), jnp.ones((1, 16, 24, 1))
    given = {name: tiny.parameters(critic(width=4), image, mask) for name, critic in CRITICS.items()}
    given["global"]["conv2"]["kernel"] *= 0  # a kernel that has not been drawn yet
    used = jax.jit(WEIGHTS[weights])(given)
    assert jax.tree.map(jnp.shape, used) == jax.tree.map(jnp.shape, given)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(used))
    np.testing.assert_array_equal(used["context"]["conv1"]["bias"], given["context"]["conv1"]["bias"])
    kernel = used["context"]["conv1"]["kernel"]
    if weights == "plain":
        jax.tree.map(np.testing.assert_array_equal, used, given)
    else:
        assert singular_value(kernel) == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_is_made_of_the_settings_that_it_knows(name):
    asked = settings.Model(width=6, expansion="deconv", normalization="none", rho=0.25)
    made = attributes(GENERATORS[name].from_settings(asked, (2, 3)))
    assert made == {attribute: {"ratio": (2, 3), **dataclasses.asdict(asked)}[attribute] for attribute in made}
    assert "width" in made


def test_leaves_have_dotted_names():
    tree = {"fen": {"conv1": {"kernel": 1, "bias": 2}}, "mean": 3}
    assert by_name(tree) == {"fen.conv1.bias": 2, "fen.conv1.kernel": 1, "mean": 3}
    named = map_named(lambda name, leaf: f"{name} {leaf}", tree)
    assert named == {"fen": {"conv1": {"kernel": "fen.conv1.kernel 1", "bias": "fen.conv1.bias 2"}}, "mean": "mean 3"}


def test_an_unknown_variant_names_the_valid_ones():
    with pytest.raises(InputError, match=r"model.expansion is 'shuffle'; it takes one of 'subpixel', "):
        shapes(SRN(expansion="shuffle"), (16, 16))
    with pytest.raises(InputError, match=r"model.normalization is 'batch'; it takes one of 'paper', 'release', 'none'"):
        shapes(SRN(normalization="batch"), (16, 16))
