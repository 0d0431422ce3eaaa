"""Reading the golden arrays, and the release's weights as our parameter trees."""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from srn_jax.convert import release

GOLDEN = Path(__file__).parent / "golden"


def rounding(lengths: Iterable[int]) -> float:
    """Returns how far apart float32 may take two programs, relative to the largest value, on any processor.

    Both compute a chain of sums of so many terms. Each of n terms is rounded by up to 2^-24, up or down by no rule: of
    a sum's, in whatever order it is taken, sqrt(n) are left (Higham and Mary, 2019). From sum to sum they may add up.
    """
    return 2 * 2.0**-24 * sum(length**0.5 for length in lengths)


def sums(tree: Any) -> list[int]:
    """Returns, for the kernels of a tree or of the release's variables, how many products each of their values sums."""
    return [leaf.size // leaf.shape[-1] for leaf in jax.tree.leaves(tree) if np.ndim(leaf) > 1]


@dataclass(frozen=True)
class Case:
    """One golden case.

    Attributes:
      arrays: name -> array; names may end in @3 or @in3, see golden/README.md.
      weights: TensorFlow variable name -> array.
      relative: name -> the authors' own largest difference between runs, in relative L2.
    """

    arrays: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    relative: dict[str, float]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


@functools.cache
def _index() -> dict:
    return json.loads((GOLDEN / "index.json").read_text())


@functools.cache
def _archive(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def cases(prefix: str = "") -> list[str]:
    return [name for name in sorted(_index()) if name.startswith(prefix)]


def load(name: str) -> Case:
    entry, shared = _index()[name], _archive("shared")
    return Case(
        arrays=_archive(name) | {key: shared[key_hash] for key, key_hash in entry["shared"].items()},
        weights={key: shared[key_hash] for key, key_hash in entry["weights"].items()},
        relative=entry["relative"],
    )


def subsample(name: str, array) -> np.ndarray:
    """Returns of `array` what the golden array called `name` holds of it."""
    array = np.asarray(array)
    if name.endswith("@3"):
        return array[:, ::3, ::3]
    if name.endswith("@in3"):
        return array[..., ::3, :]
    return array


def at(tree: Any, variable: str) -> Any:
    """Returns the leaf of {"generator": ..., "global": ..., "context": ...} that a variable of the release names."""
    for part in release.place(variable) or ():
        tree = tree[part]
    return tree
