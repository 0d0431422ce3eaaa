"""A generator as ONNX, for any of its runtimes, without this library and JAX."""

import importlib.metadata
from pathlib import Path

import jax
import jax.numpy as jnp

from srn_jax.generators.generator import Generator
from srn_jax.generators.onnx_graph import Graph
from srn_jax.generators.onnx_operations import FUNCTIONS, OPERATIONS
from srn_jax.generators.painting import INPUTS, OUTPUT, inputs_of, painter
from srn_jax.geometry import Size


def write(path: Path, generator: Generator, canvas: Size) -> None:
    """Writes a generator for one size of canvas, its parameters within, to the file `path`.

    Raises:
      InputError: this version of JAX expresses the network by an operation that is not known here.
    """
    traced = jax.jit(painter(generator)).trace(*inputs_of(canvas)).jaxpr
    half = any(leaf.dtype == jnp.float16 for leaf in jax.tree.leaves(generator.params))
    graph = Graph(OPERATIONS, FUNCTIONS, half=half)
    image, mask = (graph.input(name, var.aval) for name, var in zip(INPUTS, traced.jaxpr.invars, strict=True))
    (painted,) = graph.run(traced.jaxpr, traced.consts, [image, mask])
    graph.output(OUTPUT, painted, traced.out_avals[0])
    path.write_bytes(graph.model("srn_jax", importlib.metadata.version("srn-jax")).SerializeToString())
