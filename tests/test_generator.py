"""Trained generators: saved by training, loaded by users, and every way in which that can go wrong."""

import json
import shutil
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from srn_jax import SRN, SRNHR, Generator, InputError, load_generator
from srn_jax.config import Run
from srn_jax.generators.generator import architecture, from_architecture
from srn_jax.generators.seal import seal
from srn_jax.generators.writing import write_checkpoint
from srn_jax.models.layers import parameter_shapes
from srn_jax.train.checkpoint import Checkpoints, shapes_of
from srn_jax.train.divergence import DivergedError, refuse_collapse
from srn_jax.train.state import TrainState


def tiny_generator(
    model: nn.Module, known: tuple[int, int], canvas: tuple[int, int], margins: str = "random", seed: int = 0
) -> Generator:
    """Returns a generator whose predictions vary widely; drawn with NumPy, since `init` takes long to compile."""
    rng = np.random.default_rng(seed)

    def draw(shape: jax.ShapeDtypeStruct) -> jax.Array:
        deviation = np.sqrt(2.0 / np.prod(shape.shape[:-1])) if len(shape.shape) > 1 else 0.1
        return jnp.asarray(rng.normal(0.0, deviation, shape.shape), jnp.float32)

    return Generator(jax.tree.map(draw, parameter_shapes(model)), model, known, canvas, margins)


def tiny_state(generator: Generator, step: int) -> TrainState:
    """Returns a state whose average is `generator`'s parameters, and whose other parts differ from them."""
    number = jnp.asarray(step, jnp.int32)
    params = jax.tree.map(lambda x: jnp.asarray(np.asarray(x) + 1), generator.params)
    return TrainState(
        step=number,
        updates=number + 1,
        key=jax.random.key(step),
        params=params,
        average=generator.params,
        critics={"global": jnp.arange(3.0)},
        adam_generator=jnp.arange(4.0),
        adam_critics=jnp.arange(5.0),
    )


def save(workdir: Path, generator: Generator, *steps: int) -> Path:
    """Saves `generator` at each of `steps`, its parameters multiplied by the step's place; returns `workdir`."""
    checkpoints = Checkpoints(workdir, Run(keep_newest=len(steps)))
    for place, step in enumerate(steps, start=1):
        scaled = jax.tree.map(lambda x, place=place: jnp.asarray(place * np.asarray(x)), generator)
        checkpoints.save(tiny_state(scaled, step), scaled, None)
    checkpoints.close()
    return workdir


def assert_same(actual, expected) -> None:
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24), "top")


@pytest.fixture(scope="module")
def workdir(generator, tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), generator, 9, 10)  # as text, 9 would come last


@pytest.fixture
def damaged(workdir, tmp_path) -> Path:
    """A copy of the newest checkpoint, to be damaged."""
    return Path(shutil.copytree(workdir / "checkpoints" / "10", tmp_path / "checkpoint"))


@pytest.mark.parametrize(
    "model",
    [
        SRN((1, 2), width=4, expansion="deconv", normalization="release", rho=0.25),
        SRN((4, 1), width=2, expansion="unfold", normalization="none", rho=0.0),
        SRNHR(width=4, normalization="release", rho=1.0),
    ],
    ids=lambda model: f"{type(model).__name__}-{getattr(model, 'expansion', '')}",
)
def test_any_variant_comes_back_as_it_was_saved(model, tmp_path):
    r1, r2 = getattr(model, "ratio", (2, 3))
    saved = tiny_generator(model, (8, 12), (8 * r1, 12 * r2), "center")
    loaded = load_generator(save(tmp_path, saved, 1))
    assert (loaded.model, loaded.known, loaded.canvas) == (saved.model, saved.known, saved.canvas)
    assert loaded.placement == "center"
    assert_same(loaded, saved)


@pytest.mark.parametrize("inner", ["", "checkpoints", "checkpoints/10"])
@pytest.mark.parametrize("kind", [str, Path])
def test_newest_is_loaded(generator, workdir, inner, kind):
    assert_same(
        load_generator(kind(workdir / inner)).params, jax.tree.map(lambda x: 2 * np.asarray(x), generator.params)
    )


def test_a_damaged_newest_is_named_and_the_one_before_is_taken(generator, workdir, tmp_path, caplog):
    copy = Path(shutil.copytree(workdir, tmp_path / "copy"))
    garble(copy / "checkpoints" / "10" / "architecture" / "metadata")
    assert_same(load_generator(copy).params, generator.params)
    assert "checkpoints/10 is damaged, the one before is taken: " in caplog.text
    with pytest.raises(InputError, match="checkpoints/10 cannot be read, files are missing or damaged: "):
        load_generator(copy / "checkpoints" / "10")


def test_one_checkpoint_is_loaded(generator, workdir):
    assert_same(load_generator(workdir / "checkpoints" / "9").params, generator.params)


def test_paths_may_be_relative_or_below_home(generator, workdir, monkeypatch):
    monkeypatch.chdir(workdir.parent)
    monkeypatch.setenv("HOME", str(workdir))
    for path in (workdir.name, "~/checkpoints"):
        assert load_generator(path).canvas == generator.canvas


def test_parameters_lie_on_one_device(workdir):
    devices = {device for leaf in jax.tree.leaves(load_generator(workdir)) for device in leaf.devices()}
    assert devices == {jax.local_devices()[0]}


@pytest.mark.slow
def test_parameters_saved_from_several_devices_come_back(generator, tmp_path):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    assert len(everywhere.device_set) > 1
    state = tiny_state(generator, 3)
    checkpoints = Checkpoints(tmp_path, Run())
    checkpoints.save(state.replace(average=jax.device_put(state.average, everywhere)), generator, None)
    checkpoints.close()
    assert_same(load_generator(tmp_path), generator)


def test_whole_state_is_restored(generator, tmp_path):
    state = tiny_state(generator, 7)
    before = Checkpoints(tmp_path, Run())
    assert before.newest is None
    assert before.restore(shapes_of(state)) is None
    before.save(state, generator, {"psnr_unknown": 1.0})
    before.close()
    after = Checkpoints(tmp_path, Run())
    assert after.newest == tmp_path / "checkpoints" / "7"
    restored = after.restore(shapes_of(state))
    after.close()
    assert restored is not None
    assert_same(jax.random.key_data(restored.key), jax.random.key_data(state.key))
    assert_same(vars(restored) | {"key": 0}, vars(state) | {"key": 0})


def test_newest_and_best_are_kept(generator, tmp_path):
    checkpoints = Checkpoints(tmp_path, Run(keep_newest=1, keep_best=1))
    for step, score in enumerate((1.0, 9.0, 2.0, 3.0), start=1):
        checkpoints.save(tiny_state(generator, step), generator, {"psnr_unknown": score})
    checkpoints.close()
    assert sorted(folder.name for folder in (tmp_path / "checkpoints").iterdir()) == ["2", "4"]
    assert checkpoints.newest == tmp_path / "checkpoints" / "4"
    assert checkpoints.best == (9.0, str(tmp_path / "checkpoints" / "2"))
    refuse_collapse(5, 6.1, checkpoints)
    message = f"step 5: .* from 9.00 to 5.90 dB, .* --config.run.start_from={tmp_path}/checkpoints/2 "
    with pytest.raises(DivergedError, match=message):
        refuse_collapse(5, 5.9, checkpoints)


def test_a_save_that_is_interrupted_leaves_nothing(generator, tmp_path, monkeypatch):
    there = []

    def interrupt(*given):
        there.extend(tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(ocp.CompositeCheckpointHandler, "finalize", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path / "model", generator, None)
    assert len(there) == 1  # what orbax would have renamed
    assert not list(tmp_path.iterdir())


def test_architecture_survives_json(generator):
    again = from_architecture(json.loads(json.dumps(architecture(generator))))
    assert again.replace(params=None) == generator.replace(params=None)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), again.params) == jax.tree.map(
        lambda x: (x.shape, x.dtype), generator.params
    )


def test_generator_is_a_pytree_that_knows_its_architecture(generator):
    half = jax.tree.map(lambda x: np.asarray(x, jnp.bfloat16), generator)
    assert half.replace(params=None) == generator.replace(params=None)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "no checkpoint at .*nowhere: there is no such folder"),
        ([], "nowhere is no checkpoint, and no workdir of a run: it holds no checkpoints/STEP"),
        (["checkpoints"], "it holds no checkpoints/STEP"),
        (["checkpoints/12.orbax-checkpoint-tmp-3/generator", "notes"], "it holds no checkpoints/STEP"),
        (["generator"], "checkpoint .*nowhere is incomplete: it lacks architecture"),
        (["architecture"], "is incomplete: it lacks generator"),
        (["checkpoints/12"], "checkpoint .*/12 is incomplete: it lacks generator and architecture"),
        (["generator", "architecture"], "checkpoint .*nowhere cannot be read, files are missing or damaged: "),
    ],
)
def test_no_checkpoint_is_reported(make, message, tmp_path):
    folder = tmp_path / "nowhere"
    for name in [] if make is None else [".", *make]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match=message) as caught:
        load_generator(folder)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_checkpoint(tmp_path):
    (tmp_path / "weights.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"no checkpoint at .*weights\.npz"):
        load_generator(tmp_path / "weights.npz")


def delete(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garble(file: Path) -> None:
    file.write_bytes(np.random.default_rng(0).bytes(file.stat().st_size))


@pytest.mark.parametrize("damage", [delete, empty, truncate, garble])
@pytest.mark.parametrize(
    "inner",
    [
        "architecture/metadata",
        "generator/manifest.ocdbt",
        "generator/d/*",
        "generator/ocdbt.process_0/d/*",
    ],
)
def test_damaged_file_is_reported(inner, damage, damaged, capfd):
    files = list(damaged.glob(inner))
    assert files
    for file in files:
        damage(file)
    with pytest.raises(InputError, match=f"{damaged} cannot be read, files are missing or damaged: .") as caught:
        load_generator(damaged)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def describe(folder: Path, **changes: object) -> None:
    """Rewrites the checkpoint's description; "model.x" changes the model's, None deletes."""
    file = folder / "architecture" / "metadata"
    description = json.loads(file.read_text())
    for name, value in changes.items():
        part = description["model"] if name in ("name", "width", "ratio", "expansion", "colour") else description
        part.update({name: value})
        if value is None:
            del part[name]
    file.write_text(json.dumps(description))
    seal(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "gan"}, "the checkpoint's model is 'gan'; it takes one of 'srn', 'srn_hr'"),
        ({"expansion": "magic"}, "expansion is 'magic'; it takes one of 'subpixel', "),
        ({"colour": 1}, "cannot be read.*colour"),
        ({"canvas": None}, "cannot be read.*canvas"),
        ({"model": None}, "cannot be read.*model"),
        ({"width": 8}, "checkpoint .* (cannot be read|does not fit)"),
        ({"name": "srn_hr"}, "cannot be read"),
    ],
)
def test_description_that_does_not_fit_is_reported(changes, message, damaged):
    describe(damaged, **changes)
    with pytest.raises(InputError, match=message) as caught:
        load_generator(damaged)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inner", ["state", "_CHECKPOINT_METADATA"])
def test_what_inference_needs_not_may_be_missing(inner, damaged, workdir):
    path = damaged / inner
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert_same(load_generator(damaged), load_generator(workdir))


def test_unfinished_save_is_passed_over(workdir, tmp_path, generator):
    run = shutil.copytree(workdir, tmp_path / "run")
    (run / "checkpoints" / "11.orbax-checkpoint-tmp").mkdir()
    (run / "checkpoints" / "99").write_text("a file, no checkpoint")
    assert_same(load_generator(run), load_generator(workdir))


@pytest.mark.parametrize("path", [None, 3, b"runs", ["runs"]])
def test_what_is_no_path_is_refused(path):
    unchecked = load_generator.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]  # users run without the tests' types
    with pytest.raises(InputError, match=r"^path is .*; it takes a run's workdir, one checkpoint, or a bundled model"):
        unchecked(path)
