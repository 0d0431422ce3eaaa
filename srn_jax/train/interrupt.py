"""Ctrl-C and SIGTERM as a wish that the loop grants between two steps."""

import signal
from types import FrameType


class Interrupt:
    """While entered, the first SIGINT or SIGTERM only sets `requested`; a second one acts as ever.

    Attributes:
      requested: the signal's name, once one has come.
    """

    def __init__(self) -> None:
        self.requested: str | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.requested = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())  # pyright: ignore[reportArgumentType]
