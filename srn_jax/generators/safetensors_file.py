"""A generator as one file of safetensors: parameters by name, and in its metadata, as JSON, what they belong to."""

import json
from pathlib import Path
from typing import Any

import google_crc32c
import jax
import numpy as np

from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator, architecture, from_architecture
from srn_jax.programs import files

SUFFIX = ".safetensors"
INSTALL = "pip install safetensors"
_ARCHITECTURE, _CHECKSUM = "architecture", "crc32c"  # of the metadata, which is text by name
_TYPES = (np.float16, np.float32)


def write(path: Path, generator: Generator) -> None:
    """Writes a generator to the file `path`, each parameter by its name, such as fen.conv1.kernel."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(leaf) for name, leaf in _named(generator.params).items()}
    described = {_ARCHITECTURE: json.dumps(architecture(generator)), _CHECKSUM: _checksum(arrays)}
    path.write_bytes(save(arrays, described))


def read(path: Path) -> Generator:
    """Returns the generator in the file `path`, its parameters as float32 on the first local device.

    Raises:
      InputError: there is no such file, safetensors is not installed, or the file is damaged, of no generator, or does
        not fit its own description.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise InputError(f"reading {path} needs the package safetensors: {INSTALL}") from error
    try:
        with safe_open(path, "numpy") as opened:
            metadata = opened.metadata() or {}
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118, it is no dictionary
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or error
        raise InputError(f"no checkpoint at {path}: {why}") from error
    except (SafetensorError, TypeError, ValueError) as error:  # the latter two of types that NumPy lacks
        raise InputError(f"{path} cannot be read, it is damaged or no file of safetensors: {error}") from error
    if _ARCHITECTURE not in metadata:
        raise InputError(f"{path} is of no generator: its metadata hold no {_ARCHITECTURE!r}, as those of an export do")
    if metadata.get(_CHECKSUM, found := _checksum(arrays)) != found:
        raise InputError(f"{path} is damaged: its checksum is not that of what was written")
    try:
        described = from_architecture(files.parse_json(metadata[_ARCHITECTURE]))
    except InputError:
        raise
    except Exception as error:  # whatever a description that is none provokes
        why = " ".join(str(error).split())
        raise InputError(f"{path} is damaged: its metadata describe no generator: {why}") from error
    return described.replace(params=_fitted(path, arrays, described.params))


def _fitted(path: Path, arrays: dict[str, np.ndarray], shapes: Any) -> Any:
    """Returns the arrays as the tree `shapes`; raises InputError where they are others."""
    expected = _named(shapes)
    for name in sorted(expected.keys() | arrays.keys()):
        found = _described(arrays.get(name))
        if name not in expected:
            raise InputError(f"{path} does not fit its own description: {name} is {found}, and no part of it")
        shape = expected[name].shape
        if name not in arrays or arrays[name].shape != shape or arrays[name].dtype not in _TYPES:
            raise InputError(
                f"{path} does not fit its own description: {name} is {found}, not of shape {shape}, float32 or float16"
            )
    device = jax.local_devices()[0]
    leaves = [jax.device_put(arrays[name].astype(leaf.dtype), device) for name, leaf in expected.items()]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def _described(array: np.ndarray | None) -> str:
    return "missing" if array is None else f"of shape {array.shape}, {array.dtype}"


def _named(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """Returns the CRC-32C of all arrays, in the order of their names, in hexadecimal digits."""
    checksum = google_crc32c.Checksum()
    for name in sorted(arrays):
        checksum.update(arrays[name].tobytes())
    return checksum.hexdigest().decode()
