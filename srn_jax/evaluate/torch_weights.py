"""Tensors by name from files that torch.save wrote: weights of the networks that judge."""

from pathlib import Path

import numpy as np

from srn_jax.errors import InputError
from srn_jax.vgg import torch_file


def read_tensors(path: Path, setting: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a state dict, or of one under "state_dict"; raises InputError, which names `setting`."""
    if not path.is_file():
        raise InputError(f"{setting} is {str(path)!r}, which is no file")
    try:
        found = torch_file.read(str(path))
        found = found.get("state_dict", found)
        return {name: one.array() for name, one in found.items() if isinstance(one, torch_file.Tensor)}
    except InputError as error:
        raise InputError(f"{setting} {path}: {error}") from error
    except Exception as error:  # whatever broken bytes provoke
        raise InputError(f"{setting} {path} is no file that torch.save wrote, or a damaged one ({error})") from error
