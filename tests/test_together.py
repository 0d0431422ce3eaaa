"""Windows of several pictures, painted together."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import jax
import numpy as np
import pytest

from srn_jax import SRN, InputError, expand
from srn_jax.infer.expansion import expand_by
from srn_jax.infer.extrapolation import MANY_PICTURES, PictureError
from srn_jax.infer.together import Together, painter
from tests.test_generator import tiny_generator
from tests.test_stream import as_on_an_accelerator, calls
from tests.tiers import slow_but

GENERATOR = tiny_generator(SRN((2, 2), width=2), (8, 12), (16, 24))
MARGINS = (10, 3, 20, 25)


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (9 + seed, 14, 3), dtype=np.uint8)


def expanded(stream, seed: int) -> np.ndarray:
    given = dict.fromkeys(("feather", "seed"), 0)
    return expand_by(stream, GENERATOR, photo(seed), MARGINS, **given, detail=False, progress=None)


@pytest.mark.parametrize("batch", slow_but([2], [2, 5, 32]))
def test_pictures_worked_on_at_once_come_out_as_alone(monkeypatch, batch):
    as_on_an_accelerator(monkeypatch)
    made, stream = calls(monkeypatch), painter(batch)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(partial(expanded, stream), range(6)))
    assert max(size for size, _ in made) <= batch
    assert any(size > 1 for size, _ in made)
    for seed, canvas in enumerate(found):
        sides = dict(zip(("top", "bottom", "left", "right"), MARGINS, strict=True))
        alone = expand(GENERATOR, photo(seed), **sides, detail=False, batch=1)
        assert np.abs(canvas.astype(int) - alone).max() <= 1


def windows(count: int):
    """Yields what so many windows see."""
    mask = np.ones((16, 24), bool)
    mask[4:12, 6:18] = False
    for number in range(count):
        yield np.random.default_rng(number).random((8, 12, 3), np.float32), mask


def test_what_waits_goes_in_one_call_but_for_pictures_of_many_passes(monkeypatch):
    as_on_an_accelerator(monkeypatch)
    made, together = calls(monkeypatch), Together(8)
    with together._device, ThreadPoolExecutor(3) as pool:  # the device is busy, so that all of them wait
        asked = [(3, 3), (2, MANY_PICTURES), (4, 4)]
        begun = Barrier(len(asked) + 1)

        def paint(count: int, expected: int) -> int:
            seen = list(windows(count))
            begun.wait()
            with jax.default_device(jax.local_devices()[0]):
                return len(list(together.stream(GENERATOR, seen, expected=expected)))

        done = [pool.submit(paint, *one) for one in asked]
        begun.wait()
        while len(together._waiting) < 9:
            time.sleep(0.001)
        together._device.release()
        assert [one.result() for one in done] == [3, 2, 4]
        together._device.acquire()
    assert sorted(size for size, _ in made) == [2, 8]


def test_an_error_reaches_all_whose_windows_were_painted(monkeypatch):
    as_on_an_accelerator(monkeypatch)

    def fail(*given, **more):
        raise PictureError(1, "params paint values that are NaN")
        yield

    monkeypatch.setattr(sys.modules["srn_jax.infer.together"], "extrapolate_stream", fail)
    together = Together(8)
    first = together.stream(GENERATOR, windows(2), expected=2)
    with pytest.raises(PictureError, match="picture 0: params paint values that are NaN"):
        next(first)
    with pytest.raises(InputError, match=r"^pass 1 of \d+: params paint values"):
        expanded(painter(8), 1)


def test_one_window_a_call_needs_no_company(monkeypatch):
    as_on_an_accelerator(monkeypatch)
    assert not isinstance(getattr(painter(1), "__self__", None), Together)
    assert isinstance(getattr(painter(2), "__self__", None), Together)
    with pytest.raises(InputError, match="batch is 0"):
        painter(0)


def test_on_a_cpu_windows_go_one_by_one():
    assert not isinstance(getattr(painter(32), "__self__", None), Together)
