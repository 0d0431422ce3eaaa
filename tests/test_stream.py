"""`extrapolate` over many pictures, one after the other."""

import sys
from functools import partial

import jax
import numpy as np
import pytest

from srn_jax import SRN, SRNHR, InputError, extrapolate, extrapolate_stream
from srn_jax.infer.extrapolation import MANY_PICTURES, _compiled_paint, _paint
from tests.test_generator import tiny_generator
from tests.test_infer import compilations

GENERATOR = tiny_generator(SRN((2, 2), width=2), (8, 12), (16, 24))


def pictures(count: int):
    """Yields pictures [8, 12, 3] and masks, the known window at another place in each."""
    for number in range(count):
        mask = np.ones((16, 24), bool)
        mask[number : number + 8, 2 * number : 2 * number + 12] = False
        yield np.random.default_rng(number).integers(0, 256, (8, 12, 3), dtype=np.uint8), mask


@pytest.mark.parametrize("ahead", [0, 1, 3, 9])
def test_a_stream_gives_each_pictures_canvas_in_order(ahead):
    made = list(extrapolate_stream(GENERATOR, pictures(5), ahead=ahead, expected=5))
    for canvas, (img, mask) in zip(made, pictures(5), strict=True):
        np.testing.assert_array_equal(canvas, extrapolate(GENERATOR, img, mask))


@pytest.mark.parametrize(("expected", "used"), [(15, 1), (16, 2), (99, 4)])
def test_several_devices_paint_in_turn_and_the_same(monkeypatch, expected, used):
    devices, fetch = set(), np.asarray

    def asarray(value, *arguments, **more):
        if isinstance(value, jax.Array) and value.shape == (1, 16, 24, 3):
            devices.update(value.devices())
        return fetch(value, *arguments, **more)

    monkeypatch.setattr(np, "asarray", asarray)
    made = list(extrapolate_stream(GENERATOR, pictures(5), expected=expected))
    assert devices == set(jax.local_devices()[:used])
    for canvas, (img, mask) in zip(made, pictures(5), strict=True):
        np.testing.assert_array_equal(canvas, extrapolate(GENERATOR, img, mask))
    devices.clear()
    with jax.default_device(jax.local_devices()[2]):
        list(extrapolate_stream(jax.device_put(GENERATOR, jax.local_devices()[2]), pictures(2), expected=expected))
    assert devices == {jax.local_devices()[2]}


@pytest.mark.parametrize("batch", [None, 1, 3, 32])
@pytest.mark.parametrize("listed", [False, True])
def test_pictures_are_the_same_bit_for_bit_whatever_the_batch(monkeypatch, batch, listed):
    given, made = list(pictures(7)) if listed else pictures(7), calls(monkeypatch)
    found = list(extrapolate_stream(GENERATOR, given, expected=7, batch=batch))
    assert {size for size, _ in made} == {1}  # on a CPU
    for canvas, (img, mask) in zip(found, pictures(7), strict=True):
        np.testing.assert_array_equal(canvas, extrapolate(GENERATOR, img, mask))


@pytest.mark.parametrize("batch", [2, 3, 4, 32])
@pytest.mark.parametrize("listed", [False, True])
def test_an_accelerators_batches_differ_by_rounding_at_most(monkeypatch, batch, listed):
    as_on_an_accelerator(monkeypatch)
    given = list(pictures(7)) if listed else pictures(7)
    found = list(extrapolate_stream(GENERATOR, given, expected=7, batch=batch))
    for canvas, (img, mask) in zip(found, pictures(7), strict=True):
        assert np.abs(canvas.astype(int) - extrapolate(GENERATOR, img, mask)).max() <= 1


def as_on_an_accelerator(monkeypatch) -> None:
    """Has batches go through the network as they do on an accelerator."""
    monkeypatch.setattr(sys.modules["srn_jax.infer.extrapolation"], "windows_a_call", lambda most: most or 32)


def calls(monkeypatch) -> list[tuple[int, int]]:
    """Returns what fills with (pictures, device) of each call of the network."""
    made, paint = [], _compiled_paint()

    def noted(model, few, params, image, mask):
        painted = paint(model, few, params, image, mask)
        (device,) = painted.devices()
        made.append((len(image), device.id))
        return painted

    monkeypatch.setattr(sys.modules["srn_jax.infer.extrapolation"], "_compiled_paint", lambda: noted)
    return made


def test_batches_are_of_few_sizes_and_keep_all_devices_at_work(monkeypatch):
    as_on_an_accelerator(monkeypatch)
    made = calls(monkeypatch)
    assert len(list(extrapolate_stream(GENERATOR, pictures(7), expected=7, batch=4))) == 7
    assert made == [(4, 0), (4, 0)]  # the last three, and one for the size
    made.clear()
    assert len(list(extrapolate_stream(GENERATOR, pictures(5), expected=7, batch=32))) == 5
    assert made == [(8, 0)]
    made.clear()
    assert len(list(extrapolate_stream(GENERATOR, list(pictures(7)), expected=32, batch=32))) == 7
    assert made == [(2, 0), (2, 1), (2, 2), (1, 3)]


def test_pictures_that_cannot_be_stacked_are_painted_one_by_one(monkeypatch):
    as_on_an_accelerator(monkeypatch)
    hr = tiny_generator(SRNHR(width=2), (8, 12), (16, 24), "center")  # which takes known pictures of any size
    (first, mask), *_ = pictures(1)
    whole, small = np.zeros((16, 24, 3), np.uint8), np.ones((16, 24), bool)
    small[4:8, 4:16] = False
    given = [(first, mask), (np.float32(first / 255), mask), (first[None], mask), (first, mask.astype(int))]
    given += [(whole, small), (whole, mask)]
    made = list(extrapolate_stream(hr, given, expected=6, batch=8))
    for canvas, (img, one) in zip(made, given, strict=True):
        np.testing.assert_array_equal(canvas, extrapolate(hr, img, one))


def test_of_a_batch_the_picture_that_is_wrong_is_named(monkeypatch):
    as_on_an_accelerator(monkeypatch)
    given = list(pictures(3))
    given[2] = (given[2][0], np.zeros((16, 24), bool))
    with pytest.raises(InputError, match="picture 2: mask is 0 everywhere"):
        list(extrapolate_stream(GENERATOR, given, expected=3, batch=8))


def test_a_stream_of_one_size_compiles_once():
    list(extrapolate_stream(GENERATOR, pictures(1), expected=1))
    before = compilations()
    assert len(list(extrapolate_stream(GENERATOR, pictures(6), expected=6))) == 6
    assert compilations() == before


@pytest.mark.slow
def test_many_pictures_are_worth_the_forms_that_compile_longer():
    wide = tiny_generator(SRN((2, 2), width=16), (16, 16), (32, 32))
    picture, mask = (
        np.random.default_rng(0).random((16, 16, 3), np.float32),
        np.pad(np.zeros((16, 16), bool), 8, constant_values=True),
    )

    def products(few: bool) -> int:
        arrays = np.zeros((1, 32, 32, 3), np.float32), mask[None, ..., None].astype(np.float32)
        return str(jax.make_jaxpr(partial(_paint, wide.model, few))(wide.params, *arrays)).count("= dot_general")

    assert products(few=True) < products(few=False)
    one, first, last = (
        canvas
        for count in (1, MANY_PICTURES - 1, MANY_PICTURES)
        for canvas in extrapolate_stream(wide, [(picture, mask)], expected=count)
    )
    np.testing.assert_array_equal(one, first)
    assert not np.array_equal(first, last)
    np.testing.assert_allclose(first, last, atol=1e-5)


def test_the_next_picture_is_taken_before_one_is_put_together(monkeypatch):
    happened = []

    def taken():
        for number, picture in enumerate(pictures(3)):
            happened.append(f"took {number}")
            yield picture

    fetch = np.asarray

    def asarray(value, *arguments, **more):
        if isinstance(value, jax.Array) and value.shape == (1, 16, 24, 3):
            happened.append("waited")
        return fetch(value, *arguments, **more)

    monkeypatch.setattr(np, "asarray", asarray)
    list(extrapolate_stream(GENERATOR, taken(), expected=3))
    assert happened == ["took 0", "took 1", "waited", "took 2", "waited", "waited"]


def test_what_is_wrong_with_a_picture_is_said_with_its_number():
    def broken():
        yield from pictures(1)
        yield np.zeros((8, 12), np.uint8), np.ones((16, 24), bool)

    stream = extrapolate_stream(GENERATOR, broken(), ahead=0, expected=2)
    assert next(stream).shape == (16, 24, 3)
    with pytest.raises(InputError, match=r"picture 1: img has shape \(8, 12\)"):
        next(stream)
    unchecked = extrapolate_stream.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    with pytest.raises(InputError, match="pictures is 3; it takes pairs"):
        next(unchecked(GENERATOR, 3))
    with pytest.raises(InputError, match="ahead is -1; it takes 0 or more"):
        next(extrapolate_stream(GENERATOR, pictures(1), ahead=-1))
    with pytest.raises(InputError, match="batch is 0; it takes 1 to 1,024, a whole number of pictures"):
        next(extrapolate_stream(GENERATOR, pictures(1), batch=0))
    with pytest.raises(InputError, match="expected is -1; it takes 0 or more"):
        next(extrapolate_stream(GENERATOR, pictures(1), expected=-1))
