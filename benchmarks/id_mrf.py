"""ID-MRF on feature maps: by blocks of rows and dense, beside PyTorch; time and memory, with and without gradients.

    python -m benchmarks.id_mrf
    python -m benchmarks.id_mrf --sides 32 64 --forms paper --contestants blocks compiled

"blocks" is what training uses, "dense" its reference, which has all similarities in memory, as the peers have. Peers
have the paper's form alone. A feature map of 64 x 64 is conv3_2 of a 256 x 256 canvas.
"""

from typing import Any

import numpy as np

from benchmarks import compare, options
from benchmarks.contest import Contestant

PEERS = ("eager", "compiled")
CONTESTANTS = ("blocks", "dense", *PEERS)
FORMS = ("paper", "release")
# Relative differences. Where patches nearly tie for the best, rounding decides which of them has the gradient.
_LIMITS = {"values": 1e-5, "gradients": 1e-3}


def main() -> None:
    """Runs the program."""
    parser = options.parser("id_mrf", __doc__, rounds=5)
    add = parser.add_argument
    add(
        "--sides",
        type=options.at_least_1,
        nargs="+",
        default=[64, 96, 128],
        help="of the square feature maps (default 64 96 128)",
    )
    add("--channels", type=options.at_least_1, default=256, help="default 256, as conv3_2 has")
    add("--forms", nargs="+", choices=FORMS, default=list(FORMS), help="of the loss (default: both)")
    add("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), help="(default: all)")
    # Compiling takes PyTorch half a minute whatever the size; --contestants adds it.
    given = options.parse(parser, sides=[8], channels=32, rounds=1, contestants=["blocks", "dense", "eager"])
    entries: dict[str, list[Contestant]] = {}
    for form in given.forms:
        names = [name for name in given.contestants if form == "paper" or name not in PEERS]
        for side in given.sides:
            for gradients in (False, True):
                work = "forward and gradients" if gradients else "forward"
                maps = feature_maps(side, given.channels)
                entries[f"{form} {side} x {side}, {work}"] = [
                    contestant(name, form, gradients, *maps, wrong=name == given.wrong) for name in names
                ]
    held = {what: contestants for what, contestants in entries.items() if contestants}
    options.hold_all(held, check, given)


def feature_maps(side: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a generated and a true map [1, side, side, channels], as a ReLU leaves them, that resemble each other."""
    rng = np.random.default_rng(0)
    truth = np.maximum(rng.normal(size=(1, side, side, channels)), 0)
    generated = np.maximum(0.5 * truth + rng.normal(size=truth.shape), 0)
    return generated.astype(np.float32), truth.astype(np.float32)


def contestant(
    name: str, form: str, gradients: bool, generated: np.ndarray, truth: np.ndarray, *, wrong: bool
) -> Contestant:
    """Returns one that compares the maps; a `wrong` one has others."""
    truth = truth[:, ::-1] * np.float32(0.9) + np.float32(0.1) if wrong else truth
    settings: dict[str, Any] = {"gradients": gradients, "generated": generated, "truth": truth}
    if name in PEERS:
        settings["compiled"] = name == "compiled"
        return Contestant(name, "benchmarks.peer.subjects:id_mrf", settings, peer=True)
    return Contestant(name, "benchmarks.ours:id_mrf", settings | {"form": form, "method": name})


def check(what: str, outcomes: dict[str, Any]) -> dict[str, float]:
    """Returns by how much values and gradients differ; raises WrongResultError where they do not agree."""
    (first, reference), *others = outcomes.items()
    found = {}
    for name, made in others:
        differences = {"values": compare.relative(reference["value"], made["value"], 1e-6)}
        if reference["gradients"]:
            differences["gradients"] = compare.relative_norm(reference["gradients"], made["gradients"])
        for kind, difference in differences.items():
            label = f"{kind} of {first} and {name}"
            found[label] = compare.hold(f"{what}: {label}", difference, _LIMITS[kind])
    return found


if __name__ == "__main__":
    options.run(main)
