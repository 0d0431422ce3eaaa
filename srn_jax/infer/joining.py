"""`join`: two pictures side by side, and what lies between them painted in one pass."""

from collections.abc import Callable
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import scipy  # whose ndimage is imported where it is first used
from jaxtyping import Float
from numpy.typing import ArrayLike

from srn_jax.config import numbers
from srn_jax.detail import work_of
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.geometry import host_mask
from srn_jax.geometry.placement import BETWEEN, Size
from srn_jax.infer.checks import check_detail, check_generator, check_picture, check_progress, whole_size
from srn_jax.infer.extrapolation import extrapolate
from srn_jax.infer.feather import match_tones
from srn_jax.infer.planes import from_unit, resized_picture, unit, whole_of
from srn_jax.infer.progress import Progress
from srn_jax.infer.texture import plan_detail, with_texture
from srn_jax.infer.windows import Box, Plan, Sides

_THINNEST = 8  # times its other side: so long is a side of the working canvas; what is thinner is squeezed
_STRIDE = 4  # of the networks: what their sides are multiples of
_CALM = 0.25  # of the gap: the blur that leaves no texture, and is led over from side to side slowly
_SMALL = 32  # pixels, the width at which it is blurred
_SOFT = 1.0  # pixels, by which the cut between both textures is blurred
_WAY = 0.25  # of the gap on either side that the cut keeps away from
_STRAY = 0.02  # of squared difference, what the cut pays at its farthest from the middle


class JoinPlan(NamedTuple):
    """How two pictures are joined.

    Attributes:
      sizes: (height, width) of the left and of the right picture, scaled to one height.
      gap: columns that are painted between them.
      working: (height, width) of the known halves side by side, as the network sees them; it runs once.
      canvas: (height, width) of what it paints, wherein the halves lie at the ends, and in the middle of its height.
    """

    sizes: tuple[Size, Size]
    gap: int
    working: Size
    canvas: Size

    @property
    def size(self) -> Size:
        """Returns the (height, width) of the whole."""
        (height, first), (_, second) = self.sizes
        return height, first + self.gap + second

    @property
    def scaled(self) -> Size:
        """Returns the (height, width) at which the model sees the gap."""
        return self.working[0], self.canvas[1] - self.working[1]


def plan_join(
    generator: Generator,
    left: tuple[SupportsIndex, SupportsIndex],
    right: tuple[SupportsIndex, SupportsIndex],
    gap: SupportsIndex,
) -> JoinPlan:
    """Returns how `join` joins pictures of (height, width) `left` and `right`.

    Args:
      generator: one that was trained between two pictures.
      left, right: (height, width) of the pictures, pixels.
      gap: pixels of the result, 1 or more.

    Raises:
      InputError: `generator` is none, or was not trained to paint between two pictures; `gap` is no number of
        pixels, or 0.
    """
    check_generator(generator, "join")
    if generator.placement not in BETWEEN:
        raise InputError(
            f"this model was trained to paint around one picture (placement {generator.placement!r}); joining two "
            "takes one that was trained between two, as 'between', which comes with the package, or a run of "
            "configs/between.py"
        )
    if generator.canvas[1] <= generator.known[1]:
        raise InputError("this model was trained to paint nothing between two pictures: its canvas is as wide as both")
    columns = _whole_gap(gap)
    sizes = whole_size(left), whole_size(right)
    height = min(size[0] for size in sizes)
    first, second = (max(1, round(width * height / own)) for own, width in sizes)
    (known_height, known_width), (canvas_height, canvas_width) = generator.known, generator.canvas
    wanted = height * (canvas_width - known_width) / columns / _STRIDE
    shortest, longest = canvas_width / _THINNEST / _STRIDE, canvas_width * _THINNEST / _STRIDE
    working = max(1, round(min(max(wanted, shortest), longest))) * _STRIDE
    canvas = working * canvas_height // known_height, canvas_width
    return JoinPlan(((height, first), (height, second)), columns, (working, known_width), canvas)


def _whole_gap(gap: Any) -> int:
    takes = f"a whole number of pixels, 1 or more, up to {numbers.MOST_PIXELS:,}"
    return numbers.whole("gap", gap, 1, numbers.MOST_PIXELS, takes)


def join(
    generator: Generator,
    left: ArrayLike,
    right: ArrayLike,
    gap: SupportsIndex,
    *,
    feather: SupportsIndex = 0,
    detail: bool = True,
    seed: SupportsIndex = 0,
    progress: Callable[[int, int], object] | None = None,
) -> np.ndarray:
    """Returns `left` and `right` side by side with `gap` columns painted between them.

    Of two heights the lesser is the whole's: the higher picture is scaled down to it, and the other's pixels come back
    bit for bit, as those of both do where heights agree. The network runs once, at the scale that makes `gap` as wide
    as in its training, where it sees half as much of each picture beside it (of a narrower one, mirrored, what is
    there); a working canvas thinner than 8:1 is squeezed to that. With `detail` what it painted says what lies where,
    and pieces of both pictures make the rest: those of each at its own side, with a cut between them where they differ
    least; without, and where a picture has fewer than 21 pixels on a side, what the network painted is enlarged.

    Args:
      generator: one that was trained between two pictures, as `load_generator("between")`.
      left, right: [h, w, 3], RGB, of any sizes; both uint8, or both the same float in [0, 1].
      gap: pixels of the result, 1 or more.
      feather: so many painted pixels beside each picture take on its tone, fading outward; half the gap at most.
      detail: whether texture is taken from the pictures.
      seed: of detail, 0 to 2**32 - 1; another one gives another version.
      progress: is called with the work done and the work in all, as `expand` does.

    Returns:
      [h, wl + gap + wr, 3] in the dtype of the pictures.

    Raises:
      InputError (a ValueError): a wrong rank, dtype, range or argument; says what would be right.
    """
    check_generator(generator, "join")
    pictures = [check_picture(img, name, "join") for name, img in (("left", left), ("right", right))]
    if pictures[0].dtype != pictures[1].dtype:
        raise InputError(f"left has dtype {pictures[0].dtype} and right {pictures[1].dtype}; join takes both alike")
    planned = plan_join(generator, pictures[0].shape[:2], pictures[1].shape[:2], _whole_gap(gap))
    reach = min(numbers.pixels("feather", feather), planned.gap // 2)
    number = numbers.seed("seed", seed)
    check_progress(progress)
    check_detail(detail)

    # Paint the gap, in one pass.
    pictures = [scaled(img, size) for img, size in zip(pictures, planned.sizes, strict=True)]
    work = join_work(planned) if detail else 0
    told = Progress(progress, 1, work)
    painted = _painted(generator, pictures, planned)
    told.a_pass()

    # Lay it between both pictures.
    first, end = planned.sizes[0][1], planned.sizes[0][1] + planned.gap
    result = np.empty((*planned.size, 3), pictures[0].dtype)
    result[:, :first], result[:, end:] = pictures
    soft = np.empty((*planned.size, 3), np.float32)
    soft[:, first:end] = painted
    for part, picture in ((slice(0, first), pictures[0]), (slice(end, None), pictures[1])):
        for channel in range(3):
            soft[:, part, channel] = unit(picture[..., channel])
    if work:
        soft[:, first:end] = with_both_textures(pictures, soft, number, told.a_tile)

    for channel in range(3):
        plane = soft[..., channel]
        for picture, column in ((pictures[0], 0), (pictures[1], end)) if reach else ():
            place = Box(0, column, *picture.shape[:2])
            plane = match_tones(plane, unit(picture[..., channel]), place, reach)
        result[:, first:end, channel] = from_unit(plane[:, first:end].clip(0.0, 1.0), result.dtype)
    return result


def scaled(img: np.ndarray, size: Size) -> np.ndarray:
    """Returns an image [h, w, c] of uint8, or of float in [0, 1], at (height, width) `size`; itself where it has it."""
    if img.shape[:2] == size:
        return img
    return from_unit(resized_picture(img, whole_of(img), size).clip(0.0, 1.0), img.dtype)


def join_work(planned: JoinPlan) -> int:
    """Returns how many tiles of detail a join takes; 0 where both pictures are too small for it."""
    return sum(work_of(levels) for levels in join_levels(planned) if levels)


def join_levels(planned: JoinPlan) -> list[Any]:
    """Returns the levels that each picture's detail is made in; None for one that is too small."""
    left, right = planned.sizes
    return [plan_detail(left, Sides(0, 0, 0, planned.gap)), plan_detail(right, Sides(0, 0, planned.gap, 0))]


def with_both_textures(
    pictures: list[np.ndarray], soft: Float[np.ndarray, "h w 3"], seed: int, progress: Callable[[], object]
) -> Float[np.ndarray, "h gap 3"]:
    """Returns what lies between two pictures, made of pieces of both and laid out as `soft`, in [0, 1].

    Args:
      pictures: [h, wl, 3] and [h, wr, 3], uint8 or float in [0, 1], one of them of 21 pixels a side at least.
      soft: both with what the network painted between them, in [0, 1].
      seed: another one gives another version.
      progress: is called once for each tile.
    """
    (height, first), (_, second) = (picture.shape[:2] for picture in pictures)
    gap = soft.shape[1] - first - second
    made = []
    for picture, canvas, margins, painted in (
        (pictures[0], soft[:, : first + gap], Sides(0, 0, 0, gap), slice(first, None)),
        (pictures[1], soft[:, first:], Sides(0, 0, gap, 0), slice(0, gap)),
    ):
        size = (height, picture.shape[1])
        if levels := plan_detail(size, margins):
            found = with_texture(picture, canvas, Plan(size, margins, ()), margins, levels, seed, progress)
            made.append(found[:, painted])
    return made[0] if len(made) == 1 else _merged(*made)


def _painted(generator: Generator, pictures: list[np.ndarray], planned: JoinPlan) -> Float[np.ndarray, "h gap 3"]:
    """Returns what the network paints between two pictures of one height, enlarged to the gap; in [0, 1]."""
    (height, width), canvas, half = planned.working, planned.canvas, planned.working[1] // 2
    seen = planned.gap * half / planned.scaled[1]  # columns of each picture
    halves = [_end(pictures[0], seen, (height, half), left=False), _end(pictures[1], seen, (height, half), left=True)]
    top, gap = (canvas[0] - height) // 2, canvas[1] - width
    mask = host_mask((top, 0), canvas, (height, width), gap)
    painted = extrapolate(generator, np.concatenate(halves, axis=1), mask)
    middle = float(half), float(top), float(half + gap), float(top + height)
    return resized_picture(painted, middle, (pictures[0].shape[0], planned.gap)).clip(0.0, 1.0)


def _end(img: np.ndarray, columns: float, size: Size, *, left: bool) -> Float[np.ndarray, "kh kw 3"]:
    """Returns the `columns` at one end of a picture at (height, width) `size`; mirrored, where it has not as many."""
    width = img.shape[1]
    needed = int(np.ceil(columns))
    order = np.pad(np.arange(width), (0, max(0, needed - width)), mode="symmetric")[: max(needed, 1)]
    order = order if left else width - 1 - order[::-1]
    start = 0.0 if left else len(order) - columns
    box = start, 0.0, start + columns, float(img.shape[0])
    return resized_picture(img[:, order], box, size).clip(0.0, 1.0)


def _merged(first: Float[np.ndarray, "h w 3"], second: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Returns a picture whose left is the first's and whose right the second's, in two bands (Burt and Adelson, 1983).

    Tones lead over slowly, across the whole width; textures meet along the path on which they differ least.
    """
    width = first.shape[1]
    calm, other_calm = _blurred(first), _blurred(second)
    slow = (0.5 - 0.5 * np.cos(np.pi * (np.arange(width) + 0.5) / width)).astype(np.float32)[None, :, None]
    path = least_path(np.square(first - second).sum(axis=-1))
    beyond = (np.arange(width)[None, :] >= path[:, None]).astype(np.float32)
    share = scipy.ndimage.gaussian_filter(beyond, _SOFT, mode="nearest")[..., None]
    tones = calm + slow * (other_calm - calm)
    textures = (first - calm) + share * ((second - other_calm) - (first - calm))
    return tones + textures


def _blurred(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Returns a picture without its texture; blurred in small, since so wide a blur would take long at full size."""
    height, width = picture.shape[:2]
    times = max(1.0, width / _SMALL)
    size = max(1, round(height / times)), max(1, round(width / times))
    small = resized_picture(picture, whole_of(picture), size)
    blur = size[1] * _CALM, size[1] * _CALM, 0.0  # channels stay apart
    blurred = scipy.ndimage.gaussian_filter(small, blur, mode="nearest")
    return resized_picture(blurred, whole_of(blurred), (height, width))


def least_path(cost: Float[np.ndarray, "h w"]) -> np.ndarray:
    """Returns for each row the column at which a cut from top to bottom costs least (Efros and Freeman, 2001).

    From row to row it moves by one column at most, amid the middle half, and rather near the middle.
    """
    height, width = cost.shape
    low, high = int(width * _WAY), max(int(width * _WAY) + 1, width - int(width * _WAY))
    place = (np.arange(low, high) + 0.5) / width - 0.5
    paid = cost[:, low:high] + np.float32(_STRAY) * np.square(place / _WAY)[None, :]
    total = paid.copy()
    for row in range(1, height):
        before = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(before[:-2], before[2:]), before[1:-1])
    path = np.empty(height, int)
    path[-1] = int(total[-1].argmin())
    for row in range(height - 2, -1, -1):
        near = np.arange(max(path[row + 1] - 1, 0), min(path[row + 1] + 2, high - low))
        path[row] = near[total[row][near].argmin()]
    return path + low
