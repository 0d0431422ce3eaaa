"""Trees of parameters, and the names of their leaves."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import PyTree

# Dictionaries by the names of layers, float32 arrays at the leaves; or shapes, or whatever else is told of each.
Params = PyTree


def by_name(tree: Params) -> dict[str, Any]:
    """Returns a tree's leaves by their dotted names, such as fen.conv1.kernel."""
    return {_dotted(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def map_named(function: Callable[[str, Any], Any], tree: Params) -> Params:
    """Returns the tree of function(dotted name, leaf)."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(_dotted(path), leaf), tree)


def _dotted(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
