"""`python -m srn_jax.export`: every format, what programs without this library make of it, and what goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import google_crc32c
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export as jax_export
from PIL import Image
from safetensors.numpy import load, save

import srn_jax
from srn_jax import SRN, SRNHR, Generator, InputError, extrapolate, load_generator
from srn_jax.export.__main__ import main
from srn_jax.export.formats import FORMATS
from srn_jax.generators import safetensors_file
from srn_jax.generators.generator import architecture
from srn_jax.geometry import unknown_mask
from srn_jax.models.baselines import CA, ED
from tests import test_generator
from tests.programs import ended
from tests.test_generator import assert_same, garble, tiny_generator, truncate
from tests.tiers import slow_but

ROOT = Path(srn_jax.__file__).parent.parent
SIZED = ("onnx", "stablehlo")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return test_generator.save(
        tmp_path_factory.mktemp("run"), tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24)), 1, 2
    )


def test_an_export_is_the_generator_alone(capsys, workdir, tmp_path):
    output = tmp_path / "mine"
    main(["--checkpoint", str(workdir), "--output", str(output)])
    assert re.fullmatch(rf"wrote {output}, SRN, [\d,]+ parameters, [\d.]+ MB\n", capsys.readouterr().out)
    before, after = load_generator(workdir), load_generator(output)
    assert (after.model, after.known, after.canvas, after.placement) == (
        *(before.model, before.known, before.canvas, before.placement),
    )
    jax.tree.map(np.testing.assert_array_equal, before.params, after.params)
    assert {path.name for path in output.iterdir() if path.is_dir()} == {"generator", "architecture"}
    assert not any(str(tmp_path).encode() in file.read_bytes() for file in output.rglob("*") if file.is_file())


def test_half_the_size_keeps_three_digits_and_loads_as_float32(workdir, tmp_path):
    for name, more in (("whole", []), ("half", ["--half"])):
        main(["--checkpoint", str(workdir), *more, "--output", str(tmp_path / name)])
    whole, half = (load_generator(tmp_path / name) for name in ("whole", "half"))
    for a, b in zip(jax.tree.leaves(whole.params), jax.tree.leaves(half.params), strict=True):
        assert b.dtype == np.float32
        np.testing.assert_array_equal(b, np.float32(np.float16(a)))
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7)
    arrays = [sum(f.stat().st_size for f in (tmp_path / n / "generator").rglob("d/*")) for n in ("whole", "half")]
    assert arrays[1] < 0.7 * arrays[0]


def test_a_blend_lies_between_two_models(workdir, tmp_path):
    sharp = test_generator.save(tmp_path / "sharp", tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24), seed=1), 7)
    main(["--checkpoint", str(workdir), "--blend", str(sharp), "0.75", "--output", str(tmp_path / "mine")])
    first, second, mine = map(load_generator, (workdir, sharp, tmp_path / "mine"))
    jax.tree.map(
        lambda a, b, c: np.testing.assert_allclose(c, 0.25 * a + 0.75 * b, rtol=1e-6, atol=1e-7),
        *(first.params, second.params, mine.params),
    )


@pytest.mark.parametrize(
    ("share", "width", "message"),
    [
        ("1.5", 4, r"--blend has the share '1.5'; it takes a number in 0\.\.1"),
        ("much", 4, "--blend has the share 'much'"),
        ("nan", 4, "--blend has the share 'nan'"),
        ("0.5", 8, r"--blend .*sharp is .*'width': 8.*; it takes a model like that of --checkpoint, .*'width': 4"),
    ],
)
def test_a_blend_that_cannot_be(capsys, workdir, tmp_path, share, width, message):
    sharp = test_generator.save(tmp_path / "sharp", tiny_generator(SRN((2, 2), width=width), (8, 12), (16, 24)), 7)
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(workdir), "--blend", str(sharp), share, "--output", str(tmp_path / "mine")])
    line = capsys.readouterr().err
    assert re.fullmatch(f"error: {message}.*\n", line)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("checkpoint", "output", "message"),
    [("none", "new", "no checkpoint at .*none"), (None, "there", "there exists; give the name of a new folder")],
)
def test_what_cannot_be_exported_leaves_nothing(capsys, workdir, tmp_path, monkeypatch, checkpoint, output, message):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("there/precious").touch()
    with pytest.raises(SystemExit):
        main(["--checkpoint", checkpoint or str(workdir), "--output", output])
    line = capsys.readouterr().err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    assert re.search(message, line)
    assert sorted(str(path) for path in Path().rglob("*")) == ["there", "there/precious"]


def test_generators_in_the_box_are_loaded_by_name(capsys, workdir, tmp_path, monkeypatch):
    monkeypatch.setattr("srn_jax.generators.bundled._FOLDER", tmp_path)
    for name in ("birds", "garments"):
        main(["--checkpoint", str(workdir), "--output", str(tmp_path / name)])
    capsys.readouterr()
    jax.tree.map(np.testing.assert_array_equal, load_generator("birds").params, load_generator(workdir).params)
    with pytest.raises(InputError, match=r"there is no such folder, nor a bundled model \(birds, garments\)"):
        load_generator("fish")


def test_weights_beyond_half_precision_are_refused_and_named(tmp_path, capsys):
    generator = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    leaves, tree = jax.tree.flatten(generator.params)
    leaves[0] = leaves[0].at[(0,) * leaves[0].ndim].set(-70_000.0)
    source = test_generator.save(tmp_path, generator.replace(params=jax.tree.unflatten(tree, leaves)), 1)
    arguments = ["--checkpoint", str(source), "--half", "--output", str(tmp_path / "half")]
    with pytest.raises(SystemExit):
        main(arguments)
    line = capsys.readouterr().err
    assert re.fullmatch(r"error: --half: \S+ has 1 weights beyond float16, such as 70000; .* 65,504: .*\n", line)
    assert not (tmp_path / "half").exists()
    leaves[0] = leaves[0].at[(0,) * leaves[0].ndim].set(-65_504.0)
    source = test_generator.save(tmp_path / "other", generator.replace(params=jax.tree.unflatten(tree, leaves)), 1)
    main(["--checkpoint", str(source), *arguments[2:]])
    assert (tmp_path / "half").is_dir()


NETWORKS = {
    "srn": SRN((2, 2), width=4),
    "release": SRN((2, 3), width=4, expansion="subpixel_reshape", normalization="release"),
    "unfold": SRN((2, 3), width=4, expansion="unfold", normalization="none"),
    "deconv": SRN((4, 3), width=4, expansion="deconv"),
    "bilinear": SRN((2, 3), width=4, expansion="bilinear"),
    "hr": SRNHR(width=4),
    "ed": ED(4),
    "ca": CA(4),
}
CANVAS = (16, 24)


def network(name: str) -> Generator:
    model = NETWORKS[name]
    r1, r2 = getattr(model, "ratio", (2, 3))
    return tiny_generator(model, (CANVAS[0] // r1, CANVAS[1] // r2), CANVAS)


def pictures(generator: Generator, *, gap: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Returns three random canvases in [0, 1] and their masks, each with another offset; or with its halves apart."""
    rng = np.random.default_rng(0)
    (height, width), (rows, columns) = generator.canvas, generator.known
    image = rng.uniform(0.0, 1.0, (3, height, width, 3)).astype(np.float32)
    left = [0, 0, 0] if gap else rng.permutation(width - columns + 1)[:3]
    offset = np.stack([rng.permutation(height - rows + 1)[:3], left], axis=1).astype(np.int32)
    mask = np.asarray(unknown_mask(jnp.asarray(offset), CANVAS, generator.known, (width - columns) * gap))
    return image, mask[..., 0] > 0.5


def run_onnx(path: Path, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (canvas,) = session.run(None, {"image": image, "mask": mask})
    return canvas


def run_stablehlo(path: Path, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray(jax_export.deserialize(bytearray(path.read_bytes())).call(image, mask))


RUN = {"onnx": run_onnx, "stablehlo": run_stablehlo}


def write(kind: str, path: Path, generator: Generator) -> Path:
    if kind == "onnx":
        pytest.importorskip("onnx")
    FORMATS[kind].write(path, generator, generator.canvas)
    return path


def assert_paints_alike(kind: str, path: Path, generator: Generator) -> None:
    for gap in (False, True) if generator.known[1] == 8 else (False,):
        image, mask = pictures(generator, gap=gap)
        expected = extrapolate(generator, image, mask)
        for count in (3, 1):
            canvas = RUN[kind](path, image[:count], mask[:count])
            np.testing.assert_allclose(canvas, expected[:count], atol=1e-5)
            np.testing.assert_array_equal(canvas[~mask[:count]], image[:count][~mask[:count]])
        assert np.ptp(canvas[mask[:1]]) > 0.1


@pytest.mark.parametrize("kind", slow_but(["stablehlo"], SIZED))
def test_other_programs_paint_what_extrapolate_does(kind, tmp_path):
    generator = network("srn")
    assert_paints_alike(kind, write(kind, tmp_path / "model", generator), generator)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIZED)
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "srn"])
def test_other_programs_paint_with_every_network(kind, name, tmp_path):
    generator = network(name)
    assert_paints_alike(kind, write(kind, tmp_path / "model", generator), generator)


@pytest.mark.parametrize("kind", slow_but(["stablehlo"], SIZED))
def test_half_the_size_in_other_formats(kind, tmp_path):
    generator = tiny_generator(ED(8), (8, 8), CANVAS)
    halved = generator.replace(params=jax.tree.map(lambda leaf: np.asarray(leaf, np.float16), generator.params))
    rounded = halved.replace(params=jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), halved.params))
    whole, half = (write(kind, tmp_path / name, g) for name, g in (("whole", generator), ("half", halved)))
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    image, mask = pictures(generator)
    np.testing.assert_allclose(RUN[kind](half, image, mask), extrapolate(rounded, image, mask), atol=1e-5)


def test_what_lies_under_the_mask_does_not_matter(tmp_path):
    generator = network("ed")
    path = write("onnx", tmp_path / "model.onnx", generator)
    image, mask = pictures(generator)
    unknown = np.where(mask[..., None], np.float32(np.nan), image)
    np.testing.assert_array_equal(run_onnx(path, unknown, mask), run_onnx(path, image, mask))


def test_what_is_written_does_not_depend_on_the_backend_that_writes(monkeypatch, tmp_path):
    generator = network("ed")
    here = jax_export.deserialize(bytearray(write("stablehlo", tmp_path / "here", generator).read_bytes()))
    monkeypatch.setattr("srn_jax.programs.backend.jax.default_backend", lambda: "gpu")
    there = jax_export.deserialize(bytearray(write("stablehlo", tmp_path / "there", generator).read_bytes()))
    assert here.platforms == ("cpu", "cuda", "tpu")
    assert here.mlir_module() == there.mlir_module()
    assert str(ROOT).encode() not in (tmp_path / "here").read_bytes()


def test_an_operation_without_a_node_is_named(monkeypatch, tmp_path):
    pytest.importorskip("onnx")
    monkeypatch.setattr("srn_jax.generators.onnx_file.OPERATIONS", {})
    with pytest.raises(InputError, match=r"^--format onnx: jax \S+ makes of this network an operation '\w+' for which"):
        write("onnx", tmp_path / "model.onnx", network("ed"))


@pytest.mark.parametrize("half", [False, True])
def test_safetensors_come_back_as_the_same_generator(workdir, tmp_path, half, capsys):
    output = tmp_path / "new" / "model.safetensors"
    more = ["--half"] if half else []
    status, out, err = ended(
        main, capsys, "--checkpoint", workdir, "--format", "safetensors", *more, "--output", output
    )
    assert (status, err) == (0, "")
    assert re.fullmatch(rf"wrote {output}, SRN, [\d,]+ parameters, [\d.]+ MB\n", out)
    before, after = load_generator(workdir), load_generator(output)
    assert after.replace(params=None) == before.replace(params=None)
    kept = jax.tree.map(lambda leaf: np.float32(np.float16(leaf)) if half else leaf, before.params)
    assert_same(after.params, kept)
    assert {leaf.dtype for leaf in jax.tree.leaves(after.params)} == {jnp.dtype(jnp.float32)}
    assert {array.dtype for array in load(output.read_bytes()).values()} == {
        np.dtype(np.float16 if half else np.float32)
    }
    assert [path.name for path in output.parent.iterdir()] == ["model.safetensors"]


@pytest.fixture(scope="module")
def tensors(tmp_path_factory) -> bytes:
    """The bytes of a small generator's file."""
    generator = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    path = tmp_path_factory.mktemp("tensors") / "model.safetensors"
    safetensors_file.write(path, generator)
    return path.read_bytes()


def read_damaged(tensors: bytes, path: Path, damage) -> str:
    path.write_bytes(tensors)
    damage(path)
    with pytest.raises(InputError) as caught:
        load_generator(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def flip_a_weight(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def cut_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_torch(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(1000))


@pytest.mark.parametrize("damage", [garble, truncate, empty, cut_the_header, flip_a_weight, of_torch])
def test_damaged_safetensors_are_reported(tensors, tmp_path, damage):
    line = read_damaged(tensors, tmp_path / "model.safetensors", damage)
    assert "it is damaged or no file of safetensors: " in line or "is damaged: its checksum is not" in line


def again(path: Path, change, described=None, *, sealed: bool = False) -> None:
    """Rewrites the file with other arrays, by name, or another description."""
    arrays = {name: np.array(array) for name, array in load(path.read_bytes()).items()}
    if change:
        change(arrays)
    generator = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    text = json.dumps(architecture(generator)) if described is None else described
    metadata = {"architecture": text} if text else {}
    if sealed:
        checksum = google_crc32c.Checksum()
        for name in sorted(arrays):
            checksum.update(arrays[name].tobytes())
        metadata["crc32c"] = checksum.hexdigest().decode()
    path.write_bytes(save(arrays, metadata))


KERNEL = "fen.conv1.kernel"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop(KERNEL), rf"{KERNEL} is missing, not of shape \(5, 5, 3, 4\), float32 or float16$"),
        (lambda arrays: arrays.update(extra=np.zeros(3)), r"extra is of shape \(3,\), float64, and no part of it$"),
        (lambda arrays: arrays.update({KERNEL: arrays[KERNEL][:3]}), rf"{KERNEL} is of shape \(3, 5, 3, 4\), float32"),
        (lambda arrays: arrays.update({KERNEL: np.zeros((5, 5, 3, 4), np.int32)}), rf"{KERNEL} is .*, int32, not of"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tensors, tmp_path, change, message):
    line = read_damaged(tensors, tmp_path / "model.safetensors", lambda path: again(path, change, sealed=True))
    assert re.search(rf"does not fit its own description: {message}", line)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("", r"is of no generator: its metadata hold no 'architecture', as those of an export do"),
        ("{", "is damaged: its metadata describe no generator: "),
        ("[]", "is damaged: its metadata describe no generator: "),
        ('{"model": NaN}', "is damaged: its metadata describe no generator: it holds NaN"),
        ('{"model": {"name": "srn", "width": 4}, "known": [8, 12], "canvas": [16], "placement": "top"}', "canvas is"),
        ("[" * 100_000, "is damaged: its metadata describe no generator: "),
    ],
)
def test_descriptions_of_no_generator_are_reported(tensors, tmp_path, described, message):
    line = read_damaged(tensors, tmp_path / "model.safetensors", lambda path: again(path, None, described))
    assert re.search(message, line)


def test_a_model_that_is_none_of_ours_is_reported(tensors, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensors)
    again(path, None, '{"model": {"name": "gan"}, "known": [8, 12], "canvas": [16, 24], "placement": "top"}')
    with pytest.raises(InputError, match="the checkpoint's model is 'gan'; it takes one of 'srn', "):
        load_generator(path)


def test_safetensors_without_a_checksum_are_read(tensors, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensors)
    expected = load_generator(path)
    again(path, None)
    assert_same(load_generator(path), expected)


def test_safetensors_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"^no checkpoint at .*none\.safetensors: there is no such file$"):
        load_generator(tmp_path / "none.safetensors")


def test_what_is_not_installed_is_named(monkeypatch, workdir, tmp_path, tensors, capsys):
    for kind, (library, _) in ((kind, form.library) for kind, form in FORMATS.items() if form.library):
        monkeypatch.setitem(sys.modules, library, None)
        output = tmp_path / f"model.{kind}"
        status, _, err = ended(main, capsys, "--checkpoint", workdir, "--format", kind, "--output", output)
        assert status == 2
        assert re.match(rf"error: --format {kind} needs the package {library}: pip install {library} \(.*\)\n$", err)
        assert not output.exists()
    (tmp_path / "there.safetensors").write_bytes(tensors)
    with pytest.raises(InputError, match=r"needs the package safetensors: pip install safetensors$"):
        load_generator(tmp_path / "there.safetensors")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--format onnx --output model", r"--output is 'model'; --format onnx takes a name that ends in \.onnx"),
        ("--format stablehlo --output model.onnx", r"--format stablehlo takes a name that ends in \.stablehlo"),
        ("--output model.onnx", "--output is 'model.onnx', and --format checkpoint makes a folder; add --format onnx"),
        ("--canvas 32x32 --output model", "--canvas goes with --format onnx or stablehlo; what --format checkpoint"),
        ("--format safetensors --canvas 32x32 --output m.safetensors", "--canvas goes with --format onnx or stablehlo"),
        ("--format onnx --canvas 32 --output m.onnx", "--canvas is '32'; it takes WxH in pixels, such as 512x256"),
        ("--format onnx --canvas 0x32 --output m.onnx", "--canvas is '0x32'; it takes WxH"),
        ("--format onnx --canvas 20x20 --output m.onnx", "--canvas is 20x20: a known picture of .*multiples of 4"),
        ("--format onnx --output there.onnx", "there.onnx exists; give the name of a new file"),
        ("--format safetensors --output there.onnx/m.safetensors", "cannot be made: it lies below the file .*there"),
        ("--format onnx --blend none 0.5 --output m.onnx", "no checkpoint at .*none"),
        ("--format pickle --output m", "argument --format: invalid choice: 'pickle'"),
    ],
)
def test_wrong_options_get_a_line_and_leave_nothing(capsys, workdir, tmp_path, monkeypatch, given, message):
    if "onnx" in given:
        pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").write_text("precious")
    status, _, err = ended(main, capsys, "--checkpoint", workdir, *given.split())
    assert status == 2
    assert err.count("\n") == 1
    assert re.search(message, err)
    assert [path.name for path in Path().iterdir()] == ["there.onnx"]
    assert Path("there.onnx").read_text() == "precious"


def test_another_size_of_canvas(workdir, tmp_path, capsys):
    output = tmp_path / "model.stablehlo"
    given = "--checkpoint", workdir, "--format", "stablehlo", "--canvas", "48x32", "--output", output
    status, out, _ = ended(main, capsys, *given)
    assert status == 0
    assert out.endswith("MB, canvases of 48x32 (width x height)\n")
    assert jax_export.deserialize(bytearray(output.read_bytes())).in_avals[0].shape[1:] == (32, 48, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("no"), OSError(28, "No space left on device")])
def test_what_is_broken_off_leaves_nothing(capsys, workdir, tmp_path, monkeypatch, error):
    def half_of_it(path: Path, *_) -> None:
        path.write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(safetensors_file, "write", half_of_it)
    given = ["--checkpoint", str(workdir), "--format", "safetensors", "--output", str(tmp_path / "new/m.safetensors")]
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        main(given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("wait", [4.0, 8.0])
def test_ctrl_c_leaves_nothing(tmp_path, wait):
    command = [sys.executable, "-m", "srn_jax.export", "--format", "stablehlo", "--output", f"{tmp_path}/m.stablehlo"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode in (0, 1, -signal.SIGINT)
    assert err in ("", "interrupted; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir()] == (["m.stablehlo"] if process.returncode == 0 else [])


def examples() -> dict[str, str]:
    """Returns the Python code of docs/export.md, by the format that it reads."""
    codes = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL | re.MULTILINE)
    return {kind: code for kind in FORMATS for code in codes if f".{kind}" in code}


@pytest.mark.parametrize("kind", [*SIZED, "safetensors"])
def test_the_examples_of_the_page_run_without_this_library(kind, tmp_path):
    generator = tiny_generator(SRN((2, 2), width=4), (64, 64), (128, 128))
    write(kind, tmp_path / f"scenes.{kind}", generator)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)).save(tmp_path / "photo.jpg")
    code = examples()[kind]
    (tmp_path / "example.py").write_text(f"{code}\nimport sys\nassert 'srn_jax' not in sys.modules\n")
    with_it = {"PYTHONPATH": str(ROOT)} if "srn_jax" in code else {}
    (tmp_path / "srn_jax.py").write_text("raise ImportError('this library')")  # found first, where it is looked for
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | with_it
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    if kind in SIZED:
        painted = np.asarray(Image.open(tmp_path / "wide.png"))
        known = np.asarray(Image.open(tmp_path / "photo.jpg").convert("RGB").resize((64, 64)))
        np.testing.assert_array_equal(painted[32:96, 32:96], known)
        assert painted.shape == (128, 128, 3)
        assert np.ptp(painted[:32]) > 20
