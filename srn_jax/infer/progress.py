"""Passes of the network and tiles of detail, told of as one kind of work."""

from collections.abc import Callable

_PASS = 40  # tiles of detail that take about as long as a pass


class Progress:
    """Tells how much is done, and how much there is in all."""

    def __init__(self, tell: Callable[[int, int], object] | None, passes: int, tiles: int) -> None:
        """Calls `tell` with the work done and in all, where so many passes and tiles are to come."""
        self._tell, self._pass = tell, _PASS if tiles else 1
        self._done, self._all = 0, passes * self._pass + tiles

    def a_pass(self) -> None:
        """Tells that a pass is done."""
        self._add(self._pass)

    def a_tile(self) -> None:
        """Tells that a tile is done."""
        self._add(1)

    def _add(self, work: int) -> None:
        self._done += work
        if self._tell is not None:
            self._tell(self._done, self._all)
