"""A traced function as a graph of ONNX: what is known when it is written is computed, the rest becomes nodes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import onnx
from jax.extend import core
from onnx import helper, numpy_helper

from srn_jax.errors import InputError

OPSET = 18  # of 2022: what is needed is in it, and most runtimes have it
_IR_VERSION = 9  # the newest that runtimes of that opset's time read
_BATCH = "batch"
_MANY = 1024  # entries from which on an array counts as weights
_OWN_DERIVATIVES = "custom_vjp_call"
_BODIES = ("call_jaxpr", "jaxpr")  # of equations that call a function, its parameter


class Value(NamedTuple):
    """What stands for an array of the traced function.

    Attributes:
      content: the array, if it is known, or its name in the graph.
      shape: its own, with 1 where it is still to be repeated: nodes that go by entries do so by themselves.
    """

    content: np.ndarray | str
    shape: tuple[Any, ...]

    @property
    def known(self) -> np.ndarray | None:
        """The array, or None where only the runtime knows it."""
        return self.content if isinstance(self.content, np.ndarray) else None


Operation = Callable[..., Value]


def constant(array: Any) -> Value:
    """Returns an array that is known."""
    array = np.asarray(array)
    return Value(array, array.shape)


class Graph:
    """A graph that grows by nodes. One dimension of its arrays may be symbolic, the number of pictures."""

    def __init__(self, operations: Mapping[str, Operation], functions: Mapping[str, Operation], *, half: bool) -> None:
        """Begins an empty graph.

        Args:
          operations: (graph, equation, *values) -> value, by the name of JAX's operation.
          functions: (graph, *values) -> value, by the name of a function with derivatives of its own.
          half: whether weights that float16 holds exactly are stored so, and cast by the runtime.
        """
        self._operations, self._functions, self._half = operations, functions, half
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._batch: Value | None = None

    def input(self, name: str, aval: Any) -> Value:
        """Returns a new input."""
        self._inputs.append(_described(name, aval))
        return Value(name, aval.shape)

    def output(self, name: str, value: Value, aval: Any) -> None:
        """Makes `value` an output."""
        self._nodes.append(helper.make_node("Identity", [self._name(self.repeated(value, aval.shape))], [name]))
        self._outputs.append(_described(name, aval))

    def node(self, operator: str, *inputs: Value, shape: Sequence[Any], **attributes: Any) -> Value:
        """Returns the output, of `shape`, of a new node."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, [self._name(value) for value in inputs], [name], **attributes))
        return Value(name, tuple(shape))

    def model(self, producer: str, version: str) -> onnx.ModelProto:
        """Returns the whole as a file holds it, checked."""
        graph = helper.make_graph(self._nodes, producer, self._inputs, self._outputs, self._constants)
        opset = [helper.make_operatorsetid("", OPSET)]
        named = {"producer_name": producer, "producer_version": version}
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, **named)
        onnx.checker.check_model(model)
        return model

    def sizes(self, shape: Sequence[Any]) -> Value:
        """Returns a shape as the runtime takes it, a vector."""
        if all(isinstance(side, int) for side in shape):
            return constant(np.array(shape, np.int64))
        if self._batch is None:
            first = self._inputs[0].name
            self._batch = self.node("Shape", Value(first, ()), shape=(1,), start=0, end=1)
        sides = [constant(np.array([side], np.int64)) if isinstance(side, int) else self._batch for side in shape]
        return self.node("Concat", *sides, shape=(len(sides),), axis=0)

    def repeated(self, value: Value, shape: Sequence[Any]) -> Value:
        """Returns `value` with nothing left to be repeated."""
        if value.shape == tuple(shape):
            return value
        return self.node("Expand", value, self.sizes(shape), shape=shape)

    def run(self, jaxpr: core.Jaxpr, constants: Sequence[Any], arguments: Sequence[Value]) -> list[Value]:
        """Returns what a traced function makes of `arguments`, by new nodes.

        Raises:
          InputError: an operation in it is not known here.
        """
        values = dict(zip(jaxpr.constvars, map(constant, constants), strict=True))
        values |= dict(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: Any) -> Value:
            if isinstance(atom, core.Literal):
                return constant(np.asarray(atom.val, atom.aval.dtype))  # pyright: ignore[reportAttributeAccessIssue]
            return values[atom]

        for equation in jaxpr.eqns:
            inputs = [read(atom) for atom in equation.invars]
            values |= dict(zip(equation.outvars, self._outputs_of(equation, inputs), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _outputs_of(self, equation: core.JaxprEqn, inputs: list[Value]) -> list[Value]:
        name, parameters = equation.primitive.name, equation.params
        body = next((parameters[key] for key in _BODIES if key in parameters), None)
        if body is not None:
            function = self._functions.get(body.jaxpr.debug_info.func_name) if name == _OWN_DERIVATIVES else None
            return [function(self, *inputs)] if function else self.run(body.jaxpr, body.consts, inputs)
        shapes = [var.aval.shape for var in equation.outvars]  # pyright: ignore[reportAttributeAccessIssue]
        known = [value.known for value in inputs]
        if all(array is not None for array in known) and all(isinstance(side, int) for s in shapes for side in s):
            made = equation.primitive.bind(*known, **parameters)
            return [constant(array) for array in (made if equation.primitive.multiple_results else [made])]
        try:
            return [self._operations[name](self, equation, *inputs)]
        except (KeyError, AssertionError) as error:
            raise InputError(
                f"--format onnx: jax {jax.__version__} makes of this network an operation {name!r} for which no node "
                "of ONNX is known here; --format stablehlo takes all"
            ) from error

    def _name(self, value: Value) -> str:
        if isinstance(value.content, str):
            return value.content
        array, name = value.content, f"constant_{len(self._constants)}"
        if self._half and array.size >= _MANY and array.dtype == np.float32:
            halved = array.astype(np.float16)
            if np.array_equal(halved.astype(np.float32), array):
                self._constants.append(numpy_helper.from_array(halved, name))
                return self._name(
                    self.node("Cast", Value(name, array.shape), shape=array.shape, to=type_of(np.float32))
                )
        self._constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name


def type_of(dtype: Any) -> int:
    """Returns a type's number in ONNX."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _described(name: str, aval: Any) -> onnx.ValueInfoProto:
    sides = [side if isinstance(side, int) else _BATCH for side in aval.shape]
    return helper.make_tensor_value_info(name, type_of(aval.dtype), sides)
