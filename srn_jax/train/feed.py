"""The batches of a phase on their way to the devices: read, counted and placed in the background."""

import time
from typing import Any

import grain
import jax
from jaxtyping import Array, UInt8

from srn_jax.config import Config
from srn_jax.data.photographs import Count, Photographs
from srn_jax.data.pipeline import Cut, training_batches
from srn_jax.errors import InputError
from srn_jax.train import sharding

_AHEAD = 2  # steps whose images wait on the devices


class Feed:
    """Endless images for steps, from batch number `start` on, `group` batches a step."""

    def __init__(
        self, photographs: Photographs, count: Count, config: Config, mesh: jax.sharding.Mesh, start: int, group: int
    ):
        def place(cut: Cut) -> UInt8[Array, "k b h w 3"]:
            count.note(cut.skipped)
            images = sharding.put_images(mesh, cut.pixels)
            self._placed += 1
            return images

        batches = training_batches(
            photographs,
            config.data,
            config.geometry.canvas,
            seed=config.run.seed,
            start=start,
            group=group,
            part=(jax.process_index(), jax.process_count()),
        )
        ahead = grain.experimental.ThreadPrefetchIterDataset(batches.map(place), prefetch_buffer_size=_AHEAD)
        self._placed, self._taken = 0, 0
        self._images = iter(ahead)
        self._newest: UInt8[Array, "k b h w 3"] | None = None
        self._trouble: InputError | OSError | None = None
        self._waited = 0.0

    def next(self, made: Any = None) -> UInt8[Array, "k b h w 3"]:
        """Returns the next step's images, [k, b, h, w, 3] over all hosts; raises what reading them raised.

        `made` are arrays that the devices still compute, if they do: what is waited for beside them keeps nobody
        waiting, so it is they that are waited for first.
        """
        if made is not None and self._placed == self._taken:
            jax.block_until_ready(made)
        started = time.perf_counter()
        try:
            self._newest = next(self._images)
        except RuntimeError as error:
            if "Worker process was terminated" not in str(error):
                raise
            raise InputError(f"a process that reads pictures has died: {error}; is there too little memory?") from error
        self._taken += 1
        self._waited += time.perf_counter() - started
        return self._newest

    def next_unchecked(self, made: Any) -> UInt8[Array, "k b h w 3"]:
        """Returns what `next` does; where that raises, the images of before, and `check` raises it.

        For steps after which hosts do not meet: the others go on, and would wait for this one forever.
        """
        try:
            return self.next(made) if self._trouble is None else self._repeated()
        except (InputError, OSError) as error:
            self._trouble = error
            return self._repeated()

    def _repeated(self) -> UInt8[Array, "k b h w 3"]:
        assert self._newest is not None  # the first images are waited for by all
        return self._newest

    def check(self) -> None:
        """Raises what `next_unchecked` did not: steps since then are worth nothing."""
        if self._trouble is not None:
            raise self._trouble

    def waited(self) -> float:
        """Returns how many seconds devices have waited for images since it was last asked."""
        waited, self._waited = self._waited, 0.0
        return waited

    def close(self) -> None:
        """Ends the reading."""
        self._images.close()
