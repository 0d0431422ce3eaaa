"""ID-MRF on feature maps: the dense form beside the one by blocks of rows, time and peak memory.

    python -m benchmarks.id_mrf [--sides 64 96 128] [--channels 256] [--repeats 3] [--rounds 2]

Each cell is a process of its own, so that peaks do not mix; the two forms take turns over `--rounds`. Peak memory is
that of the process above what it took before the loss was compiled (on an accelerator, of its arrays).
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import jax

from benchmarks import machine
from srn_jax.losses import mrf
from srn_jax.losses.row_blocks import best_of_rows, best_of_rows_dense

METHODS = {"dense": best_of_rows_dense, "blocks": best_of_rows}


def measure(form: str, method: str, side: int, channels: int, repeats: int) -> dict[str, Any]:
    """Returns one cell's compile time, times of value and of value and gradients, peak memory, and the value."""
    keys = jax.random.split(jax.random.key(0))
    truth = jax.nn.relu(jax.random.normal(keys[0], (1, side, side, channels)))
    generated = jax.nn.relu(0.5 * truth + jax.random.normal(keys[1], truth.shape))

    def loss(generated, truth):
        return mrf.ID_MRF[form](generated, truth, best=METHODS[method])

    jax.block_until_ready(generated)
    before, start = machine.peak_bytes(), time.perf_counter()
    both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).lower(generated, truth).compile()
    compiled = time.perf_counter() - start
    forward = jax.jit(loss).lower(generated, truth).compile()
    value = float(both(generated, truth)[0])  # warm
    forward(generated, truth)
    return {
        "compile_s": compiled,
        "forward_s": machine.seconds(lambda: forward(generated, truth), repeats),
        "gradient_s": machine.seconds(lambda: both(generated, truth), repeats),
        "peak_mb": (machine.peak_bytes() - before) / 1e6,
        "value": value,
    }


def in_process(*cell: Any) -> dict[str, Any]:
    """Returns what `measure` does, from a process of its own."""
    arguments = [sys.executable, "-m", "benchmarks.id_mrf", "--cell", *map(str, cell)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, cell))} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def row(form: str, side: int, options: argparse.Namespace) -> list[str]:
    """Returns one row of the table: a form of the loss at one size, dense beside blocks."""
    rounds: dict[str, list[dict]] = {method: [] for method in METHODS}
    for _ in range(options.rounds):
        for method, cells in rounds.items():
            cells.append(in_process(form, method, side, options.channels, options.repeats))

    def median(method: str, name: str) -> float:
        return statistics.median(t for cell in rounds[method] for t in cell[name])

    texts = [form, f"{side} x {side}"]
    for name in ("forward_s", "gradient_s"):
        dense, blocks = (median(method, name) for method in METHODS)
        texts += [f"{dense:.2f}", f"{blocks:.2f}", f"{blocks / dense:.2f}"]
    peaks = [max(cell["peak_mb"] for cell in rounds[method]) for method in METHODS]
    texts += [f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", f"{peaks[1] / peaks[0]:.3f}"]
    texts += [f"{rounds[method][0]['compile_s']:.1f}" for method in METHODS]
    dense, blocks = (rounds[method][0]["value"] for method in METHODS)
    return [*texts, f"{abs(blocks - dense) / abs(dense):.1g}"]


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.id_mrf", description=__doc__)
    add = parser.add_argument
    add("--sides", type=int, nargs="+", default=[64, 96, 128], help="of the square feature maps (default 64 96 128)")
    add("--channels", type=int, default=256, help="default 256, as conv3_2 has")
    add("--repeats", type=int, default=3, help="timed calls a process (default 3)")
    add("--rounds", type=int, default=2, help="processes a cell (default 2)")
    add("--forms", nargs="+", choices=list(mrf.ID_MRF), default=list(mrf.ID_MRF))
    add("--cell", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        form, method, *numbers = options.cell
        print(json.dumps(measure(form, method, *map(int, numbers))))
        return
    print(f"{machine.describe()}; batch 1, {options.channels} channels, float32, medians in seconds\n")
    header = ["form", "patches"]
    for name in ("forward", "forward + gradients"):
        header += [f"{name}, dense", "blocks", "ratio"]
    header += ["peak MB, dense", "blocks", "ratio", "compile s, dense", "blocks", "values differ by"]
    print(machine.table(header, [row(form, side, options) for form in options.forms for side in options.sides]))


if __name__ == "__main__":
    main()
