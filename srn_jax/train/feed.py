"""The batches of a phase on their way to the devices: read, counted and placed in the background."""

import time

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
            return sharding.put_images(mesh, cut.pixels)

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
        self._images = iter(ahead)
        self._waited, self._worked = 0.0, 0.0

    def next(self) -> UInt8[Array, "k b h w 3"]:
        """Returns the next step's images, [k, b, h, w, 3] over all hosts; raises what reading them raised."""
        started = time.perf_counter()
        try:
            images = next(self._images)
        except RuntimeError as error:
            if "Worker process was terminated" not in str(error):
                raise
            raise InputError(f"a process that reads pictures has died: {error}; is there too little memory?") from error
        self._waited += time.perf_counter() - started
        return images

    def worked(self, seconds: float) -> None:
        """Takes note of a step's own time."""
        self._worked += seconds

    def waited_share(self) -> float:
        """Returns which share of their time, in [0, 1], steps have waited for images since it was last asked."""
        share = self._waited / max(self._waited + self._worked, 1e-9)
        self._waited, self._worked = 0.0, 0.0
        return share

    def close(self) -> None:
        """Ends the reading."""
        self._images.close()
