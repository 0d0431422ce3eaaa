"""`extrapolate`: a picture and a mask in, the canvas out, known pixels untouched."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import cache, partial
from typing import Any, SupportsIndex

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from srn_jax.config.numbers import whole
from srn_jax.convolution import few_calls
from srn_jax.errors import InputError, brief
from srn_jax.generators.generator import Generator
from srn_jax.geometry import parts
from srn_jax.infer.checks import check_canvas, check_image, check_known_values, check_mask, known_rectangles
from srn_jax.infer.devices import on_each, share
from srn_jax.infer.wanted import MOST_AT_A_TIME, ROUNDINGS
from srn_jax.models.layers import apply, parameter_shapes
from srn_jax.models.parameters import Params, by_name
from srn_jax.ops import from_bytes, to_levels
from srn_jax.programs.backend import compiler_options, windows_a_call

MANY_PICTURES = 100  # after which a program of fast convolutions has won back what it takes longer to compile
_FEWEST = 8  # pictures for which a further device is used


class PictureError(InputError):
    """What does not fit in one of several pictures, in its line by its number, from 0; `reason` is the line without."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"picture {number}: {reason}")
        self.number, self.reason = number, reason


def extrapolate(
    params: Generator | Params,
    img: ArrayLike,
    mask: ArrayLike,
    *,
    model: nn.Module | None = None,
    rounding: str = "nearest",
) -> np.ndarray:
    """Returns the canvas: `img` where `mask` is 0, bit for bit, and what the generator paints where it is 1.

    Args:
      params: a `Generator` (what `load_generator` returns), or a raw parameter tree together with `model`.
      img: the known picture [h, w, 3], of the size of the mask's known rectangle, or of two side by side; or the
        whole canvas [H, W, 3], whose pixels under the mask are ignored. A leading axis of N batches either. RGB; uint8,
        or float in [0, 1].
      mask: [H, W] or [N, H, W], with or without a last axis of 1; bool or 0/1; 1 = to be synthesized. What is 0 is
        one rectangle, or two of one width in the same rows at the left and the right end; of the same size in all
        masks.
      model: the Linen module that a raw parameter tree belongs to.
      rounding: of uint8 pictures, "nearest" level; or "truncate", as the release's test.py does with the whole canvas,
        so that 47 of 256 levels come out one lower, in the known part too: for comparing with its pictures.

    Returns:
      [H, W, 3], or [N, H, W, 3] where `img` or `mask` has a leading axis, in the dtype of `img`. Compiled once
      for each shape.

    Raises:
      InputError (a ValueError): arrays of a wrong rank, dtype, range or size; says what would fit.
    """
    return _begin(params, img, mask, model, rounding)()


def extrapolate_stream(
    params: Generator | Params,
    pictures: Iterable[tuple[ArrayLike, ArrayLike]],
    *,
    model: nn.Module | None = None,
    rounding: str = "nearest",
    ahead: SupportsIndex = 1,
    expected: SupportsIndex = MANY_PICTURES,
    batch: SupportsIndex | None = None,
) -> Iterator[np.ndarray]:
    """Yields `extrapolate(params, img, mask)` of each (img, mask) of `pictures`, in order.

    While the device paints some pictures, the next are taken, checked and sent to it, and those before are put
    together: the device does not wait for the host. One size of pictures compiles once for each size of a batch,
    whatever the masks. Where there are several devices, they paint in turn; what they paint is the same.

    Args:
      params, model, rounding: as `extrapolate` takes them.
      pictures: (img, mask) pairs as `extrapolate` takes them, of any sizes; a list, or an iterator, which is read while
        the work goes on.
      ahead: how many batches are on each device, or wait for it, when a picture is asked for.
      expected: about how many pictures there are: each device that is used has 8 of them at least. For 100 and more a
        program is compiled that may be faster, and takes 5 to 10 s longer to compile on a CPU
        (`convolution.few_calls`); its pictures differ by rounding.
      batch: up to so many pictures of one size go through the network in one call, 1 to 1,024, or fewer where that
        keeps more devices at work; by default as suits the backend. On a CPU it is one by one, whatever is asked for,
        so that the canvases are the same bit for bit.

    Yields:
      For each pair [H, W, 3] in the dtype of its img; or a batch of them, as `extrapolate`.

    Raises:
      InputError (a ValueError): an argument that does not fit.
      PictureError (an InputError): as `extrapolate`, for the picture that it names by its number, from 0.
    """
    most_ahead = whole("ahead", ahead, 0, 2**31, "0 or more, a whole number of pictures")
    count = whole("expected", expected, 0, 2**63, "0 or more, a whole number of pictures")
    largest = check_batch(batch)
    if not isinstance(pictures, Iterable):
        raise InputError(f"pictures is {brief(pictures)}; it takes pairs (img, mask), as a list or an iterator")
    _network(params, model)  # what is wrong with them is said before they are copied
    replicas = on_each(share(count, _FEWEST), params)
    each = -(-len(pictures) // len(replicas)) if isinstance(pictures, Sized) else largest
    begun: deque[Callable[[], Iterator[np.ndarray]]] = deque()
    for turn, (first, some) in enumerate(_alike(pictures, max(1, min(largest, each)))):
        begin = partial(_begin, replicas[turn % len(replicas)], model=model, rounding=rounding)
        begun.append(_begin_batch(partial(begin, few=count < MANY_PICTURES), first, some, largest))
        if len(begun) > most_ahead * len(replicas):
            yield from begun.popleft()()
    while begun:
        yield from begun.popleft()()


def check_batch(batch: SupportsIndex | None) -> int:
    """Returns how many pictures go through the network in one call where `batch` is asked for, or None."""
    takes = f"1 to {MOST_AT_A_TIME:,}, a whole number of pictures"
    return windows_a_call(None if batch is None else whole("batch", batch, 1, MOST_AT_A_TIME, takes))


def _alike(pictures: Iterable[tuple[Any, Any]], most: int) -> Iterator[tuple[int, list[tuple[Any, Any]]]]:
    """Yields up to `most` successive pictures that can be stacked, and the number of the first of them."""
    some, kind, first = [], None, 0
    for number, pair in enumerate(pictures):
        this = _kind(pair)
        if some and (this is None or this != kind):
            yield first, some
            some = []
        if not some:
            first, kind = number, this
        some = [*some, pair]
        if len(some) == most:
            yield first, some
            some = []
    if some:
        yield first, some


def _kind(pair: tuple[Any, Any]) -> Any:
    """Returns what pictures have in common that can be stacked; None where this one cannot."""
    fits = all(isinstance(one, np.ndarray | jax.Array) for one in pair) and [one.ndim for one in pair] == [3, 2]
    return [(one.shape, one.dtype) for one in pair] if fits else None


def _begin_batch(
    begin: Callable[..., Callable[[], np.ndarray]], first: int, some: Sequence[tuple[Any, Any]], largest: int
) -> Callable[[], Iterator[np.ndarray]]:
    """Returns what yields the canvases of some pictures, the first of them number `first`, sent to the device."""
    if len(some) > 1:
        # Of few sizes, each of which compiles: powers of two, and the largest batch.
        size = min(largest, 1 << (len(some) - 1).bit_length())
        padded = [*some, *[some[-1]] * (size - len(some))]
        try:
            together = begin(*(np.stack(one) for one in zip(*padded, strict=True)))
        except InputError:  # of one of them, which is found below; or their known rectangles differ in size
            pass
        else:
            return lambda: iter(_numbered(first, together)[: len(some)])
    alone = [_numbered(first + place, partial(begin, *one)) for place, one in enumerate(some)]
    return lambda: (_numbered(first + place, one) for place, one in enumerate(alone))


def _numbered(number: int, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except InputError as error:
        raise PictureError(number, str(error)) from error


def _begin(
    params: Any, img: Any, mask: Any, model: nn.Module | None, rounding: str, few: bool | None = None
) -> Callable[[], np.ndarray]:
    """Returns what waits for the canvas of `extrapolate`'s arguments, checked and sent to the device.

    `few` is whether few calls are to come, as `few_calls` takes it; by default it follows from the number of pictures.
    """
    if rounding not in ROUNDINGS:
        raise InputError(f"rounding is {rounding!r}; it takes one of {', '.join(map(repr, ROUNDINGS))}")
    module, weights = _network(params, model)
    img, mask = check_image(img), check_mask(mask)
    if rounding == "truncate" and img.dtype != np.uint8:
        raise InputError(f"rounding is 'truncate', and img has dtype {img.dtype}; only uint8 is rounded")
    batched = img.ndim == 4 or mask.ndim == 3
    images = img if img.ndim == 4 else img[None]
    masks = mask if mask.ndim == 3 else mask[None]
    offsets, gaps, known = known_rectangles(masks)
    canvas = masks.shape[1:]
    check_canvas(module, known, canvas, halved=bool(gaps.any()))
    count = max(len(images), len(masks))
    if len(images) not in (1, count) or len(masks) not in (1, count):
        raise InputError(f"{len(images)} pictures do not go with {len(masks)} masks; give as many, or one for all")
    masks = np.broadcast_to(masks, (count, *canvas))
    places = np.broadcast_to(np.column_stack([offsets, gaps]), (count, 3))
    images = np.broadcast_to(_on_canvas(images, known, canvas, places), (count, *canvas, 3))
    check_known_values(images[~masks])

    shown = np.where(masks[..., None], np.zeros((), images.dtype), images)
    unit = _to_unit(shown)
    few = count < MANY_PICTURES if few is None else few
    painted = _compiled_paint()(module, few, weights, unit, masks[..., None].astype(np.float32))

    def finish() -> np.ndarray:
        prediction = np.asarray(painted)
        if not np.isfinite(prediction).all():
            raise InputError(
                "params paint values that are NaN or infinite: they are damaged, or their training diverged"
            )
        if rounding == "truncate":
            completed = _truncated(np.where(masks[..., None], prediction, unit))
        else:
            completed = np.where(masks[..., None], _from_unit(prediction, images.dtype), images)
        return completed if batched else completed[0]

    return finish


def _network(params: Any, model: nn.Module | None) -> tuple[nn.Module, Any]:
    if isinstance(params, Generator):
        if model is not None and model != params.model:
            raise InputError(f"params belongs to {params.model}, not to model={model}; leave model out")
        return params.model, params.params
    if model is not None and not isinstance(model, nn.Module):
        raise InputError(f"model is {brief(model)}; it takes a Linen module, as SRN((2, 2))")
    if model is None:
        raise InputError(
            "params is a raw parameter tree, which does not say what network it belongs to: "
            "pass model=SRN(...), or what load_generator returned"
        )
    tree = params["params"] if isinstance(params, Mapping) and set(params) == {"params"} else params
    expected, found = _shapes(parameter_shapes(model)), _shapes(tree)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"params do not belong to model, a {type(model).__name__}: {name or 'the tree'} is "
                f"{found.get(name, 'missing')}, not {expected.get(name, 'expected')}"
            )
    return model, tree


def _shapes(tree: Params) -> dict[str, tuple[int, ...]]:
    return {name: jnp.shape(leaf) for name, leaf in by_name(tree).items()}


def _on_canvas(images: np.ndarray, known: tuple[int, int], canvas: tuple[int, int], places: np.ndarray) -> np.ndarray:
    """Returns known pictures placed on the canvas, or whole canvases as they are; places are (top, left, gap)."""
    size = images.shape[1:3]
    if size == canvas:
        return images
    if size != known:
        raise InputError(
            f"img is {size[0]}x{size[1]}, which is neither the mask's known rectangle, {known[0]}x{known[1]}, "
            f"nor its canvas, {canvas[0]}x{canvas[1]} (height x width)"
        )
    placed = np.zeros((len(places), *canvas, 3), images.dtype)
    for target, image, (top, left, gap) in zip(
        placed, np.broadcast_to(images, (len(places), *known, 3)), places, strict=True
    ):
        for part in parts(known[1], int(gap)):
            column = left + part.place
            columns = slice(part.column, part.column + part.width)
            target[top : top + known[0], column : column + part.width] = image[:, columns]
    return placed


def _to_unit(images: np.ndarray) -> np.ndarray:
    """Returns 0..255 or [0, 1] as float32 in [-1, 1]."""
    if images.dtype == np.uint8:
        return from_bytes(images)
    return images.astype(np.float32) * np.float32(2) - np.float32(1)


def _from_unit(prediction: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return np.round(to_levels(prediction)).astype(np.uint8)
    return ((prediction + 1.0) / 2.0).astype(dtype)


def _truncated(completed: np.ndarray) -> np.ndarray:
    """Returns [-1, 1] as bytes, in the release's float32 arithmetic."""
    return np.clip(to_levels(completed), 0, 255).astype(np.uint8)


def _paint(
    model: nn.Module, few: bool, params: Any, image: Float[Array, "b h w 3"], mask: Float[Array, "b h w 1"]
) -> Float[Array, "b h w 3"]:
    with few_calls(few):
        prediction, _ = apply(model, params, image, mask)
    return jnp.asarray(prediction, jnp.float32)


@cache  # not at import: asking for the backend starts it
def _compiled_paint() -> Callable[..., Array]:
    return jax.jit(_paint, static_argnums=(0, 1), compiler_options=compiler_options())
