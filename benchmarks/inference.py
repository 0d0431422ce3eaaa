"""SRN's inference beside PyTorch: the generator alone, and bytes to bytes.

    python -m benchmarks.inference
    python -m benchmarks.inference --batch 8 --canvas 256x512 --dtype bfloat16

Half of the canvas each way is known. "generator": arrays on the device in, the prediction on it out. "extrapolate":
our function of that name, and its like in PyTorch. Every contestant has the same parameters and picture.
"""

import math
from typing import Any

from benchmarks import compare, inputs, options
from benchmarks.contest import Contestant
from benchmarks.sizes import Sizes

CONTESTANTS = ("ours", "eager", "compiled")
_GENERATOR, _EXTRAPOLATE = "generator", "extrapolate"
# How far predictions in [-1, 1] may lie apart: a few dozen layers of numbers with 24, 11 and 8 bits.
_LIMITS = {"float32": 1e-3, "tf32": 0.02, "bfloat16": 0.1}


def main() -> None:
    """Runs the program."""
    parser = options.parser("inference", __doc__, rounds=7)
    options.add_sizes(parser, CONTESTANTS)
    given = options.parse(parser, width=8, canvas=(64, 64), rounds=1)
    sizes = Sizes(given.width, given.batch, given.canvas, given.dtype)
    params, _, _ = inputs.parameters(sizes)
    picture = inputs.pictures(1, sizes)[0]

    def contestant(name: str, what: str) -> Contestant:
        arrays = inputs.disturbed(params) if name == given.wrong else params
        settings: dict[str, Any] = {"sizes": sizes, "params": arrays, "picture": picture}
        maker = {_GENERATOR: "painting", _EXTRAPOLATE: "extrapolation"}[what]
        if name == "ours":
            return Contestant(name, f"benchmarks.ours:{maker}", settings)
        settings["compiled"] = name == "compiled"
        return Contestant(name, f"benchmarks.peer.subjects:{maker}", settings, peer=True)

    # `extrapolate` has no choice of dtype.
    rows = (_GENERATOR, _EXTRAPOLATE) if given.dtype == "float32" else (_GENERATOR,)
    # PyTorch takes long to compile the network; the short form lets it do so once.
    left_out = {(_EXTRAPOLATE, "compiled")} if given.short else set()
    entries = {
        what: [contestant(name, what) for name in given.contestants if (what, name) not in left_out] for what in rows
    }
    options.hold_all(entries, check, given)


def check(what: str, outcomes: dict[str, Any]) -> dict[str, float]:
    """Returns how far pictures lie from the first contestant's; raises WrongResultError where they do not agree."""
    (first, reference), *others = outcomes.items()
    limit = _LIMITS[reference["precision"]]
    if what == _EXTRAPOLATE:
        limit = math.ceil(127.5 * limit)  # levels of 255
    return {
        f"{first} - {name}": compare.hold(
            f"{what}: predictions of {first} and {name}", compare.largest(reference["picture"], made["picture"]), limit
        )
        for name, made in others
    }


if __name__ == "__main__":
    options.run(main)
