"""Windows of several pictures that are worked on at once: painted together on their device, a batch at a time."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.infer.extrapolation import MANY_PICTURES, PictureError, check_batch, extrapolate_stream
from srn_jax.infer.rounds import Stream


def painter(batch: int | None) -> Stream:
    """Returns what paints the windows of pictures that threads work on at once, all for one device.

    Up to `batch` of them go through the network in one call; None is as suits the backend.
    """
    most = check_batch(batch)
    return Together(most).stream if most > 1 else partial(extrapolate_stream, batch=1)


class _Window(NamedTuple):
    """What one window sees, and what becomes of it; `many` is whether its picture takes many passes."""

    known: Float[np.ndarray, "kh kw 3"]
    mask: Bool[np.ndarray, "ch cw"]
    many: bool
    painted: "Future[np.ndarray]"


class Together:
    """Where the threads that work on pictures for one device have their windows painted."""

    def __init__(self, batch: int) -> None:
        """Paints up to `batch` windows in one call of the network."""
        self._batch = batch
        self._waiting: deque[_Window] = deque()
        self._queue, self._device = Lock(), Lock()  # each held by the thread that uses it

    def stream(
        self,
        generator: Generator,
        pictures: Iterable[tuple[Float[np.ndarray, "kh kw 3"], Bool[np.ndarray, "ch cw"]]],
        *,
        expected: int,
    ) -> Iterator[np.ndarray]:
        """Yields what `extrapolate_stream` does; `generator` is the same for all threads.

        The first thread that finds the device free paints what waits, its own windows and others'. Those of pictures
        that take many passes, of which `extrapolate_stream` makes another program, are painted apart: what a picture
        becomes does not hang on its company.
        """
        asked = [_Window(*one, expected >= MANY_PICTURES, Future()) for one in pictures]
        with self._queue:
            self._waiting.extend(asked)
        for number, window in enumerate(asked):
            while not window.painted.done():
                with self._device:
                    if not window.painted.done():
                        self._paint(generator)
            try:
                yield window.painted.result()
            except InputError as error:
                raise PictureError(number, str(error)) from error

    def _paint(self, generator: Generator) -> None:
        """Paints the windows that have waited longest, up to a batch of them."""
        with self._queue:
            some = [one for one in self._waiting if one.many == self._waiting[0].many][: self._batch]
            chosen = set(map(id, some))
            self._waiting = deque(one for one in self._waiting if id(one) not in chosen)
        seen = [(one.known, one.mask) for one in some]
        expected = MANY_PICTURES if some[0].many else 1
        try:
            painted = extrapolate_stream(generator, seen, expected=expected, batch=self._batch)
            for one, pixels in zip(some, painted, strict=True):
                one.painted.set_result(pixels)
        except BaseException as error:
            said = InputError(error.reason) if isinstance(error, PictureError) else error
            for one in some:
                if not one.painted.done():
                    one.painted.set_exception(said)
            if not isinstance(error, Exception):  # Ctrl-C is this thread's own
                raise
