"""How many steps the devices are given before the loop looks at what they made of them."""

from srn_jax.train import hosts

_SECONDS = 0.5  # between two looks: as long as a wish to stop, or a broken run, may go unnoticed
_MOST_STEPS = 16  # that wait for the devices, with their images


class Pace:
    """Steps between two looks, the same on all hosts.

    A look waits for the devices, fetches numbers and lets hosts agree. Steps in between are dispatched ahead, so that
    short ones need not wait for any of that; long ones are looked at one by one.
    """

    def __init__(self) -> None:
        self._steps = 1

    def due(self, steps: int) -> bool:
        """Returns whether it is time to look, after so many steps without."""
        return steps >= self._steps

    def adapt(self, steps: int, seconds: float) -> None:
        """Takes note that so many steps took so long; the first host's clock counts, and all must call."""
        fitting = int(_SECONDS * steps / max(seconds, 1e-9))
        self._steps = int(hosts.broadcast(str(max(1, min(fitting, _MOST_STEPS)))))
