"""Converted checkpoints of the release: the authors' pixels, whatever is read off the variables, and training state."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import srn_jax
from srn_jax import config as settings
from srn_jax.convert.__main__ import main
from srn_jax.generators.arrays import array_shapes
from srn_jax.geometry import placement
from srn_jax.infer.__main__ import main as infer
from srn_jax.models.layers import apply
from srn_jax.train import workdir
from srn_jax.train.optimizer import ReleaseAdamState
from srn_jax.train.start import start_from
from srn_jax.train.state import build_networks
from tests import bundle_writer, golden_cases, tiny
from tests.test_parity_networks import NETWORKS, assert_close, mask_of, release_scale
from tests.tiers import slow_but


def convert(folder: Path, tensors: dict[str, np.ndarray], *options: str, step: str = "-1000") -> Path:
    """Writes `tensors` as the release would, converts them, and returns the folder that was made."""
    (folder / "tf").mkdir(parents=True, exist_ok=True)
    bundle_writer.write(folder / "tf" / f"snap{step}", tensors)
    output = folder / "converted"
    main(["--tf-checkpoint", str(folder / "tf"), "--output", str(output), *options])
    return output


# The offsets of test.py's runs; in A they were drawn by NumPy with seed 3.
RUNS = {"A0": (10, 24), "A1": (25, 3), "A2": (24, 8), "B0": (16, 16), "B1": (16, 16), "B2": (16, 16)}


def assert_same_pixels(actual: np.ndarray, expected: np.ndarray, weights: dict[str, np.ndarray]) -> None:
    """Asserts equal pixels, but where rounding decides: so many of levels, 127.5 to the unit, lie so near the next."""
    difference = np.abs(actual.astype(int) - expected).max(axis=-1)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 3 * 127.5 * golden_cases.rounding(golden_cases.sums(weights))


def test_the_authors_pixels(tmp_path):
    weights = golden_cases.load("c1_srn_subpixel").weights
    generator = srn_jax.load_generator(convert(tmp_path, weights))
    for name, (top, left) in RUNS.items():
        expected, white = (
            np.asarray(Image.open(golden_cases.GOLDEN / "c10_test_py" / f"{name}{kind}.png").convert("RGB"), int)
            for kind in ("", "_known")
        )
        mask = np.ones((64, 64), bool)
        mask[top : top + 32, left : left + 32] = False
        known = white[top : top + 32, left : left + 32].astype(np.uint8)
        canvas = srn_jax.extrapolate(generator, known, mask, rounding="truncate")
        assert_same_pixels(canvas, expected, weights)


def test_the_authors_pixels_on_the_command_line(tmp_path):
    weights = golden_cases.load("c1_srn_subpixel").weights
    folder, (top, left) = convert(tmp_path, weights), RUNS["A1"]
    white = Image.open(golden_cases.GOLDEN / "c10_test_py" / "A1_known.png").convert("RGB")
    white.crop((left, top, left + 32, top + 32)).save(tmp_path / "known.png")
    command = f"--checkpoint {folder} --input {tmp_path}/known.png --output {tmp_path}/made.png"
    infer([*command.split(), f"--top={top}", f"--left={left}", "--rounding=truncate"])
    expected = Image.open(golden_cases.GOLDEN / "c10_test_py" / "A1.png").convert("RGB")
    assert_same_pixels(np.asarray(Image.open(tmp_path / "made.png")), np.asarray(expected, int), weights)


OPTIONS = {
    "c2_srn_subpixel_nocn": ["--normalization=none"],
    "c4_srn_onesided": ["--ratio=4x1", "--model=srn"],
    "c3_srn_hr": ["--model=srn-hr"],
}


@pytest.mark.parametrize("name", slow_but(["c1_srn_subpixel"], NETWORKS))
def test_every_network_of_the_release_is_read_off_its_variables(tmp_path, name, capsys):
    case = golden_cases.load(name)
    generator = srn_jax.load_generator(convert(tmp_path, case.weights, *OPTIONS.get(name, [])))
    assert generator.model == NETWORKS[name]
    report = capsys.readouterr().out
    assert f"{type(generator.model).__name__}, width 8" in report
    assert "generator alone: no critics and no Adam in this checkpoint" in report
    assert ("context normalization, rho 0.5 (--normalization, --rho)" in report) == (
        name not in ("c2_srn_subpixel_nocn",)
    )
    image = jnp.asarray(release_scale(case["image"])[..., ::-1])  # RGB
    prediction, _ = jax.jit(lambda p, i, m: apply(generator.model, p, i, m))(generator.params, image, mask_of(case))
    assert_close(case, "predicted@3", prediction[..., ::-1], golden_cases.sums(case.weights))


def training_checkpoint(updates: int = 12) -> dict[str, np.ndarray]:
    """Returns all that the release saves in training, with moments that tell their variable and slot."""
    weights = golden_cases.load("c9_train_full_tinyvgg").weights
    rng = np.random.default_rng(0)
    slots = {n + s: rng.random(v.shape, np.float32) for n, v in weights.items() for s in ("/Adam", "/Adam_1")}
    powers = {f"beta{i}_power": np.float32(beta ** (updates + 1)) for i, beta in ((1, 0.5), (2, 0.9))}
    others = {"lr": np.float32(1e-4), "Variable": np.zeros((64, 64, 1, 1), np.float32)}
    return weights | slots | {name: np.asarray(value) for name, value in (powers | others).items()}


def tiny_release_config() -> settings.Config:
    config = settings.Config(numerics="release")
    config.geometry.known, config.geometry.canvas = (32, 32), (64, 64)
    config.model.width = config.critic.width = 8
    config.loss.lambda_mrf = 0.0
    return settings.resolve(config)


def test_a_training_checkpoint_brings_critics_and_adam(tmp_path, capsys):
    variables = training_checkpoint()
    folder = convert(tmp_path, variables)
    report = capsys.readouterr().out
    assert "critics, the generator's Adam, the critics' Adam, 12 updates" in report
    assert "32x32 -> 64x64" in report  # from the size of the global critic's dense layer
    config = tiny_release_config()
    networks = build_networks(config)
    state, told = start_from(str(folder), tiny.state(config, networks), networks.generator)
    assert told == "generator, critics, Adam (12 updates)"
    assert (int(state.updates), int(state.step)) == (12, 0)
    assert isinstance(state.adam_generator, ReleaseAdamState)
    for slot, tree, critics in (
        ("", state.params, state.critics),
        ("/Adam", state.adam_generator.mu, state.adam_critics.mu),
        ("/Adam_1", state.adam_generator.nu, state.adam_critics.nu),
    ):
        first = variables[f"inpaint_net/conv1/kernel{slot}"]
        np.testing.assert_array_equal(tree["fen"]["conv1"]["kernel"], first[:, :, ::-1])  # BGR to RGB
        last = variables[f"inpaint_net/allconv17/bias{slot}"]
        np.testing.assert_array_equal(tree["cpn"]["allconv17"]["bias"], last[::-1])
        joined = np.asarray(tree["cpn"]["xconv1"]["kernel"])
        expected = variables[f"inpaint_net/xconv1/kernel{slot}"]
        np.testing.assert_array_equal(joined[:, :, :8], expected[:, :, :8])  # features
        np.testing.assert_array_equal(joined[:, :, [8, 9, 10, 11]], expected[:, :, [10, 9, 8, 11]])  # colours, mask
        upsampling = variables[f"inpaint_net/conv13_upsample/conv13_upsample_conv/kernel{slot}"]
        np.testing.assert_array_equal(tree["fen"]["conv13_upsample"]["conv"]["kernel"], upsampling)
        critic = variables[f"discriminator/D_context/dconv1/kernel{slot}"]
        np.testing.assert_array_equal(critics["context"]["conv1"]["kernel"], critic[:, :, ::-1])
        dense = variables[f"discriminator/dout_global_fc/kernel{slot}"]
        np.testing.assert_array_equal(critics["global"]["dense"]["kernel"], dense)
    np.testing.assert_array_equal(state.average["fen"]["conv1"]["kernel"], state.params["fen"]["conv1"]["kernel"])


@pytest.mark.parametrize(
    ("left_out", "told", "taken"),
    [
        (
            r"discriminator/.*|.*Adam.*|beta.*",
            "generator alone: no critics and no Adam in",
            "the generator alone: critics",
        ),
        (
            r"discriminator/.*",
            "no critics, the generator's Adam, 12 updates",
            "generator; critics and Adam afresh: the ch",
        ),
        (
            r".*/Adam(_1)?$|beta.*",
            "critics, not the generator's Adam \\(.* is missing\\), not the critics",
            "Adam afresh",
        ),
        (
            r"discriminator/.*/Adam_1$",
            "the generator's Adam, not the critics' Adam",
            "generator, critics; Adam afresh: the checkpoint lacks adam_critics",
        ),
    ],
)
def test_what_a_checkpoint_lacks_is_said(tmp_path, capsys, left_out, told, taken):
    variables = {n: v for n, v in training_checkpoint().items() if not re.fullmatch(left_out, n)}
    folder = convert(tmp_path, variables)
    assert re.search(told, capsys.readouterr().out)
    config = tiny_release_config()
    networks = build_networks(config)
    assert taken in start_from(str(folder), tiny.state(config, networks), networks.generator)[1]


@pytest.mark.parametrize(
    ("updates", "told"), [(0, "0 updates"), (150, "150 updates"), (100_000, "800 updates or more")]
)
def test_adam_s_updates_are_read_off_its_power(tmp_path, capsys, updates, told):
    convert(tmp_path, training_checkpoint(updates))
    assert f"Adam, {told}" in capsys.readouterr().out


def test_the_step_is_that_of_the_name(tmp_path):
    weights = golden_cases.load("c1_srn_subpixel").weights
    assert (convert(tmp_path / "a", weights) / "checkpoints" / "1000").is_dir()
    folder = convert(tmp_path / "b", weights, step="")
    assert (folder / "checkpoints" / "0").is_dir()
    assert not (folder / "checkpoints" / "0" / "state").exists()
    assert "fen.conv1.kernel" in array_shapes(folder / "checkpoints" / "0" / "generator")


def changed(**changes: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns c1's variables with some replaced, or left out; / is __ in their names."""
    named = {name.replace("__", "/"): value for name, value in changes.items()}
    variables = golden_cases.load("c1_srn_subpixel").weights | named
    return {name: value for name, value in variables.items() if value is not None}


EXPANSION = "inpaint_net__feat_expansion_subpixel__bias"


@pytest.mark.parametrize(
    ("variables", "options", "message"),
    [
        (
            {"a": np.zeros(2), "b": np.zeros(3)},
            [],
            r"no checkpoint of the release: it lacks inpaint_net/conv1/kernel, and",
        ),
        (changed(), ["--model=srn-hr"], r"--model is srn-hr, but the variables are those of srn: feature expansion is"),
        (changed(), ["--ratio=3x3"], r"--ratio is 3x3; these variables take 1x4, 2x2, 4x1"),
        (changed(inpaint_net__conv3__bias=None), [], r"the generator is incomplete: it lacks fen.conv3.bias"),
        (
            changed(inpaint_net__conv3__kernel=np.zeros((3, 3, 8, 16), np.float32)),
            [],
            r"inpaint_net/conv3/kernel has shape \(3, 3, 8, 16\); beside the others it takes \(3, 3, 16, 16\)",
        ),
        (
            changed(inpaint_net__conv99__bias=np.zeros(3, np.float32)),
            [],
            r"the generator has inpaint_net/conv99/bias, which",
        ),
        (
            changed(inpaint_net__feat_expansion_fourier__bias=np.zeros(3, np.float32)),
            [],
            r"the feature expansion is fourier, subpixel; known are subpixel, deconv, bilinear-conv, unfold",
        ),
        (
            changed(**{EXPANSION: np.zeros(72, np.float32)}),
            [],
            r"9 times the picture, which may be 1x9, 3x3, 9x1",
        ),
        (
            changed(inpaint_net__conv3__bias=np.full(16, np.nan, np.float32)),
            [],
            r"inpaint_net/conv3/bias holds values that are NaN or infinite: its training diverged",
        ),
        (
            training_checkpoint() | {"inpaint_net/conv3/bias/Adam": np.zeros(3, np.float32)},
            [],
            r"inpaint_net/conv3/bias/Adam has shape \(3,\), its variable another",
        ),
        (changed(), ["--known=30x32"], r"--known is 30x32; its sides are multiples of 4"),
        (changed(inpaint_net__feat_expansion_subpixel__bias=None), [], r"which may be none: give --ratio"),
        (changed(inpaint_net__conv1__kernel=np.zeros((5, 5, 3, 0), np.float32)), [], r"lacks inpaint_net/conv1/kernel"),
        (
            changed(discriminator__D_global__conv1__kernel=np.zeros((), np.float32)),
            [],
            r"the critics are incomplete: discriminator/D_global/conv1/kernel is missing, or empty",
        ),
        (changed(), ["--rho=2"], r"--rho is 2.0; it takes a number in \[0, 1\]"),
        (
            {n: v for n, v in training_checkpoint().items() if n != "discriminator/dout_global_fc/kernel"},
            [],
            r"the critics are incomplete: discriminator/dout_global_fc/kernel is missing, or empty",
        ),
        (
            training_checkpoint(),
            ["--known=64x64"],
            r"64x64 on a canvas of 128x128 does not fit the global critic, whose",
        ),
        (training_checkpoint(-3), [], r"beta2_power is 1.2\d*, no power of the release's beta2, 0.9"),
    ],
)
def test_what_is_no_checkpoint_of_the_release_is_refused_in_one_line(tmp_path, capsys, variables, options, message):
    with pytest.raises(SystemExit) as stopped:
        convert(tmp_path, variables, *options)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(message, error), error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tf"]


def test_nothing_is_replaced(tmp_path, capsys):
    (tmp_path / "converted").mkdir()
    (tmp_path / "converted" / "mine.txt").write_text("kept")
    with pytest.raises(SystemExit):
        convert(tmp_path, golden_cases.load("c1_srn_subpixel").weights)
    assert "converted exists; give the name of a new folder" in capsys.readouterr().err
    assert (tmp_path / "converted" / "mine.txt").read_text() == "kept"


def test_what_was_converted_is_no_workdir(tmp_path):
    folder = convert(tmp_path, golden_cases.load("c1_srn_subpixel").weights)
    with pytest.raises(
        srn_jax.InputError, match=r"holds checkpoints but no config.json: .* give --config.run.start_from="
    ):
        workdir.claim(folder, tiny_release_config(), {})
    assert [path.name for path in folder.iterdir()] == ["checkpoints"]


def test_an_output_that_cannot_be_is_refused(tmp_path, capsys):
    bundle_writer.write(tmp_path / "snap", golden_cases.load("c1_srn_subpixel").weights)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        main([f"--tf-checkpoint={tmp_path / 'snap'}", f"--output={tmp_path / 'file' / 'x'}"])
    assert f"x cannot be made: it lies below the file {tmp_path / 'file'}" in capsys.readouterr().err


def test_the_current_folder_is_a_name_too(tmp_path, monkeypatch, capsys):
    bundle_writer.write(tmp_path / "snap", golden_cases.load("c1_srn_subpixel").weights)
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    main(["--tf-checkpoint=../snap", "--output=."])
    assert srn_jax.load_generator(tmp_path / "a b").canvas == (256, 256)
    main(["--tf-checkpoint=../snap", f"--output={tmp_path / 'c d'}"])
    assert f"--checkpoint '{tmp_path / 'c d'}' --input" in capsys.readouterr().out


@pytest.mark.parametrize("size", ["64", "0x4", "1e400x4", "99999999999999999999x4"])
def test_a_size_that_is_none_is_refused(capsys, size):
    with pytest.raises(SystemExit):
        main(["--tf-checkpoint=x", "--output=y", f"--known={size}"])
    assert f"'{size}' is not HEIGHTxWIDTH, such as 2x2 or 128x128" in capsys.readouterr().err


def test_known_size_and_placement_are_kept(tmp_path):
    weights = golden_cases.load("c4_srn_onesided").weights
    generator = srn_jax.load_generator(convert(tmp_path, weights, "--ratio=4x1"))
    assert (generator.known, generator.canvas, generator.placement) == ((64, 128), (256, 128), "top")
    assert placement.PLACEMENTS.keys() >= {"top", "random"}
    asked = ["--ratio=2x2", "--known=32x40", "--placement=center"]
    generator = srn_jax.load_generator(convert(tmp_path / "asked", weights, *asked))
    assert (generator.known, generator.canvas, generator.placement) == ((32, 40), (64, 80), "center")
