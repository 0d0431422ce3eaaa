"""Settings: what `resolve` fills in and refuses, and every experiment at full size."""

import dataclasses
import functools
import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.config.rules import rules_of
from srn_jax.errors import InputError
from srn_jax.train.state import build_networks, init_state
from srn_jax.train.step import build_steps
from tests import tiny
from tests.tiers import slow_but

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.py"))

# (canvas over known) of the paper's settings.
PAPER = {
    "celebahq": ((128, 128), (256, 256), "random"),
    "ethz": ((128, 128), (256, 256), "random"),
    "cub200": ((128, 128), (256, 256), "random"),
    "dogs": ((128, 128), (256, 256), "random"),
    "paris": ((256, 256), (256, 512), "center"),
    "places2": ((256, 256), (256, 512), "center"),
    "cityscapes": ((256, 256), (256, 512), "center"),
    "deepfashion": ((64, 128), (256, 128), "top"),
}


def load(path: Path) -> settings.Config:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config()


def test_the_paper_s_data_sets_all_have_a_config():
    assert {path.stem for path in CONFIGS} == {*PAPER, "ablation", "between", "bundled", "folder", "quickstart"}


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem in PAPER], ids=lambda path: path.stem)
def test_every_config_of_the_paper_has_its_settings(path):
    config = settings.resolve(load(path))
    window = config.geometry
    assert (window.known, window.canvas, window.placement) == PAPER[path.stem]
    assert (config.model.width, config.loss.lambda_s, config.loss.lambda_mrf) == (64, 5.0, 0.05)
    assert (config.loss.lambda_adv, config.loss.lambda_gp, config.critic.updates) == (0.001, 10.0, 5)
    assert (config.adam.beta1, config.adam.beta2, config.data.batch) == (0.5, 0.9, 16)
    assert config.reconstruction.learning_rate == config.adversarial.learning_rate == 1e-4


FAST = ("quickstart",)


@pytest.mark.parametrize(
    "path",
    slow_but([path for path in CONFIGS if path.stem in FAST], CONFIGS),
    ids=[path.stem for path in CONFIGS],
)
def test_every_config_builds_at_full_size(path):
    config = settings.resolve(load(path))
    # Most differ in their photographs alone: what makes the arrays is built once.
    config.data = dataclasses.replace(settings.Data(), batch=config.data.batch)
    config.run = settings.Run()
    trace(repr(config))


@functools.cache
def trace(description: str) -> None:
    config = eval(description, dict(vars(settings)))
    networks = build_networks(config)
    state = jax.eval_shape(lambda key: init_state(key, config, networks), jax.random.key(0))
    vgg = jax.eval_shape(networks.vgg.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    for step in build_steps(config, networks):
        shape = (step.batches, config.data.batch, *config.geometry.canvas, 3)
        after, metrics = jax.eval_shape(step, state, jax.ShapeDtypeStruct(shape, jnp.float32), vgg)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert metrics["total"].shape == ()


def test_every_config_s_header_names_its_command():
    for path in CONFIGS:
        text = path.read_text()
        assert f"python -m srn_jax.main --config=configs/{path.name}" in text, path


def test_numerics_fill_in_what_was_not_set():
    paper = settings.resolve(settings.Config())
    assert (paper.model.expansion, paper.loss.lambda_s, paper.loss.lambda_ae) == ("subpixel", 5.0, 0.0)
    release = settings.resolve(settings.Config(numerics="release"))
    assert (release.model.expansion, release.loss.lambda_s, release.loss.lambda_ae) == ("subpixel_reshape", 5.04, 1.44)
    mixed = settings.Config(numerics="release")
    mixed.model.expansion = "subpixel"
    assert settings.resolve(mixed).model.expansion == "subpixel"
    assert mixed.loss.lambda_s is None  # `resolve` gives a copy
    for table in settings.NUMERICS.values():
        assert table.keys() == settings.NUMERICS["paper"].keys()


def test_no_setting_is_left_open():
    for numerics in settings.NUMERICS:
        resolved = settings.resolve(settings.Config(numerics=numerics))
        for section in dataclasses.asdict(resolved).values():
            if isinstance(section, dict):
                assert None not in section.values()


def test_a_misspelt_setting_raises():
    with pytest.raises(AttributeError):
        settings.Config().model.widht = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"geometry__known": (30, 32)}, r"geometry.known is \(30, 32\); it takes two multiples of 4"),
        ({"geometry__canvas": (16, 36)}, r"no whole multiple of geometry.known \(8, 24\).*\(16, 48\) would do"),
        ({"geometry__known": (16, 24), "geometry__canvas": (16, 24)}, r"must be smaller than geometry.canvas"),
        ({"geometry__masks_per_batch": "two"}, r"geometry.masks_per_batch is 'two'; it takes 'one' or 'each'"),
        ({"model__width": 3}, r"model.width is 3; it takes an even number"),
        ({"model__rho": 1.5}, r"model.rho is 1.5; it takes a number in \[0, 1\]"),
        ({"critic__updates": 0}, r"critic.updates is 0; it takes at least 1"),
        ({"critic__width": 0}, r"critic.width is 0; it takes at least 1"),
        ({"run__average": 1.0}, r"run.average is 1.0; it takes a number in \[0, 1\)"),
        ({"data__flip": -0.1}, r"data.flip is -0.1; it takes a number in \[0, 1\]"),
        ({"data__color": 2.0}, r"data.color is 2.0; it takes a number in \[0, 1\]"),
        ({"data__batch": "auto"}, r"data.batch is 'auto'; it takes at least 1"),
        ({"data__threads": "many"}, r"data.threads is 'many'; it takes at least 1, up to 1,024, a whole number, or"),
        ({"data__batch": 0}, r"data.batch is 0; it takes at least 1"),
        ({"data__scale": (0.8, 0.2)}, r"data.scale is \(0.8, 0.2\); it takes \(low, high\)"),
        ({"data__scale": (0.5,)}, r"data.scale is \(0.5,\); it takes \(low, high\)"),
        ({"data__scale": ("a", "b")}, r"data.scale is \('a', 'b'\)"),
        ({"data__held_out_scales": ()}, r"data.held_out_scales is \(\)"),
        ({"run__seed": -1}, r"run.seed is -1; it takes at least 0"),
        ({"loss__lambda_mrf": 1.0, "loss__mrf_layers": ()}, r"loss.mrf_layers is \(\); it takes names of VGG-19"),
        ({"geometry__known": (4, 4), "geometry__canvas": (8, 8)}, r"geometry.canvas is \(8, 8\); it takes sides of"),
        ({"data__held_out_scales": (2.0,)}, r"data.held_out_scales is \(2.0,\); it takes numbers in \(0, 1\]"),
        ({"data__held_out_crops": 0}, r"data.held_out_crops is 0"),
        ({"data__threads": 0}, r"data.threads is 0"),
        ({"data__prefetch": 0}, r"data.prefetch is 0"),
        ({"data__workers": -1}, r"data.workers is -1; it takes at least 0"),
        ({"data__held_out_limit": 0}, r"data.held_out_limit is 0; it takes at least 1"),
        ({"compute__accumulate": 0}, r"compute.accumulate is 0; it takes at least 1"),
        ({"adam__clip_norm": -1.0}, r"adam.clip_norm is -1.0; it takes at least 0"),
        ({"loss__lambda_adv": -1.0}, r"loss.lambda_adv is -1.0; it takes at least 0"),
        ({"reconstruction__steps": -1}, r"reconstruction.steps is -1; it takes at least 0"),
        ({"reconstruction__steps": 0, "adversarial__steps": 0}, r"reconstruction.steps is 0; it takes at least 1"),
        ({"adversarial__learning_rate": 0.0}, r"adversarial.learning_rate is 0.0; it takes above 0"),
        ({"adversarial__warmup_steps": 9}, r"adversarial.warmup_steps is 9; it takes in 0..adversarial.steps"),
        ({"run__save_every_steps": 0}, r"run.save_every_steps is 0; it takes at least 1"),
        ({"run__max_unreadable": -1}, r"run.max_unreadable is -1; it takes at least 0"),
        ({"run__keep_newest": 0}, r"run.keep_newest is 0; it takes at least 1"),
        ({"run__keep_best": -1}, r"run.keep_best is -1; it takes at least 0"),
        ({"adam__beta1": 1.0}, r"adam.beta1 is 1.0; it takes a number in \[0, 1\)"),
        ({"adam__beta1": -1.0}, r"adam.beta1 is -1.0; it takes a number in \[0, 1\)"),
        ({"adam__beta2": 1}, r"adam.beta2 is 1; it takes a number in \[0, 1\)"),
        ({"adam__beta1": float("nan")}, r"adam.beta1 is nan; it takes a number in \[0, 1\)"),
        ({"adam__epsilon": -1e-8}, r"adam.epsilon is -1e-08; it takes at least 0"),
        ({"adam__clip_norm": float("inf")}, r"adam.clip_norm is inf; it takes at least 0, up to 1e\+30"),
        ({"reconstruction__learning_rate": float("inf")}, r"reconstruction.learning_rate is inf; it takes above 0"),
        ({"loss__lambda_gp": float("inf")}, r"loss.lambda_gp is inf; it takes at least 0"),
        ({"loss__lambda_gp": 1e300}, r"loss.lambda_gp is 1e\+300; it takes at least 0, up to 1e\+30"),
        ({"data__batch": 16.5}, r"data.batch is 16.5; it takes at least 1, up to 2,147,483,647, a whole number"),
        ({"reconstruction__steps": 2.5}, r"reconstruction.steps is 2.5; it takes at least 0"),
        ({"reconstruction__warmup_steps": 0.5}, r"reconstruction.warmup_steps is 0.5; it takes in 0..reconstr"),
        ({"run__seed": 2**32}, r"run.seed is 4294967296; it takes at least 0, up to 4294967295"),
        ({"run__seed": 10**400}, r"run.seed is 10000\d*\.\.\.0+; it takes at least 0, up to 4294967295"),
        ({"data__batch": 10**20}, r"data.batch is 100000000000000000000; it takes at least 1, up to 2,147,483,647"),
        ({"reconstruction__steps": 2**31}, r"reconstruction.steps is 2147483648; it takes at least 0, up to"),
        ({"adversarial__steps": 2**30, "critic__updates": 5}, r"with all others up to 2,147,483,647 updates"),
        ({"model__width": 10**20}, r"model.width is 100000000000000000000; it takes at least 2, up to 65,536"),
        ({"geometry__known": (4 * 10**20, 32)}, r"geometry.known is \(400000000000000000000, 32\); it takes two"),
        ({"data__workers": 10**9}, r"data.workers is 1000000000; it takes at least 0, up to 1,024"),
        ({"numerics": "both"}, r"numerics is 'both'; it takes one of 'paper', 'release'"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(changes, message):
    if "geometry__canvas" in changes:
        changes = {"geometry__known": (8, 24), **changes}
    with pytest.raises(InputError, match=message):
        settings.resolve(tiny.config(**changes))


def test_every_number_is_held_to_a_rule():
    resolved = settings.resolve(settings.Config())
    for name, field in settings.fields_of(resolved).items():
        if isinstance(settings.get_setting(resolved, name), int | float):
            assert rules_of(field) or name.endswith(".warmup_steps"), name  # which `check` compares with the steps


def test_settings_are_read_and_set_by_their_dotted_names():
    config = settings.Config()
    settings.set_settings(config, {"numerics": "release", "model.width": 8})
    assert (config.numerics, config.model.width) == ("release", 8)
    assert [settings.get_setting(config, name) for name in ("numerics", "model.width")] == ["release", 8]
    with pytest.raises(AttributeError, match="widht"):
        settings.set_settings(config, {"model.widht": 8})
    names = list(settings.fields_of(config))
    assert names[:4] == ["numerics", "parallel", "geometry.known", "geometry.canvas"]
    assert {"reconstruction.steps", "adversarial.steps"} <= set(names)


def test_numbers_of_numpy_are_as_good_as_pythons():
    config = settings.resolve(tiny.config(data__batch=np.int64(8), loss__lambda_adv=np.float32(0.5)))
    assert (type(config.data.batch), config.data.batch) == (int, 8)
    assert (type(config.loss.lambda_adv), config.loss.lambda_adv) == (float, 0.5)


def test_variants_are_looked_up_before_anything_runs():
    for change, message in (
        (
            {"loss__error": "l2"},
            r"loss.error is 'l2'; it takes one of 'l1', 'psnr'",
        ),
        (
            {"loss__spatial": "far"},
            r"loss.spatial is 'far'; it takes one of 'rsv', 'rsv_release', 'confidence', 'plain'",
        ),
        ({"loss__mrf": "x"}, r"loss.mrf is 'x'"),
        ({"loss__vgg_input": "x"}, r"loss.vgg_input is 'x'"),
        ({"loss__penalty_mask": "x"}, r"loss.penalty_mask is 'x'"),
        ({"loss__combine": "x"}, r"loss.combine is 'x'"),
        ({"loss__adversarial": "x"}, r"loss.adversarial is 'x'; it takes one of 'wgan_gp', 'hinge'"),
        ({"critic__weights": "x"}, r"critic.weights is 'x'; it takes one of 'plain', 'spectral'"),
        (
            {"adversarial__schedule": "x"},
            r"adversarial.schedule is 'x'; it takes one of 'constant', 'linear'",
        ),
        ({"adam__form": "x"}, r"adam.form is 'x'"),
        ({"model__name": "x"}, r"model.name is 'x'; it takes one of 'srn', 'srn_hr'"),
        ({"critic__names": ("x",)}, r"critic.names is 'x'; it takes one of 'global', 'context'"),
    ):
        config = settings.resolve(tiny.config(**change))
        with pytest.raises(InputError, match=message):
            build_steps(config, build_networks(config))
