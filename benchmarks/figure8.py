"""The systems of the paper's figure 8: parameters and inference time, 128x128 -> 256x256, batch 1.

    python -m benchmarks.figure8 [--repeats 7]

The systems take turns, so that a busy moment of the machine hits all of them.
"""

import statistics
import sys
import time

import jax
import numpy as np
from tqdm import tqdm

from benchmarks import inputs, machine, options
from benchmarks.peer.weights import unflatten
from configs.ablation import get_config
from srn_jax import config as settings
from srn_jax import extrapolate
from srn_jax.generators.generator import Generator
from srn_jax.geometry import unknown_mask
from srn_jax.train.state import build_generator

ROWS = {"fig8_ca": "CA (n = 32)", "fig8_ed": "ED", "fig8_srn_hr": "SRN-HR", "fig8_srn": "SRN"}


def main() -> None:
    """Runs the program."""
    parser = options.bare("figure8", __doc__)
    parser.add_argument("--repeats", type=options.at_least_1, default=7, help="timed calls a system (default 7)")
    repeats = parser.parse_args().repeats
    window = settings.Geometry()
    offset = jax.numpy.array([[64, 64]], jax.numpy.int32)
    mask = np.asarray(unknown_mask(offset, window.canvas, window.known))[0]
    picture = np.random.default_rng(0).integers(0, 256, (*window.known, 3), dtype=np.uint8)
    generators, compile_seconds, times = {}, {}, {}
    for row in tqdm(ROWS, desc="compiling", file=sys.stderr):
        model = build_generator(settings.resolve(get_config(row)))
        arguments = np.zeros((1, *window.canvas, 3), np.float32), mask[None]
        shapes = jax.eval_shape(model.init, jax.random.key(0), *arguments)["params"]
        # Drawn by NumPy: initializers take as long to compile as the network.
        params = jax.device_put(unflatten(inputs.draw(shapes, np.random.default_rng(0), 1.0, 0.1)))
        generators[row] = Generator(params, model, window.known, window.canvas, window.placement)
        start = time.perf_counter()
        extrapolate(generators[row], picture, mask)
        compile_seconds[row], times[row] = time.perf_counter() - start, []
    for _ in tqdm(range(repeats), desc="measuring", file=sys.stderr):
        for row, generator in generators.items():
            times[row] += machine.seconds(lambda g=generator: extrapolate(g, picture, mask), 1)
    print(f"{machine.describe(machine.describe_jax())}; medians of {repeats} calls of `extrapolate`, uint8 to uint8\n")
    rows = []
    for row, label in ROWS.items():
        count = sum(leaf.size for leaf in jax.tree.leaves(generators[row].params))
        median = statistics.median(times[row])
        ratio = median / statistics.median(times["fig8_srn"])
        rows.append([label, f"`{row}`", f"{count:,}", f"{median:.3f}", f"{ratio:.2f}", f"{compile_seconds[row]:.1f}"])
    print(machine.table(["system", "config", "parameters", "seconds", "over SRN", "first call"], rows))


if __name__ == "__main__":
    main()
