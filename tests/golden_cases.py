"""Reading the golden arrays, and the release's weights as our parameter trees."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    """One golden case.

    Attributes:
      arrays: name -> array; names may end in @3 or @in3, see golden/README.md.
      weights: TensorFlow variable name -> array.
      noise: name -> the authors' own largest absolute difference between runs.
      relative: the same, in relative L2.
    """

    arrays: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    noise: dict[str, float]
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
        noise=entry["noise"],
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


def our_path(variable: str) -> tuple[str, ...]:
    """Returns where a variable of the release lies: ("generator", "fen", "conv1", "kernel"), ("global", ...), ..."""
    scope, *rest = variable.split("/")
    leaf = rest[-1]
    if scope == "inpaint_net":
        layer = rest[0]
        if layer.startswith("feat_expansion"):
            return ("generator", "expansion", "conv", leaf)
        network = "fen" if layer.startswith("conv") else "cpn"
        return ("generator", network, layer, *(["conv"] if layer.endswith("upsample") else []), leaf)
    assert scope == "discriminator"
    if rest[0] == "dout_global_fc":
        return ("global", "dense", leaf)
    critic = {"D_global": "global", "D_context": "context"}[rest[0]]
    return (critic, rest[1].removeprefix("d"), leaf)


def parameters(weights: dict[str, np.ndarray]) -> dict:
    """Returns {"generator": tree, "global": tree, "context": tree} of the networks that `weights` holds."""
    tree: dict = {}
    for variable, value in weights.items():
        *parents, leaf = our_path(variable)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def at(tree: Any, variable: str) -> Any:
    """Returns the leaf of {"generator": ..., "global": ..., "context": ...} that a variable of the release names."""
    for part in our_path(variable):
        tree = tree[part]
    return tree
