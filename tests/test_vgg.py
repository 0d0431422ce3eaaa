"""VGG-19's filters: every form of file gives the same features, and whatever else there is gets one line."""

import hashlib
import http.server
import os
import pickle
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io
from tqdm import tqdm

from srn_jax.errors import InputError
from srn_jax.models.layers import apply
from srn_jax.models.vgg19 import LAYERS, MEAN, VGG19, WIDTHS
from srn_jax.programs import files
from srn_jax.programs.lock import locked
from srn_jax.vgg import __main__ as program
from srn_jax.vgg import download as downloads
from srn_jax.vgg import load, torch_file
from srn_jax.vgg.formats import READERS, read
from srn_jax.vgg.recognise import FORMS
from srn_jax.vgg.weights import parameters
from tests import vgg_recipe
from tests.programs import ended

TINY = (2, 3, 2, 3, 2)
TORCH_MEAN, TORCH_DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
FILES = {
    "keras1_notop.h5": "Keras .h5",
    "keras2_top.h5": "Keras .h5",
    "keras2_model.h5": "Keras .h5",
    "keras3.weights.h5": "Keras .h5",
    "keras3_model.h5": "Keras .h5",
    "keras3.keras": "Keras .keras",
    "keras_names.npz": ".npz",
    "matconvnet.mat": "MatConvNet .mat",
    "matconvnet_old.mat": "MatConvNet .mat",
    "torch_zip.pth": "torchvision .pth",
    "torch_legacy.pth": "torchvision .pth",
    "torch_views_zip.pth": "torchvision .pth",
    "torch_views_legacy.pth": "torchvision .pth",
}
ONE_OF_EACH = (
    "keras1_notop.h5",
    "keras3.keras",
    "keras_names.npz",
    "matconvnet.mat",
    "torch_zip.pth",
    "torch_legacy.pth",
)
run_network = jax.jit(apply, static_argnums=0)  # compiled once for all files
PIXELS = np.random.RandomState(0).uniform(0, 255, (1, 32, 48, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """The folder of files that the real tools wrote, see golden/vgg/README.md."""
    folder = tmp_path_factory.mktemp("vgg")
    with zipfile.ZipFile(Path(__file__).parent / "golden" / "vgg" / "files.zip") as archive:
        archive.extractall(folder)
    return folder


def canonical() -> dict[str, Any]:
    """Returns the filters that all files hold, as for RGB of 0..255 minus the mean."""
    return vgg_recipe.parameters(22, TINY)


def refusal(path: Path | str) -> str:
    """Returns the one line that reading the file is refused with."""
    with pytest.raises(InputError) as caught:
        read(str(path))
    assert "\n" not in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    return str(caught.value)


# --- what the files hold ---


def test_there_is_a_file_of_every_form():
    assert set(FILES.values()) == set(FORMS) == set(READERS)


@pytest.mark.parametrize("name", FILES)
def test_every_file_gives_the_same_filters(made, name):
    filters = read(str(made / name))
    assert filters.form == FILES[name]
    mean = 255 * TORCH_MEAN if name.startswith("torch") else np.array(MEAN)
    np.testing.assert_allclose(filters.mean, mean)
    assert list(filters.layers) == list(LAYERS)
    # torch's first kernel was multiplied by 255 deviations and rounded; all else is exact.
    tolerance = 3e-7 if name.startswith("torch") else 0
    for layer, (kernel, bias) in filters.layers.items():
        assert (kernel.dtype, bias.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(kernel, canonical()[layer]["kernel"], rtol=tolerance)
        np.testing.assert_array_equal(bias, canonical()[layer]["bias"])


@pytest.mark.parametrize("name", FILES)
def test_every_file_gives_the_same_features(made, name):
    module = VGG19(layers=LAYERS, widths=TINY)
    expected = canonical()
    if name.startswith("torch"):
        expected["mean"] = (255 * TORCH_MEAN).astype(np.float32)
    loaded = parameters(read(str(made / name)), name, LAYERS, widths=TINY)
    features, wanted = (run_network(module, params, jnp.asarray(PIXELS)) for params in (loaded, expected))
    for layer in LAYERS:
        assert float(np.abs(wanted[layer]).max()) > 1  # something to compare
        np.testing.assert_allclose(features[layer], wanted[layer], rtol=1e-4, atol=1e-3)


def convolve(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Returns relu(image [h, w, in] * kernel HWIO + bias), zero-padded, tap by tap in float64."""
    height, width, _ = image.shape
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    result = np.zeros((height, width, kernel.shape[3])) + bias
    for row in range(3):
        for column in range(3):
            result += padded[row : row + height, column : column + width] @ kernel[row, column].astype(np.float64)
    return np.maximum(result, 0)


def as_keras(made: Path) -> np.ndarray:
    """Returns conv1_2's features by Keras' rules, from the file's own numbers: BGR minus its mean."""
    with h5py.File(made / "keras1_notop.h5") as tree:
        weights = [
            [np.array(tree[f"{name}/{name}_{part}_1:0"]) for part in "Wb"] for name in ("block1_conv1", "block1_conv2")
        ]
    image = PIXELS[0, ..., ::-1] - np.array([103.939, 116.779, 123.68])  # keras.applications.imagenet_utils
    return convolve(convolve(image, *weights[0]), *weights[1])


def as_matconvnet(made: Path) -> np.ndarray:
    """Returns conv1_2's features by MatConvNet's rules, from the file's own numbers: RGB minus its mean."""
    contents = scipy.io.loadmat(made / "matconvnet.mat", squeeze_me=True)
    image = PIXELS[0] - contents["meta"]["normalization"].item()["averageImage"].item()
    for place in (0, 2):
        image = convolve(image, *contents["layers"][place]["weights"].item())
    return image


def as_torchvision(made: Path) -> np.ndarray:
    """Returns conv1_2's features by torchvision's rules: ToTensor, Normalize, kernels OIHW, images CHW."""
    state = torch_file.read(str(made / "torch_zip.pth"))
    image = np.moveaxis((PIXELS[0] / 255 - TORCH_MEAN) / TORCH_DEVIATION, -1, 0)
    for place in (0, 2):
        kernel, bias = (state[f"features.{place}.{part}"].array() for part in ("weight", "bias"))
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # channel, y, x, row, column
        result = np.zeros((len(kernel), *image.shape[1:])) + bias[:, None, None]
        for out, inner in np.ndindex(kernel.shape[:2]):
            result[out] += (windows[inner] * kernel[out, inner]).sum(axis=(-2, -1))
        image = np.maximum(result, 0)
    return np.moveaxis(image, 0, -1)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [("keras1_notop.h5", as_keras), ("matconvnet.mat", as_matconvnet), ("torch_zip.pth", as_torchvision)],
)
def test_features_are_those_of_the_form_by_its_own_rules(made, name, oracle):
    loaded = parameters(read(str(made / name)), name, ("conv1_2",), widths=TINY)
    features = run_network(VGG19(layers=("conv1_2",), widths=TINY), loaded, jnp.asarray(PIXELS))["conv1_2"][0]
    np.testing.assert_allclose(features, oracle(made), rtol=1e-5, atol=1e-3)  # the border, too


def test_form_is_told_by_content_alone(made, tmp_path):
    for name in FILES:
        shutil.copy(made / name, tmp_path / "weights")
        assert read(str(tmp_path / "weights")).form == FILES[name]


# --- load: what VGG19 needs, of the right shapes ---


def save(path: Path, layers: tuple[str, ...], **changes: np.ndarray) -> tuple[str, dict[str, np.ndarray]]:
    """Writes full-size filters of `layers` as an .npz; returns its path and its arrays."""
    arrays, channels = {}, 3
    for layer in layers:
        width = WIDTHS[int(layer[4]) - 1]
        name = f"block{layer[4]}_conv{layer[6:]}"
        arrays[f"{name}.kernel"] = np.random.default_rng(channels).normal(size=(3, 3, channels, width)).astype("f4")
        arrays[f"{name}.bias"] = np.arange(width, dtype=np.float32)
        channels = width
    np.savez(path, **(arrays | changes))  # pyright: ignore[reportArgumentType]
    return str(path), arrays


def test_load_gives_what_the_module_needs(tmp_path):
    path, arrays = save(tmp_path / "vgg.npz", ("conv1_1", "conv1_2", "conv2_1"))
    loaded = load(path, ("conv1_2",))
    assert list(loaded) == ["mean", "conv1_1", "conv1_2"]
    np.testing.assert_array_equal(loaded["mean"], np.array(MEAN, np.float32))
    for colour in range(3):
        np.testing.assert_array_equal(
            loaded["conv1_1"]["kernel"][:, :, colour], arrays["block1_conv1.kernel"][:, :, 2 - colour]
        )
    np.testing.assert_array_equal(loaded["conv1_2"]["kernel"], arrays["block1_conv2.kernel"])
    features = apply(VGG19(layers=("conv1_2",)), loaded, jnp.zeros((1, 4, 6, 3)))
    assert features["conv1_2"].shape == (1, 4, 6, 64)


def test_load_expands_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "vgg.npz", ("conv1_1",))
    assert "conv1_1" in load("~/vgg.npz", ("conv1_1",))


def test_files_that_do_not_do_are_refused_in_one_line(tmp_path):
    path, _ = save(tmp_path / "vgg.npz", ("conv1_1", "conv1_2"))
    with pytest.raises(InputError, match=r"lacks conv2_1 \(block2_conv1\), needed for conv2_1"):
        load(path, ("conv2_1",))
    with pytest.raises(InputError, match=r"VGG-19 has no layer conv9_9; its layers are conv1_1"):
        load(path, ("conv9_9",))
    for nowhere in ("nowhere.npz", str(tmp_path)):
        with pytest.raises(InputError, match=rf"no VGG-19 weights at '{nowhere}': .*srn_jax.vgg --download.*'random'"):
            load(nowhere, ("conv1_1",))
    with pytest.raises(InputError, match=r"loss.vgg is empty"):
        load("", ("conv1_1",))


@pytest.mark.parametrize(
    ("part", "shape", "expected"),
    [
        ("block1_conv1.kernel", (3, 3, 3, 8), "(3, 3, 3, 64)"),
        ("block1_conv1.kernel", (64, 3, 3, 3), "(3, 3, 3, 64)"),
        ("block1_conv1.kernel", (3, 3, 1, 64), "(3, 3, 3, 64)"),
        ("block1_conv1.kernel", (64,), "(3, 3, 3, 64)"),
        ("block1_conv1.bias", (1, 64), "(64,)"),
        ("block1_conv2.kernel", (64, 64, 3, 3), "(3, 3, 64, 64)"),
    ],
)
def test_misshapen_filters_are_refused(tmp_path, part, shape, expected):
    path, _ = save(tmp_path / "wrong.npz", ("conv1_1", "conv1_2"), **{part: np.zeros(shape, np.float32)})
    with pytest.raises(InputError, match=re.escape(f"{part} has shape {shape}, VGG-19's has {expected}")):
        load(path, ("conv1_2",))


@pytest.mark.parametrize(("dtype", "value"), [("f4", np.nan), ("f4", np.inf), ("f8", 1e300)])
def test_filters_that_are_not_finite_are_refused(tmp_path, dtype, value):
    kernel = np.zeros((3, 3, 3, 64), dtype)
    kernel[2, 1, 0, 9] = value
    path, _ = save(tmp_path / "wrong.npz", ("conv1_1",), **{"block1_conv1.kernel": kernel})
    assert "block1_conv1 holds numbers that are not finite" in refusal(path)
    path, _ = save(tmp_path / "wrong.npz", ("conv1_1",), **{"block1_conv1.bias": np.full(64, value, dtype)})
    assert "block1_conv1 holds numbers that are not finite" in refusal(path)


def test_filters_of_vgg16_are_refused(tmp_path, made):
    held = tuple(layer for layer in LAYERS[:10] if layer != "conv3_4")
    path, _ = save(tmp_path / "vgg16.npz", held)
    with pytest.raises(InputError, match="has block4_conv2 but not block3_conv4: it is no VGG-19, VGG-16 perhaps"):
        load(path, ("conv3_2",))
    with pytest.raises(InputError, match=r"lacks conv3_4 \(block3_conv4\), needed for conv4_2"):
        load(path, ("conv4_2",))
    tensors = {f"features.{place}.bias": tensor(storage(), 0, (6,), (1,)) for place in (14, 17)}
    write_legacy(tmp_path / "vgg16.pth", state(**tensors), {"0": SIX})
    assert "has features.17, where VGG-19 has no convolution: it is VGG-16's file perhaps" in refusal(
        tmp_path / "vgg16.pth"
    )


# --- files that are none ---


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no archive", "is something else, it begins with b'no archi'"),
        (b"MATLAB 7.3 MAT-file" + 493 * b" " + b"\x89HDF\r\n\x1a\n", "is a .mat file of version 7.3; MATLAB's `save"),
        (b"\x93NUMPY\x01\x00", "is one array alone (.npy)"),
        (b"\x1f\x8b\x08", "is compressed with gzip; unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS; `git lfs pull` fetches"),
        (b"<!DOCTYPE html>", "is a web page, as servers send in place of a file"),
        (pickle.dumps({"features.0.weight": 1}), "is a Python pickle that torch.save did not write"),
        (8 * b"\x00" + b'{"features.0.weight"', "is a safetensors file"),
        (257 * b"\x00" + b"ustar", "is a tar archive, as PyTorch wrote before 2017"),
        (b"PK\x03\x04 and no more", "is a zip archive (.npz, .keras and .pth are such), damaged or cut short: "),
    ],
)  # fmt: skip
def test_other_files_are_named(tmp_path, content, message):
    (tmp_path / "file").write_bytes(content)
    line = refusal(tmp_path / "file")
    assert message in line
    assert line.endswith("; the forms that are read: Keras .h5, Keras .keras, .npz, MatConvNet .mat, torchvision .pth")


@pytest.mark.parametrize(("names", "what"), [(["word/document.xml"], "such as 'document.xml'"), ([], "something else")])
def test_other_archives_are_named(tmp_path, names, what):
    with zipfile.ZipFile(tmp_path / "file", "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    assert what in refusal(tmp_path / "file")


def test_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def denied(path: str) -> str:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("srn_jax.vgg.formats.recognise", denied)
    assert refusal(tmp_path / "file").endswith("cannot be read: Permission denied")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_truncated_files_are_refused(made, tmp_path, name, share):
    whole = (made / name).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
    line = refusal(tmp_path / "cut")
    assert "damaged or cut short" in line or "something else" in line


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_damaged_files_are_refused_or_read_whole(made, tmp_path, name):
    whole, random = (made / name).read_bytes(), np.random.RandomState(5)
    for _ in range(30):
        broken = bytearray(whole)
        start = random.randint(0, len(whole) - 64)
        broken[start : start + 64] = random.bytes(64)
        (tmp_path / "broken").write_bytes(broken)
        try:
            layers = read(str(tmp_path / "broken")).layers
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - not every damage can be seen
        else:
            assert all(np.isfinite(part).all() for parts in layers.values() for part in parts)


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("model.h5", "other", "is a Keras .h5 file without VGG-19's filters, such as block1_conv1"),
        ("arrays.npz", "other", "is a .npz file without VGG-19's filters, such as block1_conv1"),
        ("other.mat", "other", "is a .mat file without the cell `layers` that imagenet-vgg-verydeep-19.mat has"),
        ("dag.mat", "struct", "is a .mat file without the cell `layers`"),
        ("torch_kinds.pth", "", "is a torchvision .pth file without VGG-19's filters, such as features.0"),
        ("torch_kinds_legacy.pth", "", "is a torchvision .pth file without VGG-19's filters, such as features.0"),
        ("torch_bn.pth", "", "is a VGG with batch normalization (vgg19_bn); ID-MRF takes the plain vgg19"),
    ],
)
def test_files_of_other_things_are_refused(made, tmp_path, name, start, message):
    path = made / name if not start else tmp_path / name
    ones = np.ones((3, 3, 3, 2), np.float32)
    if name.endswith(".h5"):
        with h5py.File(path, "w") as tree:
            tree["conv/kernel:0"] = ones
    elif name.endswith(".npz"):
        np.savez(path, ones)
    elif name.endswith(".mat"):
        scipy.io.savemat(path, {"other": ones} if start == "other" else {"layers": {"name": "conv1_1"}})
    assert message in refusal(path)


def test_two_networks_in_one_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as tree:
        for root in ("first", "second"):
            tree[f"{root}/block1_conv1/kernel:0"] = np.ones((3, 3, 3, 2), np.float32)
    assert "holds block1_conv1.kernel twice, for two networks perhaps" in refusal(tmp_path / "two.h5")
    tensors = {f"{prefix}features.0.bias": tensor(storage(), 0, (6,), (1,)) for prefix in ("a.", "b.")}
    write_legacy(tmp_path / "two.pth", state(**tensors), {"0": SIX})
    assert "holds several networks, 'a.' and 'b.'; it takes a file of one" in refusal(tmp_path / "two.pth")


def test_what_is_no_number_is_refused(tmp_path):
    with h5py.File(tmp_path / "text.h5", "w") as tree:
        tree["block1_conv1/bias:0"] = np.array([b"one", b"two"])
    line = refusal(tmp_path / "text.h5")
    assert (
        "is no readable Keras .h5 file, it is damaged or cut short: block1_conv1.bias holds no numbers but |S3" in line
    )


def test_caffes_filters_in_pytorchs_form_are_refused(tmp_path):
    names = ("vgg.features.0.bias", "vgg.classifier.1.weight")
    write_legacy(tmp_path / "caffe.pth", state(**dict.fromkeys(names, tensor(storage(), 0, (6,), (1,)))), {"0": SIX})
    assert "is numbered as Caffe's filters in PyTorch's form are (vgg19-d01eb7cb.pth)" in refusal(
        tmp_path / "caffe.pth"
    )


# --- torch's files, opcode by opcode ---

SIX = np.arange(6, dtype="<f4")


def raw(value: object) -> bytes:
    """Returns the opcodes that put `value` on a pickle's stack."""
    return pickle.dumps(value, 2)[2:-1]


def storage(key: object = "0", count: int = 6, kind: str = "FloatStorage", view: object = None) -> bytes:
    return b"(" + raw("storage") + f"ctorch\n{kind}\n".encode() + b"".join(map(raw, (key, "cpu", count, view))) + b"tQ"


def tensor(storage: bytes, *view: object, rebuild: str = "_rebuild_tensor") -> bytes:
    return f"ctorch._utils\n{rebuild}\n".encode() + b"(" + storage + b"".join(map(raw, view)) + b"tR"


def state(**tensors: bytes) -> bytes:
    return b"}(" + b"".join(raw(name) + value for name, value in tensors.items()) + b"u"


def write_legacy(path: Path, body: bytes, storages: dict[str, np.ndarray], header: tuple | None = None) -> None:
    """Writes what torch.save wrote in 2017: five pickles, then each storage's count and bytes."""
    pickles = [pickle.dumps(value, 2) for value in header or (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    stream = b"".join(pickles) + b"\x80\x02" + body + b"." + pickle.dumps(list(storages), 2)
    path.write_bytes(stream + b"".join(struct.pack("<q", len(data)) + data.tobytes() for data in storages.values()))


@pytest.mark.parametrize("name", ["torch_kinds.pth", "torch_kinds_legacy.pth"])
def test_kinds_of_tensors(made, name):
    tensors = torch_file.read(str(made / name))
    expected = np.array([[1.5, -2.0], [0.25, 3.0]])
    for kind, dtype in (("half", "f2"), ("bfloat16", "f4"), ("double", "f8")):
        assert tensors[kind].array().dtype == dtype
        np.testing.assert_array_equal(tensors[kind].array(), expected)
    np.testing.assert_array_equal(tensors["long"].array(), np.trunc(expected))
    np.testing.assert_array_equal(tensors["expanded"].array(), [[1, 1, 1], [2, 2, 2]])


@pytest.mark.parametrize(
    ("store", "view", "expected"),
    [
        (storage(), (0, (2, 3), (3, 1)), [[0, 1, 2], [3, 4, 5]]),
        (storage(), (0, (3, 2), (1, 3)), [[0, 3], [1, 4], [2, 5]]),
        (storage(), (5, (1,), (9,)), [5]),
        (storage(), (3, (), ()), 3),
        (storage(), (0, (0, 7), (7, 1)), np.zeros((0, 7))),
        (storage(view=("1", 2, 4)), (1, (3,), (1,)), [3, 4, 5]),
    ],
)
def test_views_of_storages(tmp_path, store, view, expected):
    write_legacy(tmp_path / "file.pth", state(x=tensor(store, *view)), {"0": SIX})
    np.testing.assert_array_equal(torch_file.read(str(tmp_path / "file.pth"))["x"].array(), expected)


def test_big_endian_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "big.pth", "w") as archive:
        archive.writestr("big/data.pkl", b"\x80\x02" + state(x=tensor(storage(), 0, (6,), (1,))) + b".")
        archive.writestr("big/byteorder", "big")
        archive.writestr("big/data/0", SIX.astype(">f4").tobytes())
    np.testing.assert_array_equal(torch_file.read(str(tmp_path / "big.pth"))["x"].array(), SIX)


NAME = "features.0.bias"
VIEW = (0, (6,), (1,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (state(**{NAME: tensor(storage(), 1, (6,), (1,))}), r"a tensor of shape \(6,\) leaves its storage of 6"),
        (state(**{NAME: tensor(storage(), -1, (6,), (1,))}), "leaves its storage"),
        (state(**{NAME: tensor(storage(), 0, (2, 2), (5, 1))}), "leaves its storage"),
        (state(**{NAME: tensor(storage(), 5, (2,), (-1,))}), "leaves its storage"),
        (state(**{NAME: tensor(storage(), 0, (6,), (1, 1))}), "argument 2 is longer"),
        (state(**{NAME: tensor(storage(count=7), *VIEW)}), "the file ends within storage 0, or holds 6 numbers for 7"),
        (state(**{NAME: tensor(storage(count=5), 0, (5,), (1,))}), "or holds 6 numbers for 5"),
        (state(**{NAME: tensor(storage(kind="DoubleStorage"), *VIEW)}), "the file ends within storage 0"),
        (state(**{NAME: tensor(storage(view=("1", 3, 4)), *VIEW)}), r"\('1', 3, 4\) leaves storage 0 of 6 numbers"),
        (state(**{NAME: tensor(storage(count=-1), *VIEW)}), "is no storage"),
        (state(**{NAME: tensor(storage(key=3), *VIEW)}), "is no storage"),
        (state(**{NAME: storage()}), "'Storage' object has no attribute 'array'"),
        (raw([1, 2]), "'0'"),
        (state(**{NAME: tensor(storage(), *VIEW) + b"r\x00\x00\x00\x70"}), "object 1879048192 among"),
    ],
)  # fmt: skip
def test_torch_files_that_do_not_fit_are_refused(tmp_path, body, message):
    write_legacy(tmp_path / "file.pth", body, {"0": SIX})
    line = refusal(tmp_path / "file.pth")
    assert "is no readable torchvision .pth file, it is damaged or cut short: " in line
    assert re.search(message, line)


def test_torch_file_of_another_protocol_is_refused(tmp_path):
    write_legacy(tmp_path / "file.pth", state(), {}, header=(0x1950A86A20F9469CFC6C, 1002, {}))
    assert "its header is [119547037146038801333356, 1002]" in refusal(tmp_path / "file.pth")


def test_torch_archive_with_a_short_storage_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "file.pth", "w") as archive:
        archive.writestr("file/data.pkl", b"\x80\x02" + state(**{NAME: tensor(storage(), *VIEW)}) + b".")
        archive.writestr("file/data/0", SIX[:5].tobytes())
    assert "storage 0 has 20 bytes in place of 24" in refusal(tmp_path / "file.pth")


class Hostile:
    """Runs a program when it is unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


@pytest.mark.parametrize("form", ["zip", "object", "header"])
def test_torch_file_that_would_run_a_program_is_refused_and_runs_nothing(tmp_path, form):
    path, trace = tmp_path / "hostile.pth", tmp_path / "trace"
    hostile = Hostile(f"touch {trace}")
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hostile/data.pkl", pickle.dumps({NAME: hostile}, 2))
    elif form == "object":
        write_legacy(path, raw(hostile), {})
    else:
        write_legacy(path, state(), {}, header=(0x1950A86A20F9469CFC6C, 1001, hostile))
    line = refusal(path)
    assert re.search(r"is refused: it asks for \w+.system, and .* could run any program; .* state_dict\(\) alone", line)
    assert not trace.exists()
    pickle.loads(pickle.dumps(hostile))
    assert trace.exists()  # so it would have run


@pytest.mark.parametrize(
    "name", ["builtins eval", "torch load", "torch._utils _import_dotted_name", "collections OrderedDict.fromkeys"]
)
def test_torch_files_get_nothing_but_tensors(tmp_path, name):
    module, function = name.split()
    body = state(x=f"c{module}\n{function}\n".encode())
    write_legacy(tmp_path / "file.pth", body, {})
    assert f"it asks for {module}.{function}, and" in refusal(tmp_path / "file.pth")


# --- the download, from a server on this machine ---

CONTENT = np.random.RandomState(3).bytes(300_000)
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
Answer = Callable[[http.server.BaseHTTPRequestHandler, int], None]


def send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, int | str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def rest(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers as servers with ranges do."""
    total = len(CONTENT)
    ends = f"bytes {start}-{total - 1}/{total}"
    send(handler, 206 if start else 200, CONTENT[start:], {"Content-Length": total - start, "Content-Range": ends})


def whole(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers as servers without ranges do."""
    send(handler, 200, CONTENT, {"Content-Length": len(CONTENT)})


def unannounced(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers without saying how much is to come."""
    send(handler, 200, CONTENT, {})


def endless(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers without an end, where a few bytes stand for it."""
    send(handler, 200, CONTENT + b"more", {})


def other(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers with another file of the same size."""
    send(handler, 200, CONTENT[::-1], {"Content-Length": len(CONTENT)})


def page(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers as a hotel's network does."""
    send(handler, 200, b"<html>", {"Content-Length": 6})


def drop(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Ends the connection after 100 000 bytes of the rest."""
    ends = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    headers = {"Content-Length": len(CONTENT) - start, "Content-Range": ends}
    send(handler, 206 if start else 200, CONTENT[start : start + 100_000], headers)


def misplaced(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Answers with another range than was asked for."""
    send(handler, 206, CONTENT, {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"})


def silent(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
    """Ends the connection without an answer."""


def status(code: int) -> Answer:
    return lambda handler, start: handler.send_error(code)


class Server(http.server.ThreadingHTTPServer):
    """Answers one request after another by `answers`, and the rest as servers with ranges do."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.starts: list[int] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def source(self, **changes: Any) -> downloads.RemoteFile:
        url = f"http://127.0.0.1:{self.server_address[1]}/vgg.h5"
        return downloads.RemoteFile(**({"url": url, "size": len(CONTENT), "md5": MD5} | changes))


class Handler(http.server.BaseHTTPRequestHandler):
    """Hands each request to the server's next answer."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.starts.append(start)
        (self.server.answers.pop(0) if self.server.answers else rest)(self, start)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def download(server: Server, target: Path, **changes: Any) -> str:
    return downloads.download(server.source(**changes), target, pause=0.0, timeout=5.0)


def failure(server: Server, target: Path, **changes: Any) -> str:
    """Returns the one line that the download fails with."""
    with pytest.raises(InputError) as caught:
        download(server, target, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


RECORD = f"{SHA256}  vgg.h5\n".encode()
DONE = {"vgg.h5": CONTENT, "vgg.h5.sha256": RECORD}


@pytest.mark.parametrize(
    ("have", "answers", "starts"),
    [
        (None, [], [0]),
        (None, [unannounced], [0]),
        (None, [endless], [0]),
        (0, [], [0]),
        (1, [], [1]),
        (120_000, [rest], [120_000]),
        (120_000, [whole], [120_000]),
        (300_000, [], []),
        (400_000, [], [0]),
        (None, [drop, drop], [0, 100_000, 200_000]),
        (50_000, [drop, rest], [50_000, 150_000]),
        (None, [drop, whole], [0, 100_000]),
        (50_000, [status(416)], [50_000, 0]),
        (50_000, [misplaced], [50_000, 0]),
        (None, [status(503), silent], [0, 0, 0]),
    ],
)
def test_download_completes_what_is_there(server, tmp_path, have, answers, starts):
    server.answers = list(answers)
    if have is not None:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "vgg.h5.part").write_bytes((CONTENT + CONTENT)[:have])
    assert download(server, tmp_path / "new" / "vgg.h5") == SHA256
    assert server.starts == starts
    assert contents(tmp_path / "new") == DONE


def test_two_do_not_fetch_one_file(server, tmp_path):
    with locked(files.beside(tmp_path / "vgg.h5", "lock"), "the file", "wait"):
        assert f"{tmp_path}/vgg.h5 is in use by process" in failure(server, tmp_path / "vgg.h5")
    assert contents(tmp_path) == {}
    assert download(server, tmp_path / "vgg.h5") == SHA256
    assert contents(tmp_path) == DONE


def test_download_that_is_interrupted_is_kept_and_continued(server, tmp_path, monkeypatch):
    def interrupt(bar: object, count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_BLOCK", 1000)
        patch.setattr(tqdm, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download(server, tmp_path / "vgg.h5")
    kept = contents(tmp_path)["vgg.h5.part"]
    assert 0 < len(kept) <= 1000
    assert contents(tmp_path) == {"vgg.h5.part": CONTENT[: len(kept)]}
    download(server, tmp_path / "vgg.h5")
    assert server.starts == [0, len(kept)]
    assert contents(tmp_path) == DONE


def test_download_shows_bytes_and_time(server, tmp_path, capsys):
    download(server, tmp_path / "vgg.h5")
    assert re.search(r"vgg.h5: 100%.*300k/300k \[00:00<00:00, ", capsys.readouterr().err)


def test_file_that_is_there_is_checked_and_nothing_fetched(server, tmp_path):
    (tmp_path / "vgg.h5").write_bytes(CONTENT)
    assert download(server, tmp_path / "vgg.h5") == SHA256
    assert contents(tmp_path) == DONE
    (tmp_path / "vgg.h5").write_bytes(CONTENT[:-1])
    line = failure(server, tmp_path / "vgg.h5")
    assert f"the size of {tmp_path}/vgg.h5 is 299999 bytes, expected 300000 bytes; remove " in line
    assert server.starts == []


def test_download_with_a_wrong_checksum_is_removed(server, tmp_path):
    server.answers = [other]
    seen = hashlib.md5(CONTENT[::-1]).hexdigest()
    line = failure(server, tmp_path / "vgg.h5")
    assert f"the MD5 of {tmp_path}/vgg.h5.part is {seen}, expected {MD5}; it is removed, and nothing is written" in line
    assert contents(tmp_path) == {}
    line = failure(server, tmp_path / "vgg.h5", sha256="0" * 64)
    assert f"the SHA-256 of {tmp_path}/vgg.h5.part is {SHA256}, expected {'0' * 64}; " in line
    assert contents(tmp_path) == {}
    assert download(server, tmp_path / "vgg.h5", sha256=SHA256.upper()) == SHA256


def test_download_is_held_to_the_record_of_an_earlier_one(server, tmp_path):
    record = tmp_path / "vgg.h5.sha256"
    record.write_text(f"{'1' * 64}  vgg.h5\n")
    line = failure(server, tmp_path / "vgg.h5")
    assert f"the SHA-256 of {tmp_path}/vgg.h5.part is {SHA256}, expected {'1' * 64}; " in line
    assert contents(tmp_path) == {record.name: record.read_bytes()}
    record.write_text("no record")
    assert failure(server, tmp_path / "vgg.h5") == f"{record} is no record of sha256sum; remove it"
    record.write_bytes(RECORD)
    download(server, tmp_path / "vgg.h5")
    assert contents(tmp_path) == DONE


def test_record_is_what_sha256sum_takes(server, tmp_path):
    download(server, tmp_path / "vgg.h5")
    checked = subprocess.run(["sha256sum", "--check", "--strict", "vgg.h5.sha256"], cwd=tmp_path, capture_output=True)
    assert checked.stdout == b"vgg.h5: OK\n"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([page], "has 6 bytes, expected 300000: it sends another file, or a page in its place; "),
        ([status(404)], "answers 404 Not Found; "),
        (5 * [status(503)], "broke off 5 times, lastly with: 503 Service Unavailable; the same command continues "),
        (5 * [silent], "broke off 5 times, lastly with: Remote end closed connection without response; "),
        (
            [drop, *4 * [status(429)]],
            "broke off 5 times, lastly with: 429 Too Many Requests; the same command continues where it stopped, or ",
        ),
    ],
)
def test_download_that_fails_says_where_else_the_file_is(server, tmp_path, answers, message):
    server.answers = list(answers)
    line = failure(server, tmp_path / "vgg.h5")
    host = f"127.0.0.1:{server.server_address[1]}"
    assert line.startswith(f"{host} {message}")
    assert line.endswith(f"fetch http://{host}/vgg.h5 elsewhere and put it at {tmp_path}/vgg.h5 (its MD5 is {MD5})")
    assert contents(tmp_path) == ({"vgg.h5.part": CONTENT[:100_000]} if drop in answers else {})


def test_download_that_stalls_is_given_up(server, tmp_path):
    ended = threading.Event()

    def stall(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
        drop(handler, start)
        handler.wfile.flush()
        ended.wait(10)

    server.answers = [stall]
    with pytest.raises(InputError, match="broke off 1 times, lastly with: timed out; "):
        downloads.download(server.source(), tmp_path / "vgg.h5", attempts=1, timeout=0.2)
    ended.set()
    assert contents(tmp_path) == {"vgg.h5.part": CONTENT[:100_000]}


def test_server_that_is_gone_after_a_drop_counts_as_another(server, tmp_path):
    def last(handler: http.server.BaseHTTPRequestHandler, start: int) -> None:
        server.socket.close()  # the port is free, and connections to it refused
        drop(handler, start)

    server.answers = [last]
    line = failure(server, tmp_path / "vgg.h5")
    assert " broke off 5 times, lastly with: Connection refused; the same command continues " in line


def test_server_that_cannot_be_reached_is_named_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    source = downloads.RemoteFile(url=f"http://{host}/vgg.h5", size=1, md5=MD5)
    with pytest.raises(InputError) as caught:
        downloads.download(source, tmp_path / "vgg.h5", pause=100.0)
    assert str(caught.value) == (
        f"{host} cannot be reached (Connection refused); fetch http://{host}/vgg.h5 elsewhere and put it at "
        f"{tmp_path}/vgg.h5 (its MD5 is {MD5})"
    )
    assert contents(tmp_path) == {}


def test_download_to_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    assert f"cannot write {tmp_path}/file" in failure(server, tmp_path / "file" / "vgg.h5")
    assert failure(server, tmp_path) == f"{tmp_path} is a folder; a file is to be written"
    (tmp_path / "vgg.h5.part").symlink_to("/dev/full")
    line = failure(server, tmp_path / "vgg.h5")
    assert line == f"cannot write {tmp_path}/vgg.h5: No space left on device"


# --- the program ---


@pytest.fixture
def run(monkeypatch, tmp_path, capsys) -> Callable[..., tuple[object, str, str]]:
    """Runs the program in an empty folder; returns status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    return partial(ended, program.main, capsys)


def test_program_downloads_and_checks(run, server, monkeypatch):
    monkeypatch.setattr(downloads, "KERAS", server.source())
    status, out, _ = run("--download")
    assert (status, out) == (0, f"wrote weights/vgg19.h5: 300000 bytes, MD5 {MD5}, SHA-256 {SHA256}\n")
    assert Path("weights/vgg19.h5").read_bytes() == CONTENT
    status, out, err = run("--download", "--sha256", SHA256)
    assert (status, out, err) == (0, f"checked weights/vgg19.h5: 300000 bytes, MD5 {MD5}, SHA-256 {SHA256}\n", "")
    status, out, err = run("--download", "--sha256", "2" * 64)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: the SHA-256 of weights/vgg19.h5 is {SHA256}, expected 2222")
    assert server.starts == [0]
    status, _, _ = run("--download", "--output", "here.h5")
    assert (status, Path("here.h5").read_bytes()) == (0, CONTENT)


def test_what_is_downloaded_is_what_keras_publishes():
    assert downloads.KERAS.url.startswith("https://storage.googleapis.com/tensorflow/keras-applications/vgg19/")
    assert (downloads.KERAS.size, downloads.KERAS.md5) == (80_134_624, "253f8cb515780f3b799900260a226db6")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "one of the arguments --download --check is required"),
        ("--output x.h5", "one of the arguments --download --check is required"),
        ("--download --check x.h5", "argument --check: not allowed with argument --download"),
        ("--check x.h5 --output y.h5", "--output and --sha256 go with --download"),
        ("--download --sha256 abc", "--sha256 is 'abc'; it takes 64 hexadecimal digits"),
        ("--download --output=", "--output is empty; it takes a path"),
        ("--check nowhere.h5", "--check is 'nowhere.h5', which is no file"),
    ],
)
def test_wrong_options_are_refused(run, options, message):
    status, out, err = run(*options.split())
    assert (status, out) == (2, "")
    assert err.removesuffix("; --help lists the options\n").removesuffix("\n") == f"error: {message}"
    assert os.listdir() == []


def test_program_tells_what_a_file_holds(run):
    save(Path("vgg.npz"), LAYERS[:8])
    status, out, err = run("--check", "vgg.npz")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "form: .npz",
        "layers: 8 of 16 convolutions, conv1_1, conv1_2, conv2_1, conv2_2, conv3_1, conv3_2, conv3_3, conv3_4",
        "colours: BGR of 0..255 minus (103.939, 116.779, 123.68); turned to RGB",
        "mean: 123.680, 116.779, 103.939 (RGB of 0..255)",
        "conv3_2: covered",
        "conv4_2: not covered, 'vgg.npz' lacks conv4_1 (block4_conv1), conv4_2 (block4_conv2), needed for conv4_2",
    ]


@pytest.mark.parametrize(
    ("name", "colours", "mean"),
    [
        ("matconvnet.mat", "RGB of 0..255 minus (123.68, 116.779, 103.939); as they are", "123.680, 116.779, 103.939"),
        (
            "torch_legacy.pth",
            "RGB of 0..1 minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225); the division folded in",
            "123.675, 116.280, 103.530",
        ),
    ],
)
def test_program_tells_the_colours(run, made, name, colours, mean):
    status, out, _ = run("--check", made / name)
    assert status == 0
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert (lines["colours"], lines["mean"]) == (colours, f"{mean} (RGB of 0..255)")


def test_program_refuses_what_is_no_file_of_filters_in_a_process_of_its_own(tmp_path):
    (tmp_path / "page.h5").write_text("<html>")
    command = [sys.executable, "-m", "srn_jax.vgg", "--check", str(tmp_path / "page.h5")]
    root = Path(__file__).parents[1]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"error: '.*page.h5' is a web page, .*; the forms that are read: .*\n", ended.stderr)
