"""Convolutions: the plain forms against loops, the fast ones against the plain, derivatives of any order."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from srn_jax import convolution
from srn_jax.convolution import dilated, forms, narrow, neighbours, plain, strided, upsample, winograd, winograd_rows
from srn_jax.convolution.plain import Sampling

CASES = [  # (inputs, taps, stride, dilation)
    ((6, 8), (3, 3), 1, 1),
    ((8, 6), (3, 3), 2, 1),
    ((7, 5), (5, 5), 2, 1),
    ((9, 6), (5, 5), 1, 1),
    ((8, 12), (3, 3), 1, 2),
    ((3, 5), (3, 3), 1, 16),  # the kernel reaches beyond the map on all sides
]
PARTS = ("output", "input_gradient", "kernel_gradient")


def draw(*shape: int, key: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(key).standard_normal(shape, np.float32))  # JAX's own would be compiled


def computed(form: Any, g: Sampling, x: jax.Array, kernel: jax.Array, y: jax.Array, parts=PARTS) -> list[np.ndarray]:
    """Returns these parts of a convolution in one of its forms, compiled as one program."""

    def compute(x, kernel, y):
        arrays = {"output": (x, kernel), "input_gradient": (y, kernel), "kernel_gradient": (x, y)}
        return [getattr(form, part)(g, *arrays[part]) for part in parts]

    return jax.device_get(jax.jit(compute)(x, kernel, y))


def assert_close(made, expected, limit: float) -> None:
    for a, b in zip(made, expected, strict=True):
        assert a.shape == b.shape
        assert np.linalg.norm(a - b) < limit * np.linalg.norm(b)


def assert_equals_plain(form: Any, g: Sampling, channels: tuple[int, int], limit: float, parts=PARTS) -> None:
    outputs = (-(-side // g.stride) for side in g.inputs)
    x, kernel = draw(4, *g.inputs, channels[0]), draw(*g.taps, *channels, key=1)
    arrays = x, kernel, draw(4, *outputs, channels[1], key=2)
    assert_close(computed(form, g, *arrays, parts), computed(plain, g, *arrays, parts), limit)


def by_loops(g: Sampling, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns TensorFlow's SAME convolution in float64, one pixel and tap at a time."""
    rows, columns = (-(-size // g.stride) for size in g.inputs)
    before = []
    for size, out, taps in zip(g.inputs, (rows, columns), g.taps, strict=True):
        before.append(max((out - 1) * g.stride + (taps - 1) * g.dilation + 1 - size, 0) // 2)
    y = np.zeros((x.shape[0], rows, columns, kernel.shape[3]))
    for i, j in np.ndindex(rows, columns):
        for s, t in np.ndindex(*g.taps):
            row, column = i * g.stride + s * g.dilation - before[0], j * g.stride + t * g.dilation - before[1]
            if 0 <= row < g.inputs[0] and 0 <= column < g.inputs[1]:
                y[:, i, j] += x[:, row, column].astype(float) @ kernel[s, t]
    return y


@pytest.mark.parametrize(("inputs", "taps", "stride", "dilation"), CASES)
def test_plain_convolution_and_its_gradients_equal_loops(inputs, taps, stride, dilation):
    g = Sampling(stride, dilation, inputs, taps)
    x, kernel = draw(2, *inputs, 3), draw(*taps, 3, 4, key=1)
    expected = by_loops(g, np.asarray(x), np.asarray(kernel))
    y = draw(*expected.shape, key=2)
    output, input_gradient, kernel_gradient = computed(plain, g, x, kernel, y)
    np.testing.assert_allclose(output, expected, atol=1e-4)
    # The gradients by their definition: <y, output(x', k)> = <input_gradient(y, k), x'>, for all x'; and so in k.
    other_x, other_kernel = (np.asarray(draw(*array.shape, key=key)) for array, key in ((x, 3), (kernel, 4)))
    along_x = np.sum(np.asarray(y) * by_loops(g, other_x, np.asarray(kernel)))
    along_kernel = np.sum(np.asarray(y) * by_loops(g, np.asarray(x), other_kernel))
    assert np.vdot(input_gradient, other_x) == pytest.approx(along_x, rel=1e-4, abs=1e-3)
    assert np.vdot(kernel_gradient, other_kernel) == pytest.approx(along_kernel, rel=1e-4, abs=1e-3)


ALL_AT_ONCE = 2**26


@pytest.mark.parametrize(
    ("inputs", "taps", "dilation", "most_bytes"),
    [
        ((8, 12), 3, 1, ALL_AT_ONCE),  # tiles of 4
        ((8, 12), 3, 1, 30_000),  # two images at a time
        ((8, 12), 3, 1, 1),  # one strip at a time
        ((6, 8), 3, 1, ALL_AT_ONCE),  # tiles of 2
        ((8, 12), 3, 2, ALL_AT_ONCE),  # of 2, on sub-grids
        ((16, 8), 3, 2, ALL_AT_ONCE),  # of 4, on sub-grids
        ((16, 8), 3, 2, 1),
        ((16, 32), 3, 8, 30_000),  # one image at a time, no strips
        ((16, 8), 5, 1, ALL_AT_ONCE),
        ((16, 8), 5, 1, 1),
    ],
)
def test_winograd_equals_the_plain_form_in_all_three_parts(monkeypatch, inputs, taps, dilation, most_bytes):
    monkeypatch.setattr(winograd, "_MOST_BYTES", most_bytes)
    assert_equals_plain(winograd, Sampling(1, dilation, inputs, (taps, taps)), (5, 4), 1e-5)


@pytest.mark.parametrize(
    ("inputs", "taps"),
    [
        ((8, 12), (3, 3)),
        ((12, 7), (3, 3)),  # of rows alone, so that columns are as many as they like
        ((16, 8), (5, 5)),
        ((4, 6), (5, 3)),  # one tile
        ((8, 5), (3, 1)),
    ],
)
@pytest.mark.parametrize("channels", [(5, 4), (4, 5)])  # neighbours lie where channels are fewer
@pytest.mark.parametrize("most_bytes", [ALL_AT_ONCE, 1])  # one image at a time; strips, where rows allow
def test_winograd_of_rows_equals_the_plain_form_in_all_three_parts(monkeypatch, inputs, taps, channels, most_bytes):
    for module in (neighbours, winograd_rows):  # of the kernel's gradient, and of the others
        monkeypatch.setattr(module, "_MOST_BYTES", most_bytes)
    assert winograd_rows.exists(Sampling(1, 1, inputs, taps))
    assert_equals_plain(winograd_rows, Sampling(1, 1, inputs, taps), channels, 1e-5)


def test_no_more_strips_than_compile_soon():
    assert neighbours.strips(64, 2**40) == [slice(first, first + 4) for first in range(0, 64, 4)]
    assert neighbours.strips(7, 2**40) == [slice(row, row + 1) for row in range(7)]
    assert neighbours.strips(17, 2**40) == [slice(0, 17)]


@pytest.mark.parametrize(
    ("inputs", "taps"), [((16, 8), (3, 3)), ((16, 12), (5, 5)), ((7, 4), (7, 3)), ((2, 2), (1, 1))]
)
def test_narrow_convolutions_equal_the_plain_form(inputs, taps):
    assert_equals_plain(narrow, Sampling(1, 1, inputs, taps), (3, 4), 2e-6, PARTS[:2])


@pytest.mark.parametrize(
    ("inputs", "taps", "stride"),
    [
        ((16, 12), (5, 5), 1),
        ((7, 4), (7, 3), 1),
        ((4, 6), (2, 2), 1),
        ((2, 2), (1, 1), 1),
        ((8, 6), (3, 3), 2),
        ((8, 16), (5, 5), 2),
        ((7, 5), (3, 3), 2),  # sides that the stride does not divide
        ((9, 6), (5, 5), 2),
        ((6, 8), (1, 1), 2),
        ((4, 6), (4, 4), 2),
        ((9, 6), (3, 3), 3),
        ((8, 8), (7, 7), 4),
        ((3, 5), (2, 2), 4),  # a stride that passes pixels by
    ],
)
@pytest.mark.parametrize("most_bytes", [ALL_AT_ONCE, 1])  # in strips, where rows allow
def test_a_kernel_gradient_by_neighbours_equals_the_plain_form(monkeypatch, inputs, taps, stride, most_bytes):
    monkeypatch.setattr(neighbours, "_MOST_BYTES", most_bytes)
    g = Sampling(stride, 1, inputs, taps)
    assert_equals_plain(neighbours, g, (3, 4), 2e-6, PARTS[2:])


def test_a_long_sum_by_neighbours_is_taken_in_halves(monkeypatch):
    monkeypatch.setattr(neighbours, "_LONG_SUM", 64)
    assert_equals_plain(neighbours, Sampling(1, 1, (8, 8), (3, 3)), (3, 4), 2e-6, PARTS[2:])
    assert_equals_plain(neighbours, Sampling(2, 1, (9, 11), (3, 3)), (3, 4), 2e-6, PARTS[2:])


# Of layers of n = 16 to 64, by what each form takes alone.
FASTEST = [  # (inputs, outputs, side, taps, stride, dilation, forms of the three parts)
    (32, 32, 256, 5, 1, 1, (winograd_rows, winograd_rows, winograd_rows)),
    (16, 16, 256, 5, 1, 1, (plain, plain, neighbours)),
    (3, 32, 256, 5, 2, 1, (plain, plain, neighbours)),
    (64, 64, 256, 3, 1, 1, (winograd_rows, winograd_rows, winograd_rows)),
    (64, 64, 512, 3, 1, 1, (plain, plain, winograd_rows)),  # memory takes longer than what is spared
    (32, 16, 256, 3, 1, 1, (plain, plain, winograd_rows)),
    (64, 256, 128, 3, 1, 1, (winograd_rows, winograd_rows, winograd_rows)),
    (128, 128, 128, 3, 1, 1, (winograd, winograd, winograd)),
    (64, 128, 128, 3, 1, 1, (winograd_rows, winograd_rows, winograd)),
    (32, 128, 128, 3, 1, 1, (winograd, plain, winograd_rows)),  # 9 x 32 sums an output: XLA's own uses one core
    (128, 128, 64, 3, 1, 1, (winograd, winograd, winograd)),
    (128, 128, 65, 3, 1, 1, (plain, plain, neighbours)),  # no whole tiles
    (128, 128, 68, 3, 1, 1, (winograd, winograd, winograd)),
    (32, 32, 64, 3, 1, 1, (plain, plain, winograd_rows)),
    (64, 64, 32, 3, 1, 1, (winograd, winograd, winograd)),
    (128, 128, 64, 3, 1, 2, (winograd, winograd, winograd)),
    (256, 256, 64, 3, 1, 16, (winograd, winograd, winograd)),
    (256, 256, 60, 3, 1, 16, (plain, plain, plain)),  # no whole tiles
    (3, 256, 64, 3, 1, 16, (plain, plain, plain)),  # too few channels
    (16, 16, 64, 3, 1, 2, (plain, plain, plain)),
]


@pytest.mark.parametrize(("ins", "outs", "side", "taps", "stride", "dilation", "expected"), FASTEST)
def test_which_form_a_convolution_takes(monkeypatch, ins, outs, side, taps, stride, dilation, expected):
    g = Sampling(stride, dilation, (side, side), (taps, taps))
    picked = {part: forms.fastest(part, g, ins, outs, jnp.float32) for part in PARTS}
    assert picked == {part: getattr(form, part) for part, form in zip(PARTS, expected, strict=True)}
    reduced = {part: forms.fastest(part, g, ins, outs, jnp.bfloat16) for part in PARTS}
    assert reduced == {part: getattr(plain, part) for part in PARTS}
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert forms.fastest("output", g, ins, outs, jnp.float32) is plain.output
    last = dilated if g.dilation > 1 else plain
    assert forms.fastest("kernel_gradient", g, ins, outs, jnp.float32) is last.kernel_gradient


@pytest.mark.parametrize(
    ("ins", "outs", "inputs", "fast"),
    [
        (16, 3, (256, 256), PARTS[:2]),  # the last layer at n = 32
        (3, 32, (128, 128), PARTS[:1]),  # the first
        (16, 3, (256, 255), ()),  # no pairs
        (24, 24, (256, 256), ()),
    ],
)
def test_which_convolutions_are_narrow(ins, outs, inputs, fast):
    g = Sampling(1, 1, inputs, (3, 3))
    assert tuple(p for p in PARTS[:2] if forms.fastest(p, g, ins, outs, jnp.float32) is getattr(narrow, p)) == fast
    assert not narrow.suits("output", g._replace(stride=2), ins, outs)
    assert not narrow.suits("output", g._replace(taps=(2, 2)), ins, outs)


@pytest.mark.parametrize(
    ("inputs", "taps", "dilation"),
    [((8, 12), (3, 3), 2), ((7, 9), (5, 3), 4), ((3, 5), (3, 3), 16), ((2, 1), (1, 1), 3)],
)
def test_a_dilated_kernel_gradient_by_sub_grids_equals_the_plain_form(inputs, taps, dilation):
    g = Sampling(1, dilation, inputs, taps)
    assert dilated.suits("kernel_gradient", g, 5, 4)
    assert_equals_plain(dilated, g, (5, 4), 2e-6, PARTS[2:])


@pytest.mark.parametrize(
    ("inputs", "taps", "stride", "channels"),
    [
        ((8, 6), 3, 2, (5, 4)),
        ((8, 16), 5, 2, (5, 4)),
        ((8, 16), 5, 2, (64, 66)),  # enough for minimal filtering
        ((2, 4), 5, 2, (64, 66)),  # but for the map, which has no tiles
        ((9, 6), 3, 3, (5, 4)),
        ((9, 15), 5, 3, (5, 4)),
        ((8, 8), 7, 4, (5, 4)),
    ],
)
def test_a_strided_input_gradient_equals_the_plain_form(inputs, taps, stride, channels):
    assert_equals_plain(strided, Sampling(stride, 1, inputs, (taps, taps)), channels, 1e-5, PARTS[1:2])


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (5, 3)])
def test_upsampling_by_phases_equals_the_plain_form_and_its_gradients(size):
    x, kernel = draw(2, *size, 5), draw(3, 3, 5, 4, key=1)
    y = draw(2, 2 * size[0], 2 * size[1], 4, key=2)

    @partial(jax.jit, static_argnums=0)
    def with_gradients(form, x, kernel, y):
        made, pull = jax.vjp(form, x, kernel)
        return made, *pull(y)

    assert_close(with_gradients(upsample.by_phases, x, kernel, y), with_gradients(upsample.plain, x, kernel, y), 2e-6)


def xla(x: jax.Array, kernel: jax.Array, stride: int, dilation: int) -> jax.Array:
    return plain.output(Sampling(stride, dilation, x.shape[1:3], kernel.shape[:2]), x, kernel)


@pytest.mark.parametrize(("inputs", "taps", "stride", "dilation"), [CASES[0], CASES[2], CASES[4]])
def test_derivatives_of_second_order_equal_xlas(inputs, taps, stride, dilation):
    """As a gradient penalty takes them: of the gradient in the input, in the kernel and in the input once more."""
    x, kernel = draw(2, *inputs, 3), draw(*taps, 3, 4, key=1)

    def penalty(convolve):
        def slope(x, kernel):
            gradient = jax.grad(lambda x: jnp.sum(jnp.tanh(convolve(x, kernel))))(x)
            other = jax.grad(lambda kernel: jnp.sum(jnp.tanh(convolve(x, kernel))))(kernel)
            return jnp.sum(jnp.square(gradient)) + jnp.sum(jnp.square(other))

        return jax.jit(jax.grad(slope, argnums=(0, 1)))(x, kernel)

    ours = penalty(lambda x, kernel: convolution.conv(x, kernel, stride=stride, dilation=dilation))
    assert_close(ours, penalty(lambda x, kernel: xla(x, kernel, stride, dilation)), 1e-5)


def test_a_kernel_that_all_devices_share_gets_the_sum_of_their_gradients():
    mesh = jax.make_mesh((4,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    x, kernel = draw(4, 6, 8, 3), draw(3, 3, 3, 4, key=1)

    def gradients(x, kernel):
        return jax.grad(lambda x, kernel: jnp.sum(jnp.square(convolution.conv(x, kernel))), argnums=(0, 1))(x, kernel)

    specs = P("batch"), P()
    spread = jax.shard_map(gradients, mesh=mesh, in_specs=specs, out_specs=specs)
    for a, b in zip(jax.jit(spread)(x, kernel), jax.jit(gradients)(x, kernel), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("inputs", "side", "ins", "form"),
    [
        ((64, 64), 3, 64, strided),
        ((64, 64), 5, 64, strided),
        ((65, 64), 3, 64, plain),  # odd
        ((64, 64), 3, 3, plain),  # too few channels
    ],
)
def test_which_form_a_convolution_with_a_stride_takes(inputs, side, ins, form):
    g = Sampling(2, 1, inputs, (side, side))
    assert forms.fastest("output", g, ins, 64, jnp.float32) is plain.output
    assert forms.fastest("input_gradient", g, ins, 64, jnp.float32) is form.input_gradient


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"padding": "VALID"}, "padding is 'VALID'"),
        ({"padding": [(1, 1), (1, 1)]}, "padding is"),
        ({"strides": (1, 2)}, r"strides is \(1, 2\)"),
        ({"rhs_dilation": (2, 1)}, r"rhs_dilation is \(2, 1\)"),
        ({"lhs_dilation": (2, 2)}, r"lhs_dilation is \(2, 2\)"),
        ({"feature_group_count": 2}, "feature_group_count"),
        ({"batch_group_count": 2}, "batch_group_count"),
        ({"dimension_numbers": ("NCHW", "OIHW", "NCHW")}, "dimension_numbers"),
        ({"precision": jax.lax.Precision.HIGHEST}, "precision"),
    ],
)
def test_a_convolution_that_is_none_of_ours_is_refused(changes, message):
    x, kernel = jnp.ones((4, 4, 4, 4)), jnp.ones((3, 3, 4, 4))
    given: dict[str, Any] = {"strides": (1, 1), "padding": "SAME", "rhs_dilation": (1, 1), "feature_group_count": 1}
    convolution.conv_general_dilated(x, kernel, **given)
    with pytest.raises(AssertionError, match=message):
        convolution.conv_general_dilated(x, kernel, **(given | changes))


def test_convolutions_of_the_same_shapes_are_traced_once(monkeypatch):
    traced = []

    def output(g: Sampling, x: jax.Array, kernel: jax.Array) -> jax.Array:
        traced.append(g)
        return plain.output(g, x, kernel)

    monkeypatch.setattr(forms, "fastest", lambda part, *given: output)
    x, kernel = draw(1, 6, 8, 2), draw(3, 3, 2, 2)
    jax.jit(lambda x: convolution.conv(convolution.conv(x, kernel), kernel)).lower(x)
    jax.jit(lambda x: convolution.conv(2.0 * x, kernel)).lower(x)  # another program
    assert len(traced) == 1
