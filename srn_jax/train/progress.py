"""What a phase tells while it runs: lines, a bar, and the rate by a clock of training alone."""

import sys
import time

from tqdm import tqdm

from srn_jax.train import hosts

_LOG_FILE_SECONDS = 10.0  # between the bar's lines where nobody watches it: a log file wants few


class Clock:
    """The time of training alone: of steps and of the wait for pictures, not of evaluating, saving and logging."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._images, self._seconds = 0, 0.0
        self._waited, self._before = 0.0, 0.0  # since the metrics were last asked for

    def start(self) -> None:
        """Goes on; what has passed since `stop` is not counted."""
        self._since = time.perf_counter()

    def stop(self, images: int, waited: float) -> float:
        """Returns the seconds since it was started, in which so many images were trained on and so long waited for."""
        seconds = time.perf_counter() - self._since
        self._images, self._seconds = self._images + images, self._seconds + seconds
        self._waited += waited
        return seconds

    def metrics(self) -> dict[str, float]:
        """Returns images a second since the first step, and the share of waiting, in [0, 1], since last asked."""
        if not self._images:
            return {}
        share = self._waited / max(self._seconds - self._before, 1e-9)
        self._waited, self._before = 0.0, self._seconds
        return {"images_per_second": self._images / self._seconds, "data_wait_share": min(share, 1.0)}


def say(text: str) -> None:
    """Prints between progress bars, once for all hosts."""
    if hosts.is_first():
        tqdm.write(text)


def progress_bar(label: str, total: int, initial: int) -> tqdm:
    """Returns a bar that counts images, `initial` of which were there before its time: it tells images/s, time left."""
    watched = sys.stderr.isatty()
    return tqdm(
        desc=label,
        total=total,
        initial=initial,
        unit=" images",
        unit_scale=True,
        dynamic_ncols=True,
        mininterval=0.1 if watched else _LOG_FILE_SECONDS,
        disable=not hosts.is_first(),
    )
