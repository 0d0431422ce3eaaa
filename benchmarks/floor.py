"""The floor: what operations and bytes SRN's work takes at least, and the time that this machine's peak rates allow.

    python -m benchmarks.floor [--width 64] [--batch 1] [--canvas 256x256]

Counted are convolutions and matrix products, as the traced program has them: 2 operations a multiplication and
addition, none for inserted zeros; bytes of each one's inputs and output, once. "plain" has every convolution as it is
defined, "ours" as it is run on this backend. The floor is the sum, over all of them, of the longer of operations at the
peak rate of a large matrix product and bytes at the rate of a large copy: activations, norms and losses are not in it.
"""

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
from tqdm import tqdm

from benchmarks import inputs, machine, options
from benchmarks.peer.weights import unflatten
from benchmarks.sizes import Sizes
from srn_jax.convolution import few_calls, upsample
from srn_jax.models.layers import apply
from srn_jax.train.state import TrainState, build_generator, build_networks
from srn_jax.train.step import build_steps


class Cost(NamedTuple):
    """What one convolution or product, run `times` times, takes."""

    operations: float
    bytes: float
    times: int


class Rates(NamedTuple):
    """A machine's peak rates, a second."""

    operations: float
    bytes: float


def costs(jaxpr: Any, times: int = 1) -> Iterator[Cost]:
    """Yields the cost of each convolution and matrix product of a traced program, those within loops and calls too."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in ("conv_general_dilated", "dot_general"):
            arrays = [variable.aval for variable in (*equation.invars, *equation.outvars)]
            moved = sum(array.size * array.dtype.itemsize for array in arrays)
            yield Cost(_OPERATIONS[name](equation.params, *arrays), moved, times)
        rounds = equation.params["length"] if name == "scan" else 1
        for inner in _inner(equation):
            yield from costs(inner, times * rounds)


def _inner(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        inner = getattr(value, "jaxpr", value)
        if hasattr(inner, "eqns"):
            yield inner


def _convolution(params: dict[str, Any], x: Any, kernel: Any, y: Any) -> float:
    taps = math.prod(kernel.shape[axis] for axis in params["dimension_numbers"].rhs_spec[1:])  # with what goes in
    return 2 * y.size * taps / math.prod(params["lhs_dilation"])


def _product(params: dict[str, Any], x: Any, kernel: Any, y: Any) -> float:
    (contracted, _), _ = params["dimension_numbers"]
    return 2 * y.size * math.prod(x.shape[axis] for axis in contracted)


_OPERATIONS = {"conv_general_dilated": _convolution, "dot_general": _product}


def floor(found: list[Cost], rates: Rates) -> float:
    """Returns the seconds that peak rates allow."""
    return sum(max(c.operations / rates.operations, c.bytes / rates.bytes) * c.times for c in found)


def peak_rates(rounds: int, side: int, count: int) -> Rates:
    """Returns what products of [side, side] matrices and copies of `count` numbers reach, the best of some calls."""
    matrix, numbers = jnp.ones((side, side)), jnp.ones(count)
    multiply = jax.jit(jnp.matmul)
    add_in_place = jax.jit(lambda x: x + 1, donate_argnums=0)  # fresh memory would be measured else
    held = [numbers]

    def copy() -> jax.Array:
        held.append(add_in_place(held.pop()))
        return held[0]

    def best(run: Callable[[], jax.Array]) -> float:
        return min(machine.seconds(lambda: jax.block_until_ready(run()), rounds + 1))

    product, copied = best(lambda: multiply(matrix, matrix)), best(copy)
    return Rates(2 * side**3 / product, 2 * held[0].nbytes / copied)


def programs(sizes: Sizes) -> dict[str, Callable[[], Any]]:
    """Returns {what: function that traces it}."""
    params, critics, vgg = inputs.parameters(sizes)
    config = inputs.configuration(sizes)
    networks = build_networks(config)
    weights, critics, filters = unflatten(params), unflatten(critics), unflatten(vgg)
    image = jnp.asarray(inputs.pictures(1, sizes)[0], jnp.float32)
    steps = build_steps(config, networks)
    adam = networks.adam
    state = TrainState(
        step=jnp.asarray(0, jnp.int32),
        updates=jnp.zeros((), jnp.int32),
        key=jax.random.key(0),
        params=weights,
        average=weights,
        critics=critics,
        adam_generator=adam.init(weights),
        adam_critics=adam.init(critics),
    )

    def step(number: int) -> Any:
        images = jnp.broadcast_to(image, (steps[number].batches, *image.shape))
        return jax.make_jaxpr(lambda s, i, v: steps[number](s, i, v))(state, images, filters)

    paint = partial(apply, build_generator(config))
    return {
        "inference": lambda: jax.make_jaxpr(lambda p, i, m: paint(p, i, m))(weights, image, sizes.mask()),
        "pre-training step": lambda: step(0),
        "full step": lambda: step(1),
    }


def plainly(trace: Callable[[], Any]) -> Any:
    """Returns what is traced where no convolution takes another form than its definition's."""
    with few_calls(), mock.patch.object(upsample, "own_forms_pay", return_value=False):
        return trace()


def main() -> None:
    """Runs the program."""
    parser = options.parser("floor", __doc__, rounds=10)
    options.add_shape(parser)
    given = options.parse(parser, width=8, canvas=(32, 32), rounds=1)
    sizes = Sizes(given.width, given.batch, given.canvas, "float32")
    rates = peak_rates(given.rounds, *((256, 2**16) if given.short else (4096, 2**26)))
    rows = []
    for what, trace in tqdm(programs(sizes).items(), file=sys.stderr, desc="counting"):
        for form, traced in (("plain", plainly(trace)), ("ours", trace())):
            found = list(costs(traced.jaxpr))
            operations = sum(cost.operations * cost.times for cost in found)
            moved = sum(cost.bytes * cost.times for cost in found)
            cells = [what, form, f"{operations / 1e9:,.1f}", f"{moved / 1e9:,.2f}", f"{floor(found, rates):.3g}"]
            rows.append(cells)
    print(
        f"{machine.describe()}; peak rates {rates.operations / 1e9:,.0f} GFLOP/s, {rates.bytes / 1e9:,.1f} GB/s\n\n"
        + machine.table(["what", "form", "GFLOP", "GB", "floor, s"], rows)
    )


if __name__ == "__main__":
    options.run(main)
