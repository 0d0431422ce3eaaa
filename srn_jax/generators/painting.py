"""What a file for other programs holds: a generator with its parameters, as one function of pictures and masks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Bool, Float

from srn_jax import geometry
from srn_jax.generators.generator import Generator
from srn_jax.models.layers import apply
from srn_jax.programs.backend import portable

INPUTS, OUTPUT = ("image", "mask"), "canvas"
Paint = Callable[[Float[Array, "b h w 3"], Bool[Array, "b h w"]], Float[Array, "b h w 3"]]


def painter(generator: Generator) -> Paint:
    """Returns what completes canvases as `infer.extrapolate` does, to be traced for any platform.

    It takes `image`, the canvas in [0, 1], whatever it holds where `mask` is True, and returns it painted there, and
    elsewhere bit for bit. Parameters of float16 stay so in what is traced, and are computed with as float32.
    """

    def paint(image: Float[Array, "b h w 3"], mask: Bool[Array, "b h w"]) -> Float[Array, "b h w 3"]:
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.float32), generator.params)
        unknown = mask[..., None].astype(jnp.float32)
        known = geometry.known_canvas(2.0 * image - 1.0, unknown)
        with portable():
            prediction, _ = apply(generator.model, params, known, unknown)
        return geometry.complete((prediction + 1.0) / 2.0, image, unknown)

    return paint


def inputs_of(canvas: geometry.Size) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    """Returns the shapes and types of a painter's `image` and `mask`, for any number of pictures."""
    batch, *sides = *export.symbolic_shape("batch"), *canvas
    return jax.ShapeDtypeStruct((batch, *sides, 3), jnp.float32), jax.ShapeDtypeStruct((batch, *sides), jnp.bool_)
