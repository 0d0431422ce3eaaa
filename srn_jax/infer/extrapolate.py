"""`extrapolate`: a picture and a mask in, the canvas out, known pixels untouched."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, SupportsIndex

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from srn_jax.backend import compiler_options
from srn_jax.convolution import few_calls
from srn_jax.errors import InputError, brief
from srn_jax.generator import Generator
from srn_jax.infer.checks import check_canvas, check_image, check_known_values, check_mask, known_rectangles
from srn_jax.infer.devices import on_each, share
from srn_jax.models.layers import apply, parameter_shapes
from srn_jax.numbers import whole

ROUNDINGS = ("nearest", "truncate")
MANY_PICTURES = 100  # after which a program of fast convolutions has won back what it takes longer to compile
_FEWEST = 8  # pictures for which a further device is used


class PictureError(InputError):
    """What does not fit in one of several pictures, in its line by its number, from 0; `reason` is the line without."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"picture {number}: {reason}")
        self.number, self.reason = number, reason


def extrapolate(
    params: Any, img: Any, mask: Any, *, model: nn.Module | None = None, rounding: str = "nearest"
) -> np.ndarray:
    """Returns the canvas: `img` where `mask` is 0, bit for bit, and what the generator paints where it is 1.

    Args:
      params: a `Generator` (what `load_generator` returns), or a raw parameter tree together with `model`.
      img: the known picture [h, w, 3], of the size of the mask's known rectangle; or the whole canvas [H, W, 3], whose
        pixels under the mask are ignored. A leading axis of N batches either. RGB; uint8, or float in [0, 1].
      mask: [H, W] or [N, H, W], with or without a last axis of 1; bool or 0/1; 1 = to be synthesized. What is 0 is
        one rectangle, of the same size in all masks.
      model: the Linen module that a raw parameter tree belongs to.
      rounding: of uint8 pictures, "nearest" level; or "truncate", as the release's test.py does with the whole canvas,
        so that 47 of 256 levels come out one lower, in the known part too: for comparing with its pictures.

    Returns:
      [H, W, 3], or [N, H, W, 3] where `img` or `mask` has a leading axis, in the dtype of `img`. Compiled once
      for each shape.

    Raises:
      InputError (a ValueError): arrays of a wrong rank, dtype, range or size; says what would fit.
    """
    return _begin(params, img, mask, model, rounding, few=True)()


def extrapolate_stream(
    params: Any,
    pictures: Iterable[tuple[Any, Any]],
    *,
    model: nn.Module | None = None,
    rounding: str = "nearest",
    ahead: SupportsIndex = 1,
    expected: SupportsIndex = MANY_PICTURES,
) -> Iterator[np.ndarray]:
    """Yields `extrapolate(params, img, mask)` of each (img, mask) of `pictures`, in order.

    While the device paints one picture, the next is taken, checked and sent to it, and the one before is put together:
    the device does not wait for the host. One size of pictures compiles once, whatever the masks. Where there are
    several devices, they paint in turn; what they paint is the same.

    Args:
      ahead: how many pictures are on each device, or wait for it, when one is asked for.
      expected: about how many pictures there are: each device that is used has 8 of them at least. For 100 and more a
        program is compiled that may be faster, and takes 5 to 10 s longer to compile on a CPU
        (`convolution.few_calls`); its pictures differ by rounding.

    Raises:
      PictureError (an InputError): as `extrapolate`, for the picture that it names by its number, from 0.
    """
    most_ahead = whole("ahead", ahead, 0, 2**31, "0 or more, a whole number of pictures")
    count = whole("expected", expected, 0, 2**63, "0 or more, a whole number of pictures")
    if not isinstance(pictures, Iterable):
        raise InputError(f"pictures is {brief(pictures)}; it takes pairs (img, mask), as a list or an iterator")
    _network(params, model)  # what is wrong with them is said before they are copied
    replicas = on_each(share(count, _FEWEST), params)
    begun: deque[tuple[int, Callable[[], np.ndarray]]] = deque()

    def numbered(number: int, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except InputError as error:
            raise PictureError(number, str(error)) from error

    for number, (img, mask) in enumerate(pictures):
        begin = partial(_begin, replicas[number % len(replicas)], few=count < MANY_PICTURES)
        begun.append((number, numbered(number, partial(begin, img, mask, model, rounding))))
        if len(begun) > most_ahead * len(replicas):
            yield numbered(*begun.popleft())
    while begun:
        yield numbered(*begun.popleft())


def _begin(
    params: Any, img: Any, mask: Any, model: nn.Module | None, rounding: str, *, few: bool
) -> Callable[[], np.ndarray]:
    """Returns what waits for the canvas of `extrapolate`'s arguments, checked and sent to the device."""
    if rounding not in ROUNDINGS:
        raise InputError(f"rounding is {rounding!r}; it takes one of {', '.join(map(repr, ROUNDINGS))}")
    module, weights = _network(params, model)
    img, mask = check_image(img), check_mask(mask)
    if rounding == "truncate" and img.dtype != np.uint8:
        raise InputError(f"rounding is 'truncate', and img has dtype {img.dtype}; only uint8 is rounded")
    batched = img.ndim == 4 or mask.ndim == 3
    images = img if img.ndim == 4 else img[None]
    masks = mask if mask.ndim == 3 else mask[None]
    offsets, known = known_rectangles(masks)
    canvas = masks.shape[1:]
    check_canvas(module, known, canvas)
    count = max(len(images), len(masks))
    if len(images) not in (1, count) or len(masks) not in (1, count):
        raise InputError(f"{len(images)} pictures do not go with {len(masks)} masks; give as many, or one for all")
    masks = np.broadcast_to(masks, (count, *canvas))
    offsets = np.broadcast_to(offsets, (count, 2))
    images = np.broadcast_to(_on_canvas(images, known, canvas, offsets), (count, *canvas, 3))
    check_known_values(images[~masks])

    shown = np.where(masks[..., None], np.zeros((), images.dtype), images)
    unit = _to_unit(shown)
    painted = _compiled_paint()(
        module, few and count < MANY_PICTURES, weights, unit, masks[..., None].astype(np.float32)
    )

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


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): jnp.shape(leaf) for path, leaf in leaves}


def _on_canvas(images: np.ndarray, known: tuple[int, int], canvas: tuple[int, int], offsets: np.ndarray) -> np.ndarray:
    """Returns known pictures placed on the canvas, or whole canvases as they are."""
    size = images.shape[1:3]
    if size == canvas:
        return images
    if size != known:
        raise InputError(
            f"img is {size[0]}x{size[1]}, which is neither the mask's known rectangle, {known[0]}x{known[1]}, "
            f"nor its canvas, {canvas[0]}x{canvas[1]} (height x width)"
        )
    placed = np.zeros((len(offsets), *canvas, 3), images.dtype)
    for target, image, (top, left) in zip(
        placed, np.broadcast_to(images, (len(offsets), *known, 3)), offsets, strict=True
    ):
        target[top : top + known[0], left : left + known[1]] = image
    return placed


def _to_unit(images: np.ndarray) -> np.ndarray:
    """Returns 0..255 or [0, 1] as float32 in [-1, 1]."""
    if images.dtype == np.uint8:
        return images * np.float32(1 / 127.5) - np.float32(1)
    return images.astype(np.float32) * np.float32(2) - np.float32(1)


def _from_unit(prediction: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return np.round((prediction + 1.0) * 127.5).astype(np.uint8)
    return ((prediction + 1.0) / 2.0).astype(dtype)


def _truncated(completed: np.ndarray) -> np.ndarray:
    """Returns [-1, 1] as bytes, in the release's float32 arithmetic."""
    return np.clip((completed + np.float32(1)) * np.float32(127.5), 0, 255).astype(np.uint8)


def _paint(
    model: nn.Module, few: bool, params: Any, image: Float[Array, "b h w 3"], mask: Float[Array, "b h w 1"]
) -> Float[Array, "b h w 3"]:
    with few_calls(few):
        prediction, _ = apply(model, params, image, mask)
    return jnp.asarray(prediction, jnp.float32)


@cache  # not at import: asking for the backend starts it
def _compiled_paint() -> Callable[..., Array]:
    return jax.jit(_paint, static_argnums=(0, 1), compiler_options=compiler_options(gradients=False))
