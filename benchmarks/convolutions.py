"""The forms of each convolution of SRN, one by one: what each gives alone, forward and in both gradients.

    python -m benchmarks.convolutions [--width 64] [--batch 1] [--canvas 256x256]

"xla" is a convolution with XLA's own derivatives, "plain" the same with ours, "winograd", "winograd_rows" and "phases"
the forms in fewer products, "strided" what needs no zeros in between, "dilated" by sub-grids, "narrow" for few
channels, "neighbours" one product of pixels beside their neighbours; what training takes is marked *. "in a loop" is
within `lax.scan`, as critic updates are; "penalty" the gradient, in the kernel, of a gradient.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from tqdm import tqdm

from benchmarks import machine, options
from srn_jax import ops
from srn_jax.convolution import dilated, forms, narrow, neighbours, plain, strided, upsample, winograd, winograd_rows
from srn_jax.convolution.plain import Sampling
from srn_jax.programs.allocator import keep_freed_memory
from srn_jax.programs.backend import compiler_options


class Layer(NamedTuple):
    """A convolution: of what size on a canvas of (1, 1), in units of the canvas and of n; 0 n are the three colors."""

    name: str
    scale: int
    ins: float
    outs: float
    taps: int = 3
    stride: int = 1
    dilation: int = 1
    upsampled: bool = False


# Of each kind of layer one, for the short form.
_KINDS = ("cpn/conv1", "cpn/conv4", "cpn/conv10, dilated", "cpn/conv13, upsampling", "critic/conv2", "critic/conv3")
LAYERS = (
    Layer("cpn/conv1", 1, 1, 1, 5),
    Layer("cpn/conv2", 1, 1, 1, stride=2),
    Layer("cpn/conv3", 2, 1, 2),
    Layer("cpn/conv4", 2, 2, 2, stride=2),
    Layer("cpn/conv5", 4, 2, 4),
    Layer("cpn/conv6 to 12", 4, 4, 4),
    Layer("cpn/conv10, dilated", 4, 4, 4, dilation=16),
    Layer("cpn/conv13, upsampling", 4, 4, 2, upsampled=True),
    Layer("cpn/conv14", 2, 2, 2),
    Layer("cpn/conv15, upsampling", 2, 2, 1, upsampled=True),
    Layer("cpn/conv16", 1, 1, 0.5),
    Layer("cpn/conv17", 1, 0.5, 0),
    Layer("expansion", 2, 1, 4),
    Layer("fen/conv1", 2, 0, 1, 5),
    Layer("fen/conv6 to 12", 8, 4, 4),
    Layer("critic/conv2", 2, 1, 2, 5, 2),
    Layer("critic/conv3", 4, 2, 4, 5, 2),
)
SHORT = tuple(layer for layer in LAYERS if layer.name in _KINDS)


def xla(g: Sampling, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns the convolution, its derivatives left to XLA."""
    return plain.output(g, x, kernel)


def programs(layer: Layer, g: Sampling, ins: int, outs: int) -> dict[str, dict[str, Callable[..., Any]]]:
    """Returns {part: {form: function of (x, kernel, y)}}."""
    if layer.upsampled:
        forms = {"xla": lambda x, k: xla(g, ops.upsample_x2(x), k), "phases": upsample.by_phases}
        pulled = {name: lambda x, k, y, f=f: jax.vjp(f, x, k)[1](y) for name, f in forms.items()}
        return {
            "output": {name: lambda x, k, y, f=f: f(x, k) for name, f in forms.items()},
            "input_gradient": {name: lambda x, k, y, f=f: f(x, k, y)[0] for name, f in pulled.items()},
            "kernel_gradient": {name: lambda x, k, y, f=f: f(x, k, y)[1] for name, f in pulled.items()},
        }

    def pull(x, k, y):
        return jax.vjp(lambda x, k: xla(g, x, k), x, k)[1](y)

    found: dict[str, dict[str, Callable[..., Any]]] = {
        "output": {"xla": lambda x, k, y: xla(g, x, k)},
        "input_gradient": {"xla": lambda x, k, y: pull(x, k, y)[0]},
        "kernel_gradient": {
            "xla": lambda x, k, y: pull(x, k, y)[1],
            "plain": lambda x, k, y: plain.kernel_gradient(g, x, y),
            "xla in a loop": lambda x, k, y: looped(lambda x: pull(x, k, y)[1], x),
            "plain in a loop": lambda x, k, y: looped(lambda x: plain.kernel_gradient(g, x, y), x),
        },
    }
    if layer.stride > 1:
        found["input_gradient"]["strided"] = lambda x, k, y: strided.input_gradient(g, y, k)
    if neighbours.suits("kernel_gradient", g, ins, outs):
        found["kernel_gradient"]["neighbours"] = lambda x, k, y: neighbours.kernel_gradient(g, x, y)
    if dilated.suits("kernel_gradient", g, 0, 0):
        found["kernel_gradient"]["dilated"] = lambda x, k, y: dilated.kernel_gradient(g, x, y)
    if layer.name.startswith("critic"):
        found["penalty"] = {
            "xla": lambda x, k, y: jax.vjp(lambda k: pull(x, k, y)[0], k)[1](x)[0],
            "plain": lambda x, k, y: plain.kernel_gradient(g, x, y),
        }
    of_narrow: dict[str, Callable[..., Any]] = {
        "output": lambda x, k, y: narrow.output(g, x, k),
        "input_gradient": lambda x, k, y: narrow.input_gradient(g, y, k),
    }
    for part, function in of_narrow.items():
        if narrow.suits(part, g, ins, outs):
            found[part]["narrow"] = function
    for name, form in (("winograd", winograd), ("winograd_rows", winograd_rows)):
        if form.exists(g):
            found["output"][name] = lambda x, k, y, form=form: form.output(g, x, k)
            found["input_gradient"][name] = lambda x, k, y, form=form: form.input_gradient(g, y, k)
            found["kernel_gradient"][name] = lambda x, k, y, form=form: form.kernel_gradient(g, x, y)
    return found


def looped(function: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """Returns what one round of a loop makes."""
    _, made = jax.lax.scan(lambda carry, scale: (carry, function(x * scale)), None, jnp.ones(1))
    return made[0]


def measure(function: Callable[..., Any], arrays: tuple[jax.Array, ...], rounds: int) -> float:
    """Returns the median of calls, in milliseconds, compile time apart."""
    compiled = jax.jit(function, compiler_options=compiler_options()).lower(*arrays).compile()
    jax.block_until_ready(compiled(*arrays))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arrays))
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def rows(given: Any) -> list[list[str]]:
    """Returns a row for each layer and what is computed of it."""
    made = []
    for layer in tqdm(SHORT if given.short else LAYERS, file=sys.stderr, desc="measuring"):
        inputs = tuple(side // layer.scale for side in given.canvas)
        outer = tuple(2 * side for side in inputs) if layer.upsampled else inputs
        g = Sampling(layer.stride, layer.dilation, outer, (layer.taps, layer.taps))
        ins, outs = (round(units * given.width) or 3 for units in (layer.ins, layer.outs))
        keys = jax.random.split(jax.random.key(0), 3)
        x = jax.random.normal(keys[0], (given.batch, *inputs, ins))
        kernel = jax.random.normal(keys[1], (layer.taps, layer.taps, ins, outs))
        y = jax.random.normal(keys[2], (given.batch, *(-(-side // layer.stride) for side in outer), outs))
        operations = 2 * layer.taps**2 * ins * y.size
        for what, functions in programs(layer, g, ins, outs).items():
            times = {name: measure(function, (x, kernel, y), given.rounds) for name, function in functions.items()}
            rate = operations / times["xla"] / 1e6
            part = "kernel_gradient" if what == "penalty" else what
            picked = forms.fastest(part, g, ins, outs, x.dtype).__module__.rpartition(".")[2]
            taken = "phases" if layer.upsampled else picked
            taken = taken if taken in times else "xla"  # which is the plain form, where both are one
            cells = "; ".join(f"{name}{'*' * (name == taken)} {ms:.1f}" for name, ms in times.items())
            shape = f"{inputs[0]}x{inputs[1]}, {ins} to {outs}"
            made.append([layer.name, shape, what, f"{operations / 1e9:.2f}", f"{rate:.0f}", cells])
    return made


def main() -> None:
    """Runs the program."""
    parser = options.parser("convolutions", __doc__, rounds=5)
    options.add_shape(parser)
    given = options.parse(parser, width=4, canvas=(128, 128), rounds=1)
    keep_freed_memory()  # as the main program does
    header = ["layer", "map, channels", "part", "GFLOP", "xla, GFLOP/s", "ms of each form"]
    print(f"{machine.describe()}; medians of {given.rounds} calls\n\n{machine.table(header, rows(given))}")


if __name__ == "__main__":
    options.run(main)
