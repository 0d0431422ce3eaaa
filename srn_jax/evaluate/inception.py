"""Inception-v3 as FID and KID use it: features of 2048 numbers, through weights that the user has.

The weights of 2015 that TensorFlow published, in the form of pytorch-fid and torch-fidelity; its structure (Szegedy et
al., 2016) is torchvision's but for pooling that leaves padding out, and a maximum in the last block.
"""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from srn_jax.errors import InputError
from srn_jax.evaluate.torch_weights import read_tensors

SIZE = 299
NEEDED = "--inception FILE, pt_inception-2015-12-05-6726825d.pth of pytorch-fid"
_EPSILON = 1e-3  # of batch normalization
_CLASSES = 1008  # torchvision's weights, of which FID is another number, have 1000

# A block is a list of branches, whose outputs are joined. A branch is a chain of convolutions by name; a tuple at its
# end is a fork, whose outputs are joined; "pool" is the block's pooling. Strides of 2 take no padding, all else does.
Branch = tuple[Any, ...]
_A: tuple[Branch, ...] = (
    ("branch1x1",),
    ("branch5x5_1", "branch5x5_2"),
    ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
    ("pool", "branch_pool"),
)
_B: tuple[Branch, ...] = (("branch3x3/2",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3/2"), ("pool/2",))
_C: tuple[Branch, ...] = (
    ("branch1x1",),
    ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
    ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
    ("pool", "branch_pool"),
)
_D: tuple[Branch, ...] = (
    ("branch3x3_1", "branch3x3_2/2"),
    ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4/2"),
    ("pool/2",),
)
_E: tuple[Branch, ...] = (
    ("branch1x1",),
    ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
    ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
    ("pool", "branch_pool"),
)
_E_MAX: tuple[Branch, ...] = (*_E[:3], ("maximum", "branch_pool"))
_BLOCKS = {
    **{"Mixed_5b": _A, "Mixed_5c": _A, "Mixed_5d": _A, "Mixed_6a": _B},
    **{"Mixed_6b": _C, "Mixed_6c": _C, "Mixed_6d": _C, "Mixed_6e": _C},
    **{"Mixed_7a": _D, "Mixed_7b": _E, "Mixed_7c": _E_MAX},
}
Params = dict[str, dict[str, Any]]  # arrays: "kernel" and "bias" of each convolution


def features(params: Params, images: UInt8[Array, "b h w 3"]) -> Float[Array, "b c"]:
    """Returns the averaged features of the last block; pictures are enlarged, or shrunk, as pytorch-fid does."""
    unit = images.astype(jnp.float32) / 255.0
    x = jax.image.resize(unit, (len(images), SIZE, SIZE, 3), "bilinear", antialias=False) * 2.0 - 1.0
    x = _convolve(params["Conv2d_1a_3x3"], x, 2, "VALID")
    x = _convolve(params["Conv2d_2a_3x3"], x, 1, "VALID")
    x = _convolve(params["Conv2d_2b_3x3"], x, 1, "SAME")
    x = nn.max_pool(x, (3, 3), (2, 2))
    x = _convolve(params["Conv2d_3b_1x1"], x, 1, "VALID")
    x = _convolve(params["Conv2d_4a_3x3"], x, 1, "VALID")
    x = nn.max_pool(x, (3, 3), (2, 2))
    for block, branches in _BLOCKS.items():
        x = jnp.concatenate([_run(params, block, branch, x) for branch in branches], axis=-1)
    return x.mean(axis=(1, 2))


def _run(params: Params, block: str, branch: Branch, x: Array) -> Array:
    for part in branch:
        if isinstance(part, tuple):
            x = jnp.concatenate([_run(params, block, (one,), x) for one in part], axis=-1)
        elif part == "pool":
            x = nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)
        elif part == "maximum":
            x = nn.max_pool(x, (3, 3), padding="SAME")
        elif part == "pool/2":
            x = nn.max_pool(x, (3, 3), (2, 2))
        else:
            name, _, stride = part.partition("/")
            x = _convolve(params[f"{block}.{name}"], x, int(stride or 1), "VALID" if stride else "SAME")
    return x


def _convolve(layer: dict[str, Any], x: Array, stride: int, padding: str) -> Array:
    y = jax.lax.conv_general_dilated(
        x, layer["kernel"], (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jax.nn.relu(y + layer["bias"][None, None, None, :])


def read_inception(path: Path) -> Params:
    """Returns the convolutions by name, batch normalization within them.

    Raises:
      InputError: the file is none of Inception-v3, or torchvision's, with which FID would be another number.
    """
    tensors = read_tensors(path, "--inception")
    classes = tensors.get("fc.weight")
    if classes is not None and len(classes) != _CLASSES:
        raise InputError(
            f"--inception {path} has {len(classes)} classes, as torchvision's Inception-v3; FID is defined by the "
            f"weights of {_CLASSES} classes: {NEEDED}"
        )
    found: Params = {}
    for name in _names():
        try:
            parts = [tensors[f"{name}.{part}"] for part in _PARTS]
        except KeyError as error:
            raise InputError(f"--inception {path} lacks {error.args[0]}; it takes {NEEDED}") from error
        kernel, scale, bias, mean, variance = (np.asarray(part, np.float32) for part in parts)
        scale = scale / np.sqrt(variance + _EPSILON)
        found[name] = {"kernel": kernel.transpose(2, 3, 1, 0) * scale, "bias": bias - mean * scale}
    return found


_PARTS = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")


def _names() -> list[str]:
    """Returns all convolutions."""
    names = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    for block, branches in _BLOCKS.items():
        steps = [step if isinstance(step, tuple) else (step,) for branch in branches for step in branch]
        parts = [part.partition("/")[0] for step in steps for part in step]
        names += [f"{block}.{part}" for part in parts if part.startswith("branch")]
    return names
