"""Completing and scoring crops, while the host prepares the next."""

import abc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from srn_jax.convolution import few_calls
from srn_jax.detail import LEAST_SIDE, plan_levels
from srn_jax.errors import InputError
from srn_jax.evaluate import metrics
from srn_jax.evaluate.crops import Crop, Crops
from srn_jax.evaluate.fills import FILLS, SLOW_FILLS
from srn_jax.evaluate.perceptual import FeatureNetworks
from srn_jax.generators.generator import Generator
from srn_jax.geometry import known_canvas
from srn_jax.infer.extrapolation import MANY_PICTURES
from srn_jax.infer.joining import with_both_textures
from srn_jax.infer.texture import with_texture
from srn_jax.infer.windows import Plan
from srn_jax.models.layers import apply
from srn_jax.ops import from_bytes, to_levels
from srn_jax.programs.backend import compiler_options

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
ALL_FILLS: dict[str, Fill] = FILLS | SLOW_FILLS
Scores = dict[str, float]
_AHEAD = 2  # batches that are read while one is on the devices
_PARTS, _WHOLE = jax.sharding.PartitionSpec("batch"), jax.sharding.PartitionSpec()


class Judged(NamedTuple):
    """One crop and what became of it: completed pictures and scores by system, the generator's first.

    `features` are Inception's, by system and of the truth, where it looks.
    """

    number: int
    crop: Crop
    completed: dict[str, UInt8[np.ndarray, "h w 3"]]
    scores: dict[str, Scores]
    features: dict[str, Float[np.ndarray, " c"]]


class Judge(abc.ABC):
    """Completes and scores crops with a generator and all fills, some crops at a time.

    Attributes:
      painter: the generator's system.
      detailed: the generator's system with detail, which crops with a small known part lack.
      systems: all that there may be, in order.
    """

    def __init__(self, generator: Generator, batch: int, detail: bool) -> None:
        """Takes `batch` crops at a time; `detail` says whether the generator is judged with detail too."""
        self.painter, self._batch = type(generator.model).__name__, batch
        self.detailed = f"{self.painter} + detail"
        self.systems = [self.painter, *([self.detailed] if detail else []), *ALL_FILLS]

    def judge(
        self, crops: Crops, numbers: Iterable[int], unreadable: Callable[[int], None] = lambda number: None
    ) -> Iterator[Judged]:
        """Yields the crops with these numbers, in order; pictures that have none go to `unreadable`."""
        remaining, waiting = iter(numbers), deque()
        with ThreadPoolExecutor(1) as pool:
            try:
                while True:
                    while len(waiting) < _AHEAD and (chosen := list(islice(remaining, self._batch))):
                        waiting.append(pool.submit(_prepare, crops, chosen))
                    if not waiting:
                        return
                    found, fills, missing = waiting.popleft().result()
                    for number in missing:
                        unreadable(number)
                    if found:
                        yield from self._judge_batch(found, fills)
            finally:
                pool.shutdown(cancel_futures=True)

    @abc.abstractmethod
    def _judge_batch(self, found: list[tuple[int, Crop]], fills: dict[str, list[np.ndarray]]) -> Iterator[Judged]:
        """Yields `found` crops, of which there is one at least, and which `fills` have completed."""


class CanvasJudge(Judge):
    """Judges crops at the generator's canvas on all local devices; compiled once, for batches of one size."""

    def __init__(
        self,
        generator: Generator,
        batch: int,
        networks: FeatureNetworks = FeatureNetworks(),  # noqa: B008
        *,
        detail: bool = False,
        seed: int = 0,
        expected: int = MANY_PICTURES,
    ) -> None:
        """Uses as many local devices as divide `batch`, and the networks that are given; `seed` is of detail.

        For `expected` pictures of 100 and more the program is one that takes longer to compile.
        """
        super().__init__(generator, batch, detail)
        self._seed = seed if detail else None
        devices = jax.local_devices()
        count = next(count for count in range(len(devices), 0, -1) if batch % count == 0)
        mesh = jax.sharding.Mesh(np.array(devices[:count]), ("batch",))
        self._paint = _compiled_paint(generator.model, expected < MANY_PICTURES, mesh)
        self._score = _compiled_score(mesh)
        everywhere = jax.sharding.NamedSharding(mesh, _WHOLE)
        self._params = jax.device_put(generator.params, everywhere)
        self._features = self._distance = None
        if networks.features:
            function, params = networks.features
            compiled = jax.jit(_spread(function, mesh, _WHOLE, _PARTS))
            self._features = partial(compiled, jax.device_put(params, everywhere))
        if networks.distance:
            function, params = networks.distance
            compiled = jax.jit(_spread(function, mesh, _WHOLE, _PARTS, _PARTS))
            self._distance = partial(compiled, jax.device_put(params, everywhere))

    def _judge_batch(self, found: list[tuple[int, Crop]], fills: dict[str, list[np.ndarray]]) -> Iterator[Judged]:
        truth = self._padded([crop.image for _, crop in found])
        masks = self._padded([crop.mask for _, crop in found])
        painted, finite = self._paint(self._params, truth, masks)
        if not np.asarray(finite).all():
            raise InputError("the checkpoint paints values that are NaN or infinite: it is damaged, or diverged")
        completed = {self.painter: painted, **self._detailed([crop for _, crop in found], painted)}
        completed |= {name: self._padded(images) for name, images in fills.items()}
        scores = {name: self._score(images, truth, masks) for name, images in completed.items()}
        if self._distance:
            for name, images in completed.items():
                scores[name]["lpips"] = self._distance(images, truth)
        features = {}
        if self._features:
            features = {name: self._features(images) for name, images in (completed | {"truth": truth}).items()}
        systems = list(completed)  # JAX sorts the keys of what it fetches
        completed, scores, features = jax.device_get((completed, scores, features))
        for place, (number, crop) in enumerate(found):
            yield Judged(
                number,
                crop,
                {name: completed[name][place] for name in systems},
                {name: {key: float(one[place]) for key, one in scores[name].items()} for name in systems},
                {name: one[place] for name, one in features.items()},
            )

    def _detailed(self, crops: list[Crop], painted: UInt8[Array, "b h w 3"]) -> dict[str, np.ndarray]:
        """Returns the system with detail, of as many crops; none where their known part is too small for it."""
        if self._seed is None or not has_detail(crops[0]):
            return {}
        pictures = zip(crops, np.asarray(painted), strict=False)
        return {self.detailed: self._padded([_with_detail(crop, one, self._seed) for crop, one in pictures])}

    def _padded(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Returns them stacked, the last repeated up to a batch: one size, one compilation."""
        return np.stack(arrays + [arrays[-1]] * (self._batch - len(arrays)))


def has_detail(crop: Crop) -> bool:
    """Returns whether the known part is large enough for detail; of halves, whether they have all rows, too."""
    large = all(min(picture.shape[:2]) >= LEAST_SIDE for picture in crop.pictures)
    return large and (not crop.gap or crop.known.height == crop.image.shape[0])


def _prepare(crops: Crops, numbers: list[int]) -> tuple[list[tuple[int, Crop]], dict[str, list[np.ndarray]], list[int]]:
    """Returns the crops that decode, each fill of them, and the numbers of the others."""
    read = [(number, crops.read(number)) for number in numbers]
    found = [(number, crop) for number, crop in read if crop is not None]
    fills = {name: [fill(crop.image, crop.mask) for _, crop in found] for name, fill in ALL_FILLS.items()}
    return found, fills, [number for number, crop in read if crop is None]


def _with_detail(crop: Crop, painted: UInt8[np.ndarray, "h w 3"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
    """Returns what `expand` or `join` makes of the known part with detail, where one pass made `painted` of it."""
    size, working = crop.known[2:], painted * np.float32(1 / 255)
    if crop.gap:
        canvas, half = working.copy(), size[1] // 2
        canvas[:, half:-half] = with_both_textures(crop.pictures, working, seed, lambda: None)
    else:
        levels, planned = plan_levels(size, crop.margins), Plan(size, crop.margins, ())
        canvas = with_texture(crop.picture, working, planned, crop.margins, levels, seed, lambda: None)
    return np.where(crop.mask > 0.5, np.round(canvas.clip(0.0, 1.0) * 255).astype(np.uint8), crop.image)


def _spread(function: Callable[..., Any], mesh: jax.sharding.Mesh, *specs: jax.sharding.PartitionSpec) -> Any:
    """Returns the function of batches that are split over the devices, as are its results."""
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=_PARTS, check_vma=False)


@cache  # judges of one model share its program
def _compiled_paint(model: Any, few: bool, mesh: jax.sharding.Mesh) -> Any:
    spread = _spread(partial(_paint, model, few), mesh, _WHOLE, _PARTS, _PARTS)
    return jax.jit(spread, compiler_options=compiler_options())


@cache
def _compiled_score(mesh: jax.sharding.Mesh) -> Any:
    return jax.jit(_spread(_score, mesh, _PARTS, _PARTS, _PARTS))


def _paint(
    model: Any, few: bool, params: Any, truth: UInt8[Array, "b h w 3"], masks: Float[Array, "b h w 1"]
) -> tuple[UInt8[Array, "b h w 3"], Array]:
    """Returns the completed pictures in 8 bits, as `extrapolate` rounds them, and whether each is finite."""
    unit = from_bytes(truth)
    with few_calls(few):
        prediction, _ = apply(model, params, known_canvas(unit, masks), masks)
    prediction = jnp.asarray(prediction, jnp.float32)
    rounded = jnp.round(to_levels(prediction)).clip(0.0, 255.0).astype(jnp.uint8)
    return jnp.where(masks > 0.5, rounded, truth), jnp.isfinite(prediction).all(axis=(1, 2, 3))


def _score(
    completed: UInt8[Array, "b h w 3"], truth: UInt8[Array, "b h w 3"], masks: Float[Array, "b h w 1"]
) -> dict[str, Float[Array, " b"]]:
    return jax.vmap(metrics.scores_of_bytes)(completed, truth, masks)
