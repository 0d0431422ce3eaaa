"""Completing and scoring batches of crops on all local devices, while the host prepares the next."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from srn_jax import metrics
from srn_jax.errors import InputError
from srn_jax.evaluate.crops import Crop, Crops
from srn_jax.evaluate.perceptual import Networks
from srn_jax.fills import FILLS, SLOW_FILLS
from srn_jax.generator import Generator
from srn_jax.geometry import known_canvas
from srn_jax.models.layers import apply

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
ALL_FILLS: dict[str, Fill] = FILLS | SLOW_FILLS
Scores = dict[str, float]
_AHEAD = 2  # batches that are read while one is on the devices


class Judged(NamedTuple):
    """One crop and what became of it: completed pictures and scores by system, the generator's first.

    `features` are Inception's, by system and of the truth, where it looks.
    """

    number: int
    crop: Crop
    completed: dict[str, UInt8[np.ndarray, "h w 3"]]
    scores: dict[str, Scores]
    features: dict[str, Float[np.ndarray, " c"]]


class Judge:
    """Completes and scores crops with a generator and all fills; compiled once, for batches of one size."""

    def __init__(self, generator: Generator, batch: int, networks: Networks = Networks()) -> None:  # noqa: B008
        """Uses as many local devices as divide `batch`, and the networks that are given."""
        devices = jax.local_devices()
        count = next(count for count in range(len(devices), 0, -1) if batch % count == 0)
        self.painter, self._batch = type(generator.model).__name__, batch
        mesh = jax.sharding.Mesh(np.array(devices[:count]), ("batch",))
        parts, whole = jax.sharding.PartitionSpec("batch"), jax.sharding.PartitionSpec()
        spread = partial(jax.shard_map, mesh=mesh, out_specs=parts, check_vma=False)
        paint = partial(_paint, generator.model)
        self._paint = jax.jit(spread(paint, in_specs=(whole, parts, parts)))
        self._score = jax.jit(spread(_score, in_specs=(parts, parts, parts)))
        everywhere = jax.sharding.NamedSharding(mesh, whole)
        self._params = jax.device_put(generator.params, everywhere)
        self._features = self._distance = None
        if networks.features:
            function, params = networks.features
            compiled = jax.jit(spread(function, in_specs=(whole, parts)))
            self._features = partial(compiled, jax.device_put(params, everywhere))
        if networks.distance:
            function, params = networks.distance
            compiled = jax.jit(spread(function, in_specs=(whole, parts, parts)))
            self._distance = partial(compiled, jax.device_put(params, everywhere))

    def judge(
        self, crops: Crops, numbers: Iterable[int], unreadable: Callable[[int], None] = lambda number: None
    ) -> Iterator[Judged]:
        """Yields the crops with these numbers, in order; those that do not decode go to `unreadable`."""
        left, waiting = iter(numbers), deque()
        with ThreadPoolExecutor(1) as pool:
            try:
                while True:
                    while len(waiting) < _AHEAD and (chosen := list(islice(left, self._batch))):
                        waiting.append(pool.submit(_prepare, crops, chosen))
                    if not waiting:
                        return
                    found, fills, missing = waiting.popleft().result()
                    for number in missing:
                        unreadable(number)
                    yield from self._judge_batch(found, fills)
            finally:
                pool.shutdown(cancel_futures=True)

    def _judge_batch(self, found: list[tuple[int, Crop]], fills: dict[str, list[np.ndarray]]) -> Iterator[Judged]:
        if not found:
            return
        truth = self._padded([crop.image for _, crop in found])
        masks = self._padded([crop.mask for _, crop in found])
        painted, finite = self._paint(self._params, truth, masks)
        completed = {self.painter: painted} | {name: self._padded(images) for name, images in fills.items()}
        scores = {name: self._score(images, truth, masks) for name, images in completed.items()}
        if self._distance:
            for name, images in completed.items():
                scores[name]["lpips"] = self._distance(images, truth)
        features = {}
        if self._features:
            features = {name: self._features(images) for name, images in (completed | {"truth": truth}).items()}
        systems = list(completed)  # JAX sorts the keys of what it fetches
        completed, scores, features, finite = jax.device_get((completed, scores, features, finite))
        if not finite.all():
            raise InputError("the checkpoint paints values that are NaN or infinite: it is damaged, or diverged")
        for place, (number, crop) in enumerate(found):
            yield Judged(
                number,
                crop,
                {name: completed[name][place] for name in systems},
                {name: {key: float(one[place]) for key, one in scores[name].items()} for name in systems},
                {name: one[place] for name, one in features.items()},
            )

    def _padded(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Returns them stacked, the last repeated up to a batch: one size, one compilation."""
        return np.stack(arrays + [arrays[-1]] * (self._batch - len(arrays)))


def _prepare(crops: Crops, numbers: list[int]) -> tuple[list[tuple[int, Crop]], dict[str, list[np.ndarray]], list[int]]:
    """Returns the crops that decode, each fill of them, and the numbers of the others."""
    read = [(number, crops.read(number)) for number in numbers]
    found = [(number, crop) for number, crop in read if crop is not None]
    fills = {name: [fill(crop.image, crop.mask) for _, crop in found] for name, fill in ALL_FILLS.items()}
    return found, fills, [number for number, crop in read if crop is None]


def _paint(
    model: Any, params: Any, truth: UInt8[Array, "b h w 3"], masks: Float[Array, "b h w 1"]
) -> tuple[UInt8[Array, "b h w 3"], Array]:
    """Returns the completed pictures in 8 bits, as `extrapolate` rounds them, and whether each is finite."""
    unit = truth * jnp.float32(1 / 127.5) - 1.0
    prediction, _ = apply(model, params, known_canvas(unit, masks), masks)
    prediction = jnp.asarray(prediction, jnp.float32)
    rounded = jnp.round((prediction + 1.0) * 127.5).clip(0.0, 255.0).astype(jnp.uint8)
    return jnp.where(masks > 0.5, rounded, truth), jnp.isfinite(prediction).all(axis=(1, 2, 3))


def _score(
    completed: UInt8[Array, "b h w 3"], truth: UInt8[Array, "b h w 3"], masks: Float[Array, "b h w 1"]
) -> dict[str, Float[Array, " b"]]:
    return jax.vmap(metrics.scores)(jnp.float32(completed) / 255, jnp.float32(truth) / 255, masks)
