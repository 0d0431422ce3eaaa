"""Where a model's windows go when one of them cannot make the canvas: rounds of passes, outward from the picture.

A *window* is one pass: a canvas of the size that the model was trained at, around a known rectangle of the size that
it was trained with, which lies where there are pixels already. All is integers here, on the *working* canvas: the
picture at the model's scale, its shorter side as long as the known rectangle's. A picture thinner than 8:1 is squeezed
to that along its longer side, since passes are in proportion to it.
"""

import math
from typing import NamedTuple

from srn_jax.errors import InputError
from srn_jax.geometry.placement import Size, offset_bounds

_MAX_PIXELS = 100_000_000  # of a working canvas, which takes some 60 bytes of memory a pixel
_THINNEST = 8  # times its shorter side: so long is a picture's longer side for the model; what is longer is squeezed


class Sides(NamedTuple):
    """How far the canvas reaches beyond the picture, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    def turned(self, turns: int) -> "Sides":
        """Returns them after `turns` quarter turns as `np.rot90` makes them: the right side comes to the top."""
        sides = self
        for _ in range(turns % 4):
            sides = Sides(sides.right, sides.left, sides.top, sides.bottom)
        return sides


class Box(NamedTuple):
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


class Window(NamedTuple):
    """One pass: its corner, and the known rectangle's within it."""

    top: int
    left: int
    offset: tuple[int, int]


class Round(NamedTuple):
    """Passes that see the same pixels, and what they add to them; on the canvas turned by `turns` quarters.

    Known rectangles lie `setback` pixels within a border of painted pixels, so that these are painted once more: the
    old and the new fade into each other there, since what a model paints never quite meets what it saw.
    """

    turns: int
    known: Box
    painted: Box
    setback: Sides
    windows: tuple[Window, ...]


class Plan(NamedTuple):
    """How a canvas is made: `picture` and `margins` are those of the working canvas."""

    picture: Size
    margins: Sides
    rounds: tuple[Round, ...]

    @property
    def passes(self) -> int:
        """How many windows are painted."""
        return sum(len(one.windows) for one in self.rounds)


class _Axis(NamedTuple):
    """What a model was trained with, on one axis: sizes, and the offsets of the known rectangle."""

    known: int
    canvas: int
    least: int
    greatest: int

    @property
    def slack(self) -> int:
        return self.canvas - self.known

    @property
    def reach(self) -> tuple[int, int]:
        """How far one window reaches before its known rectangle, and behind it."""
        return self.greatest, self.slack - self.least

    def offset(self, before: int, after: int) -> int:
        """Returns the offset nearest to the middle that leaves so much room."""
        return min(max(self.slack // 2, self.least, before), self.greatest, self.slack - after)


class _Advance(NamedTuple):
    """One round on one axis: pixels added before and after, and (start, offset) of its known rectangles."""

    before: int
    after: int
    setback: tuple[int, int]
    places: list[tuple[int, int]]


def plan(picture: Size, margins: Sides, *, known: Size, canvas: Size, placement: str) -> Plan:
    """Returns how a model paints `margins` around a picture of size `picture`, both in the picture's pixels.

    Sides that the model was never trained to paint are painted with the picture turned by a half or a quarter.

    Args:
      picture: (height, width).
      margins: how far the canvas reaches beyond it.
      known, canvas: (height, width) that the model was trained at.
      placement: how the known rectangle lay then, a name in `geometry.placement.AROUND`.

    Raises:
      InputError: the model's canvas is its known rectangle; the working canvas would be beyond all bounds.
    """
    least, greatest = offset_bounds(placement, canvas, known)
    model = tuple(_Axis(*one) for one in zip(known, canvas, least, greatest, strict=True))
    turned = _turned_sides(margins, model)
    seen = tuple(min(side, _THINNEST * other) for side, other in zip(picture, picture[::-1], strict=True))
    scale = max(max(known[i] / seen[i ^ (turns % 2)] for i in (0, 1)) for turns, _ in turned)
    working = max(1, round(seen[0] * scale)), max(1, round(seen[1] * scale))
    scaled = [math.ceil(side * working[i // 2] / picture[i // 2]) for i, side in enumerate(margins)]
    whole = working[0] + scaled[0] + scaled[1], working[1] + scaled[2] + scaled[3]
    if whole[0] * whole[1] > _MAX_PIXELS:
        raise InputError(
            f"the picture is {picture[1]}x{picture[0]}; at the model's scale, {working[1]}x{working[0]}, its canvas "
            f"would be {whole[1]}x{whole[0]}, {whole[0] * whole[1] / 1e6:,.0f} million pixels; it takes up to "
            f"{_MAX_PIXELS / 1e6:,.0f} million: smaller margins, or a picture that is larger or less thin"
        )
    margins = Sides(*scaled)
    there = Sides(0, 0, 0, 0)  # what has been painted, in upright words
    rounds = []
    for turns, sides in turned:
        wanted = Sides(*(scaled if side else 0 for side, scaled in zip(sides, margins.turned(turns), strict=True)))
        size = working if turns % 2 == 0 else (working[1], working[0])
        rounds += _rounds(turns, size, margins.turned(turns), there.turned(turns), wanted, model)
        there = Sides(*map(sum, zip(there, wanted.turned(-turns), strict=True)))
    return Plan(working, margins, tuple(rounds))


def _turned_sides(margins: Sides, model: tuple[_Axis, ...]) -> list[tuple[int, Sides]]:
    """Returns (quarter turns, the turned margins that are painted so), each side with the least turning."""
    reach = Sides(*model[0].reach, *model[1].reach)
    if not any(reach):
        raise InputError("this model was trained to paint nothing beyond a picture: its canvas is the known rectangle")
    remaining, found = margins, []
    for turns in (0, 2, 1, 3):
        wanted = Sides(*(side if able else 0 for side, able in zip(remaining.turned(turns), reach, strict=True)))
        if any(wanted):
            found.append((turns, wanted))
            remaining = Sides(*(a - b for a, b in zip(remaining, wanted.turned(-turns), strict=True)))
    return found


def _rounds(
    turns: int, picture: Size, margins: Sides, there: Sides, wanted: Sides, model: tuple[_Axis, ...]
) -> list[Round]:
    """Returns the rounds that paint `wanted` around the picture and what is `there`, all of it turned."""
    box = Box(
        margins.top - there.top,
        margins.left - there.left,
        picture[0] + there.top + there.bottom,
        picture[1] + there.left + there.right,
    )
    rounds = []
    while any(wanted):
        rows = _advance(model[0], box.height, wanted[:2], there[:2])
        columns = _advance(model[1], box.width, wanted[2:], there[2:])
        windows = []
        for i, (top, row_offset) in enumerate(rows.places):
            for j, (left, column_offset) in enumerate(columns.places):
                ends = (i == 0, i == len(rows.places) - 1, j == 0, j == len(columns.places) - 1)
                added = (rows.before, rows.after, columns.before, columns.after)
                if any(end and pixels for end, pixels in zip(ends, added, strict=True)):
                    corner = (box.top + top - row_offset, box.left + left - column_offset)
                    windows.append(Window(*corner, (row_offset, column_offset)))
        painted = Box(
            box.top - rows.before,
            box.left - columns.before,
            box.height + rows.before + rows.after,
            box.width + columns.before + columns.after,
        )
        rounds.append(Round(turns, box, painted, Sides(*rows.setback, *columns.setback), tuple(windows)))
        box = painted
        done = (rows.before, rows.after, columns.before, columns.after)
        wanted = Sides(*(a - b for a, b in zip(wanted, done, strict=True)))
        there = Sides(*(a + b for a, b in zip(there, done, strict=True)))
    return rounds


def _advance(axis: _Axis, length: int, wanted: tuple[int, ...], made: tuple[int, ...]) -> _Advance:
    """Returns the next round on an axis.

    Args:
      axis: the model's.
      length: pixels that are there, the picture's and painted ones.
      wanted: pixels still wanted before and after them.
      made: how many of them are painted, before and after the picture.
    """
    setback = tuple(
        min(reach // 4, axis.known // 4, there) if side else 0
        for side, reach, there in zip(wanted, axis.reach, made, strict=True)
    )
    before, after = (
        _even_share(side, reach - back) for side, reach, back in zip(wanted, axis.reach, setback, strict=True)
    )
    spare, room = length - axis.known - sum(setback), axis.slack - sum(setback)
    if spare == 0 and before + after > room:  # one window for both ends
        before = max(room - after, before * room // (before + after))
        after = room - before
    count = 1 + math.ceil(2 * spare / axis.known)  # each overlaps the next by a half at least
    places = []
    for number in range(count):
        start = setback[0] + round(spare * number / max(count - 1, 1))
        first = before + setback[0] if number == 0 else 0
        last = after + setback[1] if number == count - 1 else 0
        places.append((start, axis.offset(first, last)))
    return _Advance(before, after, (setback[0], setback[1]), places)


def _even_share(wanted: int, reach: int) -> int:
    """Returns the pixels of the next round, so that all rounds add about as many."""
    return math.ceil(wanted / math.ceil(wanted / reach)) if wanted else 0
