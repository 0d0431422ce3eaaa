"""The plan of windows: what it must hold for any picture, any margins and any model."""

import numpy as np
import pytest

from srn_jax.errors import InputError
from srn_jax.infer.windows import Box, Sides, plan
from tests.tiers import slow_but

MODELS = {
    "as the paper's faces": ("random", (8, 12), (16, 24)),
    "taller than wide": ("random", (16, 8), (16, 24)),
    "to the sides alone": ("center", (8, 12), (8, 24)),
    "odd margins": ("center", (8, 8), (13, 15)),
    "downward alone": ("top", (8, 16), (32, 16)),
    "downward and to the sides": ("top", (8, 12), (16, 24)),
}


def cut(array: np.ndarray, box: Box) -> np.ndarray:
    assert min(box.top, box.left) >= 0
    assert box.top + box.height <= array.shape[0]
    assert box.left + box.width <= array.shape[1]
    return array[box.top : box.top + box.height, box.left : box.left + box.width]


@pytest.mark.parametrize("model", slow_but(["as the paper's faces"], MODELS))
def test_every_window_sees_what_is_there_and_every_pixel_is_painted_once_it_can_be(model):
    placement, known, canvas = MODELS[model]
    rng = np.random.default_rng(sum(model.encode()))
    for _ in range(150):
        picture = int(rng.integers(1, 60)), int(rng.integers(1, 60))
        margins = Sides(*(rng.integers(0, 40, 4) * rng.integers(0, 2, 4)).tolist())
        if not any(margins):
            continue
        planned = plan(picture, margins, known=known, canvas=canvas, placement=placement)
        height, width = planned.picture
        # The picture is no smaller than what the model sees, and no larger than it must be, but for rounding.
        turns = {one.turns % 2 for one in planned.rounds}
        assert all(height >= known[turn] and width >= known[1 - turn] for turn in turns)
        assert any(height == known[turn] or width == known[1 - turn] for turn in turns)
        for side, working, axis in zip(margins, planned.margins, (0, 0, 1, 1), strict=True):
            exact = side * planned.picture[axis] / picture[axis]
            assert exact <= working < exact + 1
        there = np.zeros(
            (
                height + planned.margins.top + planned.margins.bottom,
                width + planned.margins.left + planned.margins.right,
            )
        )
        cut(there, Box(planned.margins.top, planned.margins.left, height, width))[:] = 1
        for one in planned.rounds:
            view = np.rot90(there, one.turns)
            assert cut(view, one.known).all()
            assert view.sum() == one.known.height * one.known.width
            seen = np.zeros_like(view)
            for window in one.windows:
                assert cut(view, Box(window.top + window.offset[0], window.left + window.offset[1], *known)).all()
                assert all(0 <= o <= c - k for o, c, k in zip(window.offset, canvas, known, strict=True))
                rows = slice(max(window.top, 0), window.top + canvas[0])
                seen[rows, max(window.left, 0) : window.left + canvas[1]] = 1
            assert (cut(seen, one.painted) + cut(view, one.painted)).all()
            cut(view, one.painted)[:] = 1
        assert there.all()


@pytest.mark.parametrize("placement", ["center", "top"])
def test_windows_lie_as_at_training(placement):
    offsets = {"center": (4, 6), "top": (0, 6)}
    planned = plan((8, 12), Sides(0, 30, 20, 7), known=(8, 12), canvas=(16, 24), placement=placement)
    assert {window.offset for one in planned.rounds for window in one.windows} == {offsets[placement]}


@pytest.mark.parametrize(
    ("margins", "passes", "turns"),
    [
        (Sides(4, 4, 6, 6), 1, [0]),
        (Sides(8, 0, 0, 12), 1, [0]),
        (
            Sides(0, 0, 0, 36),
            4,
            [0, 0, 0, 0],
        ),  # a panorama, a picture's width first, then less: what was painted is seen
        (Sides(8, 8, 0, 0), 3, [0, 0]),  # 4 and 4, then 4 above the twice as high picture, and 4 below it
    ],
)
def test_passes(margins, passes, turns):
    planned = plan((8, 12), margins, known=(8, 12), canvas=(16, 24), placement="random")
    assert (planned.passes, [one.turns for one in planned.rounds]) == (passes, turns)
    assert planned.picture == (8, 12)


def test_rounds_are_even():
    planned = plan((8, 12), Sides(0, 0, 0, 26), known=(8, 12), canvas=(16, 24), placement="random")
    assert [one.painted.width - one.known.width for one in planned.rounds] == [9, 9, 8]
    assert [one.setback for one in planned.rounds] == [(0, 0, 0, 0), (0, 0, 0, 3), (0, 0, 0, 3)]
    known = [window.left + window.offset[1] for one in planned.rounds for window in one.windows]
    assert known == [0, 9 - 3, 18 - 3]  # 3 pixels within the border of what was painted


def test_what_a_model_was_never_trained_to_paint_is_painted_turned():
    planned = plan((16, 16), Sides(5, 6, 7, 8), known=(8, 16), canvas=(32, 16), placement="top")
    assert [one.turns for one in planned.rounds] == [0, 2, 1, 3]
    assert planned.picture == (16, 16)


def test_a_large_picture_is_worked_at_the_models_scale():
    planned = plan((800, 1800), Sides(0, 0, 900, 1), known=(8, 12), canvas=(16, 24), placement="random")
    assert planned.picture == (8, 18)
    assert planned.margins == (0, 0, 9, 1)


def test_a_model_that_paints_nothing_is_refused():
    with pytest.raises(InputError, match="trained to paint nothing beyond a picture"):
        plan((8, 8), Sides(1, 0, 0, 0), known=(8, 8), canvas=(8, 8), placement="random")


def test_sides_turn_as_arrays_do():
    canvas = np.zeros((10, 20))
    canvas[1:8, 3:16] = 1  # 1 above, 2 below, 3 to the left, 4 to the right
    for turns in range(-3, 5):
        turned = np.rot90(canvas, turns)
        rows, columns = np.flatnonzero(turned.any(axis=1)), np.flatnonzero(turned.any(axis=0))
        found = (rows[0], turned.shape[0] - 1 - rows[-1], columns[0], turned.shape[1] - 1 - columns[-1])
        assert Sides(1, 2, 3, 4).turned(turns) == found


@pytest.mark.parametrize("size", [(1, 30_000), (16, 16)])
def test_a_working_canvas_beyond_all_bounds_is_refused(size):
    margins = Sides(600, 600, 100_000, 100_000)
    with pytest.raises(InputError, match=rf"the picture is {size[1]}x{size[0]}; .* million pixels; it takes up to 100"):
        plan(size, margins, known=(128, 128), canvas=(256, 256), placement="random")


def test_thin_pictures_take_few_passes_and_others_what_they_took():
    def passes(size: tuple[int, int]) -> int:
        margins = Sides(size[0], size[0], size[1] // 2, size[1] // 2)
        return plan(size, margins, known=(128, 128), canvas=(256, 256), placement="random").passes

    for thin, other in (((1, 1000), (100, 800)), ((30_000, 2), (800, 100))):
        assert passes(thin) <= 1.6 * passes(other) < 200
    # A picture of up to 8:1 is seen in its own shape.
    planned = plan((100, 800), Sides(0, 0, 100, 0), known=(128, 128), canvas=(256, 256), placement="random")
    assert (planned.picture, planned.margins) == ((128, 1024), (0, 0, 128, 0))
    planned = plan((100, 1600), Sides(0, 0, 100, 0), known=(128, 128), canvas=(256, 256), placement="random")
    assert (planned.picture, planned.margins) == ((128, 1024), (0, 0, 64, 0))
