"""JAX's operations as nodes of ONNX, (graph, equation, *values) -> value: those that the networks are made of.

What an operation can do besides, and no network asks for, is left out; an AssertionError says so.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from jax.extend import core
from jax.lax import GatherScatterMode

from srn_jax.generators.onnx_graph import Graph, Operation, Value, constant, type_of


def _shape(equation: core.JaxprEqn) -> tuple[Any, ...]:
    return equation.outvars[0].aval.shape  # pyright: ignore[reportAttributeAccessIssue]


def _whole(graph: Graph, equation: core.JaxprEqn, number: int, value: Value) -> Value:
    """Returns the equation's input of that number with nothing left to be repeated."""
    return graph.repeated(value, equation.invars[number].aval.shape)  # pyright: ignore[reportAttributeAccessIssue]


def _joint(*values: Value) -> tuple[Any, ...]:
    """Returns the shape of what goes by entries of `values`."""
    rank = max(len(value.shape) for value in values)
    shapes = [value.shape for value in values if len(value.shape) == rank]
    return tuple(next((side for side in sides if side != 1), 1) for sides in zip(*shapes, strict=True))


def _by_entries(operator: str, graph: Graph, equation: core.JaxprEqn, *values: Value, **attributes: Any) -> Value:
    del equation
    return graph.node(operator, *values, shape=_joint(*values), **attributes)


def _not_equal(graph: Graph, equation: core.JaxprEqn, x: Value, y: Value) -> Value:
    equal = _by_entries("Equal", graph, equation, x, y)
    return graph.node("Not", equal, shape=equal.shape)


def _square(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    return _by_entries("Mul", graph, equation, x, x)


def _rsqrt(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    root = _by_entries("Sqrt", graph, equation, x)
    return graph.node("Reciprocal", root, shape=root.shape)


def _same(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    del graph, equation
    return x


def _select(graph: Graph, equation: core.JaxprEqn, which: Value, otherwise: Value, chosen: Value) -> Value:
    return _by_entries("Where", graph, equation, which, chosen, otherwise)


def _cast(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    return _by_entries("Cast", graph, equation, x, to=type_of(equation.params["new_dtype"]))


def _reshaped(graph: Graph, x: Value, shape: tuple[Any, ...]) -> Value:
    if x.known is not None:
        return constant(x.known.reshape(shape))
    sides = [side if isinstance(side, int) else -1 for side in shape]  # one at most: the number of pictures
    return graph.node("Reshape", x, constant(np.array(sides, np.int64)), shape=shape)


def _reshape(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    return _reshaped(graph, _whole(graph, equation, 0, x), _shape(equation))


def _broadcast(graph: Graph, equation: core.JaxprEqn, x: Value, *_: Value) -> Value:
    """Only gives axes their places: who needs the sides as long as they are repeats them."""
    shape: list[Any] = [1] * len(_shape(equation))
    for side, axis in zip(x.shape, equation.params["broadcast_dimensions"], strict=True):
        shape[axis] = side
    return _reshaped(graph, x, tuple(shape))


def _transposed(graph: Graph, x: Value, permutation: tuple[int, ...]) -> Value:
    if permutation == tuple(range(len(permutation))):
        return x
    return graph.node("Transpose", x, shape=[x.shape[axis] for axis in permutation], perm=list(map(int, permutation)))


def _transpose(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    return _transposed(graph, _whole(graph, equation, 0, x), equation.params["permutation"])


def _concatenate(graph: Graph, equation: core.JaxprEqn, *values: Value) -> Value:
    wholes = [_whole(graph, equation, number, value) for number, value in enumerate(values)]
    return graph.node("Concat", *wholes, shape=_shape(equation), axis=int(equation.params["dimension"]))


def _stack(graph: Graph, equation: core.JaxprEqn, *values: Value) -> Value:
    axis, shape = int(equation.params["axis"]), _shape(equation)
    wholes = [_whole(graph, equation, number, value) for number, value in enumerate(values)]
    thin = [
        graph.node("Unsqueeze", w, constant(np.array([axis])), shape=(*shape[:axis], 1, *shape[axis + 1 :]))
        for w in wholes
    ]
    return graph.node("Concat", *thin, shape=shape, axis=axis)


def _sliced(graph: Graph, x: Value, axis: int, start: int, end: int, step: int, shape: tuple[Any, ...]) -> Value:
    bounds = (constant(np.array([number], np.int64)) for number in (start, end, axis, step))
    return graph.node("Slice", x, *bounds, shape=shape)


def _slice(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    x = _whole(graph, equation, 0, x)
    strides = equation.params["strides"] or [1] * len(x.shape)
    ends = equation.params["limit_indices"]
    for axis, (start, end, step) in enumerate(zip(equation.params["start_indices"], ends, strides, strict=True)):
        if (start, end, step) != (0, x.shape[axis], 1):
            shape = (*x.shape[:axis], _shape(equation)[axis], *x.shape[axis + 1 :])
            x = _sliced(graph, x, axis, start, end, step, shape)
    return x


def _reverse(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    x = _whole(graph, equation, 0, x)
    for axis in equation.params["dimensions"]:
        x = _sliced(graph, x, axis, -1, -(2**31), -1, x.shape)
    return x


def _reduce(operator: str, graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    axes = list(map(int, equation.params["axes"]))
    return graph.node(
        operator, _whole(graph, equation, 0, x), constant(np.array(axes)), shape=_shape(equation), keepdims=0
    )


def _any(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    number = graph.node("Cast", x, shape=x.shape, to=type_of(np.int32))
    most = _reduce("ReduceMax", graph, equation, number)
    return graph.node("Cast", most, shape=most.shape, to=type_of(np.bool_))


def _argmax(graph: Graph, equation: core.JaxprEqn, x: Value) -> Value:
    (axis,), shape = equation.params["axes"], _shape(equation)
    number = graph.node("Cast", _whole(graph, equation, 0, x), shape=x.shape, to=type_of(np.int32))  # of truth values
    first = graph.node("ArgMax", number, shape=shape, axis=int(axis), keepdims=0)
    return graph.node("Cast", first, shape=shape, to=type_of(equation.params["index_dtype"]))


def _pad(graph: Graph, equation: core.JaxprEqn, x: Value, fill: Value) -> Value:
    config = equation.params["padding_config"]
    assert all(low >= 0 and high >= 0 and not between for low, high, between in config), config
    pads = constant(np.array([[low for low, _, _ in config], [high for _, high, _ in config]], np.int64).reshape(-1))
    return graph.node("Pad", _whole(graph, equation, 0, x), pads, fill, shape=_shape(equation))


def _product(graph: Graph, equation: core.JaxprEqn, x: Value, y: Value) -> Value:
    (x_summed, y_summed), (x_each, y_each) = equation.params["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    of_x = [next(letters) for _ in x.shape]
    of_y = [next(letters) for _ in y.shape]
    for left, right in zip((*x_summed, *x_each), (*y_summed, *y_each), strict=True):
        of_y[right] = of_x[left]
    each = [of_x[axis] for axis in x_each]
    kept = [
        letter
        for of, gone in ((of_x, (*x_summed, *x_each)), (of_y, (*y_summed, *y_each)))
        for axis, letter in enumerate(of)
        if axis not in gone
    ]
    words = f"{''.join(of_x)},{''.join(of_y)}->{''.join([*each, *kept])}"
    wholes = (_whole(graph, equation, number, value) for number, value in enumerate((x, y)))
    return graph.node("Einsum", *wholes, shape=_shape(equation), equation=words)


def _convolution(graph: Graph, equation: core.JaxprEqn, x: Value, kernel: Value) -> Value:
    p = equation.params
    numbers, groups, shape = p["dimension_numbers"], int(p["feature_group_count"]), _shape(equation)
    assert p["batch_group_count"] == 1
    assert kernel.known is not None
    weights = kernel.known.transpose(numbers.rhs_spec)  # outputs, inputs of a group, height, width
    reach = [(taps - 1) * spread for taps, spread in zip(weights.shape[2:], p["rhs_dilation"], strict=True)]
    (before, after), apart = zip(*p["padding"], strict=True), list(map(int, p["lhs_dilation"]))
    told: dict[str, Any] = {"group": groups, "dilations": list(map(int, p["rhs_dilation"]))}
    if set(apart) == {1}:
        operator = "Conv"
        told |= {"pads": [*map(int, before), *map(int, after)], "strides": list(map(int, p["window_strides"]))}
    else:  # zeros between what is convolved: the transpose of a convolution with strides
        operator = "ConvTranspose"
        assert set(p["window_strides"]) == {1}
        assert all(b <= r for b, r in zip(before, reach, strict=True))
        outs, ins, *taps = weights.shape
        by_group = weights.reshape(groups, outs // groups, ins, *taps)[..., ::-1, ::-1]
        weights = by_group.swapaxes(1, 2).reshape(groups * ins, outs // groups, *taps)
        ends = [r - a for r, a in zip(reach, after, strict=True)]
        starts = [int(r - b) for r, b in zip(reach, before, strict=True)]
        told |= {"pads": [*starts, *(int(max(end, 0)) for end in ends)], "strides": apart}
        told |= {"output_padding": [int(max(-end, 0)) for end in ends]}
    moved = _transposed(graph, _whole(graph, equation, 0, x), numbers.lhs_spec)
    made = graph.node(operator, moved, constant(weights), shape=[shape[axis] for axis in numbers.out_spec], **told)
    return _transposed(graph, made, tuple(int(axis) for axis in np.argsort(numbers.out_spec)))


def _gather(graph: Graph, equation: core.JaxprEqn, x: Value, indices: Value) -> Value:
    """Gathers along axes one after the other: the same entries of all pictures, or of each its own."""
    p, numbers = equation.params, equation.params["dimension_numbers"]
    assert p["mode"] in (GatherScatterMode.CLIP, GatherScatterMode.PROMISE_IN_BOUNDS), p["mode"]
    x, indices = (_whole(graph, equation, number, value) for number, value in enumerate((x, indices)))
    if numbers.operand_batching_dims:
        return _gather_each(graph, equation, x, indices)
    if numbers.collapsed_slice_dims:
        (axis,) = numbers.start_index_map
        assert numbers.collapsed_slice_dims == (axis,)
        chosen = _reshaped(graph, indices, indices.shape[:-1])
        places = [place for place in range(len(_shape(equation))) if place not in numbers.offset_dims]
        assert places == list(range(axis, axis + len(chosen.shape))), equation
        return graph.node("Gather", x, chosen, shape=_shape(equation), axis=int(axis))
    assert indices.known is not None, equation
    for start, axis in zip(indices.known, numbers.start_index_map, strict=True):
        size = p["slice_sizes"][axis]
        start = min(max(int(start), 0), x.shape[axis] - size)
        x = _sliced(graph, x, axis, start, start + size, 1, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
    return x


def _gather_each(graph: Graph, equation: core.JaxprEqn, x: Value, indices: Value) -> Value:
    """Gathers from each picture at its own `indices`: single rows or columns, or stretches that begin there."""
    p, numbers = equation.params, equation.params["dimension_numbers"]
    assert numbers.operand_batching_dims == numbers.start_indices_batching_dims == (0,)
    for number, axis in enumerate(map(int, numbers.start_index_map)):
        size, last = p["slice_sizes"][axis], x.shape[axis] - p["slice_sizes"][axis]
        if axis not in numbers.collapsed_slice_dims and not last:
            continue  # all of it, wherever it is to begin
        thin = (*indices.shape[:-1], 1)
        places = _sliced(graph, indices, len(thin) - 1, number, number + 1, 1, thin)
        if p["mode"] == GatherScatterMode.CLIP:
            low, high = (constant(np.array(bound, np.int32)) for bound in (0, last))
            places = graph.node("Min", graph.node("Max", places, low, shape=thin), high, shape=thin)
        if axis not in numbers.collapsed_slice_dims:
            steps = constant(np.arange(size, dtype=np.int32)[None])
            places = graph.node("Add", places, steps, shape=(*thin[:-1], size))
        count = places.shape[1]
        places = graph.node("Cast", places, shape=places.shape, to=type_of(np.int64))
        places = _reshaped(graph, places, (places.shape[0], count, 1))
        to_second = (0, axis, *(other for other in range(1, len(x.shape)) if other != axis))
        moved = _transposed(graph, x, to_second)
        moved = graph.node("GatherND", moved, places, shape=(moved.shape[0], count, *moved.shape[2:]), batch_dims=1)
        x = _transposed(graph, moved, tuple(int(place) for place in np.argsort(to_second)))
    assert x.shape == _shape(equation), equation
    return x


def _elu(graph: Graph, x: Value) -> Value:
    return graph.node("Elu", x, shape=x.shape)


# Functions of ours that are one node.
FUNCTIONS: Mapping[str, Operation] = {"elu": _elu}
_ENTRIES = {
    **{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min"},
    **{"abs": "Abs", "neg": "Neg", "sign": "Sign", "sqrt": "Sqrt", "exp": "Exp", "tanh": "Tanh"},
    **{"gt": "Greater", "ge": "GreaterOrEqual", "lt": "Less", "le": "LessOrEqual", "eq": "Equal"},
    **{"and": "And", "or": "Or", "not": "Not"},
}
OPERATIONS: Mapping[str, Operation] = {
    **{name: partial(_by_entries, operator) for name, operator in _ENTRIES.items()},
    "rem": partial(_by_entries, "Mod", fmod=1),
    "ne": _not_equal,
    "square": _square,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "convert_element_type": _cast,
    "stop_gradient": _same,
    "copy": _same,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "slice": _slice,
    "rev": _reverse,
    "pad": _pad,
    "reduce_sum": partial(_reduce, "ReduceSum"),
    "reduce_max": partial(_reduce, "ReduceMax"),
    "reduce_or": _any,
    "argmax": _argmax,
    "dot_general": _product,
    "conv_general_dilated": _convolution,
    "gather": _gather,
}
