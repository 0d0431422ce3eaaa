"""Every row of the paper's figures 8 to 12: what it names, at full size in shapes, and trained in small."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.ablation import ROWS, get_config
from srn_jax import config as settings
from srn_jax import extrapolate, geometry, load_generator
from srn_jax.models.generators import GENERATORS
from srn_jax.train.loop import train
from srn_jax.train.start import start_from
from srn_jax.train.state import build_networks, init_state
from srn_jax.train.step import build_steps
from tests import tiny
from tests.test_config import trace
from tests.tiers import slow_but

# Rows of one configuration, such as SRN itself in every figure, are trained once.
DISTINCT: dict[str, list[str]] = {}
for _name in ROWS:
    DISTINCT.setdefault(repr(settings.resolve(get_config(_name))), []).append(_name)
# Those that differ in the loss alone are built as SRN is.
NAMES = ["+".join(names) for names in DISTINCT.values() if not names[0].startswith(("losses_", "ideas_"))]
# The other systems, and what is trained with another loss; what else differs, tests of its own hold.
TRAINED = ["fig8_ca", "fig8_srn_hr", "style", "ideas_hinge_spectral"]


def test_every_system_and_variant_of_the_figures_has_a_row():
    resolved = {name: settings.resolve(get_config(name)) for name in ROWS}
    assert {config.model.name for config in resolved.values()} == GENERATORS.keys()
    for figure, setting, values in (
        ("fig8", "model.name", {"ca", "ed", "srn_hr", "srn"}),
        ("fig9", "model.expansion", {"subpixel", "deconv", "unfold", "bilinear"}),
        ("fig10", "model.normalization", {"paper", "none"}),
        ("fig10", "adversarial.steps", {0, 40_000}),
        ("fig11", "critic.names", {("global", "context"), ("global",)}),
        ("fig12", "loss.spatial", {"rsv", "confidence", "plain"}),
    ):
        rows = {name: settings.get_setting(c, setting) for name, c in resolved.items() if name.startswith(figure)}
        assert set(rows.values()) == values, figure
    assert len(NAMES) == 14
    assert len(DISTINCT) == 23
    assert resolved["style"].loss.lambda_mrf == 0 < resolved["style"].loss.lambda_style


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_builds_at_full_size(name):
    trace(repr(settings.resolve(get_config(name.split("+")[0]))))


def shrunk(name: str) -> settings.Config:
    """Returns a row at tiny size, two steps a phase, on the embedded photographs, with random VGG-19 filters."""
    config, small = get_config(name), tiny.config()
    side = 32 if config.model.name == "ca" else 16  # what leaves CA a known patch, wherever the picture lies
    config.geometry.known, config.geometry.canvas = (side, side), (2 * side, 2 * side)
    config.model.width = small.model.width
    config.critic = settings.Critic(names=config.critic.names, width=small.critic.width, updates=small.critic.updates)
    config.data, config.run, config.loss.vgg = small.data, small.run, "random"
    config.reconstruction.steps = 2
    config.adversarial.steps = min(2, config.adversarial.steps)
    return settings.resolve(config)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_it_trains_restores_and_extrapolates(name, tmp_path):
    config = shrunk(name)
    outcome = train(config, tmp_path)
    assert outcome.checkpoint
    assert outcome.checkpoint.name == str(2 + config.adversarial.steps)
    start = init(config)
    moved = jax.tree.map(lambda a, b: float(np.abs(a - np.asarray(b)).max()), outcome.generator.params, start.params)
    assert all(change > 0 for change in jax.tree.leaves(moved)), moved  # nothing is left out of the training

    generator = load_generator(tmp_path)
    assert generator.model == outcome.generator.model
    jax.tree.map(np.testing.assert_array_equal, generator.params, outcome.generator.params)
    known, canvas_size = config.geometry.known, config.geometry.canvas
    picture = np.random.default_rng(0).integers(0, 256, (*known, 3), dtype=np.uint8)
    mask = np.asarray(geometry.unknown_mask(jnp.array([[3, 9]], jnp.int32), canvas_size, known))[0]
    canvas = extrapolate(generator, picture, mask)
    assert canvas.shape == (*canvas_size, 3)
    np.testing.assert_array_equal(canvas[3 : 3 + known[0], 9 : 9 + known[1]], picture)
    assert canvas[mask[..., 0] == 1].std() > 0

    told = start_from(str(tmp_path), start, build_networks(config).generator)[1]
    assert told.startswith("generator, critics, Adam (")
    assert train(config, tmp_path).checkpoint == outcome.checkpoint  # it is finished, and says so by doing nothing


def init(config: settings.Config):
    networks = build_networks(config)
    return jax.jit(lambda key: init_state(key, config, networks))(jax.random.key(config.run.seed))


TERMS = {
    "fig8_ca": {"reconstruction", "autoencoding", "coarse_reconstruction", "coarse_autoencoding", "adversarial"},
    "style": {"reconstruction", "style", "adversarial"},
    "losses_reconstruction": {"reconstruction"},
    "losses_mrf": {"reconstruction", "id_mrf"},
    "losses_style": {"reconstruction", "style"},
    "fig8_ed": {"reconstruction", "id_mrf", "adversarial"},
    "ideas_hinge_spectral": {"reconstruction", "id_mrf", "adversarial"},
}


@pytest.mark.parametrize("name", slow_but(["fig8_ca", "losses_reconstruction"], TERMS))
def test_a_row_s_terms_are_those_of_its_system(name):
    config = shrunk(name)
    networks = build_networks(config)
    *_, step = build_steps(config, networks)
    state = jax.eval_shape(lambda key: init_state(key, config, networks), jax.random.key(0))
    vgg = jax.eval_shape(networks.vgg.init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32)).get("params", {})
    images = jax.ShapeDtypeStruct((step.batches, 4, *config.geometry.canvas, 3), np.float32)
    _, metrics = jax.eval_shape(step, state, images, vgg)
    others = {"total", "critic", "wasserstein", "penalty", "critic_gradient_norm", "gradient_norm", "learning_rate"}
    assert metrics.keys() - others == TERMS[name]
