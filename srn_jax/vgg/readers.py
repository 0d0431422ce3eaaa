"""One function for each form of file: VGG-19's filters as they lie there, and what they expect as input."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import scipy.io

from srn_jax.errors import InputError
from srn_jax.models.vgg19 import LAYERS, MEAN
from srn_jax.vgg import torch_file

KERAS = {layer: f"block{layer[4]}_conv{layer[6:]}" for layer in LAYERS}
MATCONVNET = {layer: layer for layer in LAYERS}
_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)  # ReLU and pooling are numbered, too
TORCHVISION = {layer: f"features.{index}" for layer, index in zip(LAYERS, _INDICES, strict=True)}

# torchvision's input is RGB of 0..1, minus the one, divided by the other (its ImageClassification preset).
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Filters:
    """What a file holds, as for RGB pixels of 0..255 minus `mean`; shapes are the file's own, unchecked."""

    form: str  # a name in recognise.FORMS
    colours: str  # the input that the file's filters expect, and how they are turned, in words
    mean: tuple[float, ...]  # red, green, blue
    names: dict[str, str]  # layer -> its name in the file
    layers: dict[str, tuple[np.ndarray, np.ndarray]]  # layer -> kernel [h, w, in, out] and bias [out], float32


class _Parts:
    """Kernels and biases, as a reader comes upon them."""

    def __init__(self, path: str):
        self._path = path
        self._found: dict[tuple[str, str], np.ndarray] = {}

    def add(self, name: str, part: str, array: np.ndarray) -> None:
        """Keeps the array; raises InputError where the file had one of this layer and part before."""
        if (name, part) in self._found:
            raise InputError(
                f"{self._path!r} holds {name}.{part} twice, for two networks perhaps; it takes a file of one"
            )
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name}.{part} holds no numbers but {array.dtype}")
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused as that
            self._found[name, part] = np.ascontiguousarray(array, np.float32)

    def filters(
        self,
        names: dict[str, str],
        *,
        form: str,
        colours: str,
        mean: tuple[float, ...] = MEAN,
        first: Callable[[np.ndarray], np.ndarray] = lambda kernel: kernel,
    ) -> Filters:
        """Returns the layers that have both parts, `first` applied to the first kernel; InputError if none will do."""
        found, layers = self._found, {}
        for layer, name in names.items():
            if (name, "kernel") not in found or (name, "bias") not in found:
                continue
            kernel, bias = found[name, "kernel"], found[name, "bias"]
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                raise InputError(f"{self._path!r}: {name} holds numbers that are not finite")
            if layer == "conv1_1":
                if kernel.ndim != 4 or kernel.shape[2] != 3:
                    raise InputError(
                        f"{self._path!r}: {name}.kernel has shape {kernel.shape}, VGG-19's has (3, 3, 3, 64)"
                    )
                kernel = np.ascontiguousarray(first(kernel), np.float32)
            layers[layer] = kernel, bias
        if not layers:
            raise InputError(f"{self._path!r} is a {form} file without VGG-19's filters, such as {names['conv1_1']}")
        return Filters(form, colours, mean, names, layers)


def read_h5(path: str, form: str) -> Filters:
    """Returns the filters of a Keras .h5 file: weights alone, with or without top, or a whole model."""
    with open(path, "rb") as file:
        return _read_hdf5(path, file, form)


def read_keras(path: str, form: str) -> Filters:
    """Returns the filters of a whole model that Keras 3 saved: a zip archive around an .h5 file."""
    with zipfile.ZipFile(path) as archive:
        return _read_hdf5(path, io.BytesIO(archive.read("model.weights.h5")), form)


def _read_hdf5(path: str, file: Any, form: str) -> Filters:
    """Returns the filters of HDF5: a dataset belongs to the layer that its path names, and its rank tells its part.

    Keras 1 wrote block1_conv1/block1_conv1_W_1:0, Keras 2 block1_conv1/block1_conv1/kernel:0 (below model_weights/
    in whole models), and Keras 3 writes layers/conv2d/vars/0, with the layer's name as an attribute of vars.
    """
    parts, known = _Parts(path), set(KERAS.values())

    def visit(name: str, item: Any) -> None:
        components = {*name.split("/"), str(item.parent.attrs.get("name"))}
        layer = next(iter(components & known), None)
        # An optimizer keeps copies, of the gradients' moments, under the layers' names.
        if isinstance(item, h5py.Dataset) and layer and "optimizer_weights" not in components:
            part = {4: "kernel", 1: "bias"}.get(item.ndim)
            if part:
                parts.add(layer, part, item[()])

    with h5py.File(file, "r") as tree:
        tree.visititems(visit)
    return _from_bgr(parts, form)


def read_npz(path: str, form: str) -> Filters:
    """Returns the filters of an .npz file with Keras' names and conventions: block1_conv1.kernel, block1_conv1.bias."""
    parts, known = _Parts(path), set(KERAS.values())
    with np.load(path) as archive:
        for entry in archive.files:
            name, _, part = entry.partition(".")
            if name in known and part in ("kernel", "bias"):
                parts.add(name, part, archive[entry])
    return _from_bgr(parts, form)


def _from_bgr(parts: _Parts, form: str) -> Filters:
    """Returns the filters of Keras, which keeps the input of Caffe's VGG-19 (its `imagenet_utils`, mode "caffe")."""
    colours = f"BGR of 0..255 minus {MEAN[::-1]}; turned to RGB"
    return parts.filters(KERAS, form=form, colours=colours, first=lambda kernel: kernel[:, :, ::-1])


def read_mat(path: str, form: str) -> Filters:
    """Returns the filters of MatConvNet's imagenet-vgg-verydeep-19.mat: a cell of structs, RGB."""
    parts = _Parts(path)
    layers = scipy.io.loadmat(path, variable_names=["layers"]).get("layers")
    if layers is None or layers.dtype != object:
        raise InputError(f"{path!r} is a .mat file without the cell `layers` that imagenet-vgg-verydeep-19.mat has")
    for cell in layers.ravel():
        fields = cell[0, 0]
        name = str(fields["name"].item())
        if name in MATCONVNET:
            old = "weights" not in fields.dtype.names  # the first betas of MatConvNet wrote two fields
            kernel, bias = fields[["filters", "biases"]] if old else fields["weights"].ravel()
            parts.add(name, "kernel", kernel)
            parts.add(name, "bias", bias.ravel())
    return parts.filters(MATCONVNET, form=form, colours=f"RGB of 0..255 minus {MEAN}; as they are")


def read_torch(path: str, form: str) -> Filters:
    """Returns the filters of torchvision's VGG-19: a state dict or {"state_dict": one}, names with any prefix."""
    state = torch_file.read(path)
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    keys = {key: match for key in state if (match := re.fullmatch(r"(.*\.)?(features\.\d+)\.(\w+)", str(key)))}
    prefixes = sorted({match[1] or "" for match in keys.values()})
    if len(prefixes) > 1:
        raise InputError(
            f"{path!r} holds several networks, {' and '.join(map(repr, prefixes))}; it takes a file of one"
        )
    if any(match[3] == "running_mean" for match in keys.values()):
        raise InputError(f"{path!r} is a VGG with batch normalization (vgg19_bn); ID-MRF takes the plain vgg19")
    if any(f"{prefix}classifier.1.weight" in state for prefix in prefixes):
        raise InputError(
            f"{path!r} is numbered as Caffe's filters in PyTorch's form are (vgg19-d01eb7cb.pth), which "
            "expect another input than torchvision's; take torchvision's vgg19-dcbb9e9d.pth"
        )
    parts, known = _Parts(path), set(TORCHVISION.values())
    for key, match in keys.items():
        if match[2] not in known:
            raise InputError(f"{path!r} has {match[2]}, where VGG-19 has no convolution: it is VGG-16's file perhaps")
        array = state[key].array()
        if match[3] == "weight":
            parts.add(match[2], "kernel", array.transpose(2, 3, 1, 0))  # from OIHW
        else:
            parts.add(match[2], match[3], array)
    return parts.filters(
        TORCHVISION,
        form=form,
        colours=f"RGB of 0..1 minus {_TORCH_MEAN}, divided by {_TORCH_DEVIATION}; the division folded in",
        mean=tuple(255 * value for value in _TORCH_MEAN),
        # Not so the mean: the border is padded with zeros after its subtraction, and would see another colour.
        first=lambda kernel: kernel / (255 * np.array(_TORCH_DEVIATION))[None, None, :, None],
    )
