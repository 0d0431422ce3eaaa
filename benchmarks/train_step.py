"""SRN's training steps beside PyTorch: pre-training, and the full step of five critic updates and the generator's.

    python -m benchmarks.train_step
    python -m benchmarks.train_step --batch 4 --dtype bfloat16 --contestants ours compiled

Half of the canvas each way is known, in the center; pictures wait as bytes. The full step has the paper's losses, with
VGG-19 of random filters. Every contestant starts from the same parameters; after one step losses, Adam's first moments
(gradients, that is) and the parameters' change must be the same.
"""

from functools import partial
from typing import Any

from benchmarks import compare, inputs, options
from benchmarks.contest import Contestant
from benchmarks.peer.weights import Arrays
from benchmarks.sizes import Sizes
from srn_jax.config import Config

CONTESTANTS = ("ours", "eager", "compiled")
PHASES = ("pre-training step", "full step")
# Relative differences, by what networks compute in; of bfloat16's 8 bits few are left after many layers and back.
_LOSS_LIMITS = {"float32": 1e-3, "tf32": 0.01, "bfloat16": 0.05}
# Of arrays. A gradient jumps where rounding moves an activation across the kink of its ReLU: one of the
# 262,144 of a critic's third layer by 1/512 of that layer's gradient. At full size several do, and five updates carry
# them on.
_ARRAY_LIMITS = {"float32": 0.03, "tf32": 0.05, "bfloat16": 0.1}
# Of the critics' arrays. Their biases have gradients that are real scores' less fake ones', nearly equal: one such jump
# in the fourth layer is 0.03 of them. Over four draws of pictures the worst was between 0.0003 and 0.09.
_CRITICS_ARRAY_LIMIT = 0.15
_SMALL = 1e-3  # gradients of an array below this share of all are sums that cancel; losses below it are near 0


def main() -> None:
    """Runs the program."""
    parser = options.parser("train_step", __doc__, rounds=7)
    options.add_sizes(parser, CONTESTANTS)
    parser.add_argument("--what", nargs="+", choices=PHASES, default=list(PHASES), help="(default: both)")
    # Compiling the full step takes PyTorch minutes whatever its size; --contestants adds it.
    given = options.parse(parser, width=8, canvas=(64, 64), rounds=1, contestants=["ours", "eager"])
    sizes = Sizes(given.width, given.batch, given.canvas, given.dtype)
    params, critics, vgg = inputs.parameters(sizes)
    config = inputs.configuration(sizes)
    shared = {
        "sizes": sizes,
        "critics": critics,
        "vgg": vgg,
        "images": inputs.pictures(1 + config.critic.updates, sizes),
        "alphas": inputs.alphas(sizes),
    }

    def contestant(name: str, phase: int) -> Contestant:
        own = {"phase": phase, "params": inputs.disturbed(params) if name == given.wrong else params}
        if name == "ours":
            return Contestant(name, "benchmarks.ours:training", shared | own)
        own |= {"settings": in_torch_words(config), "compiled": name == "compiled"}
        return Contestant(name, "benchmarks.peer.subjects:training", shared | own, peer=True)

    entries = {what: [contestant(name, PHASES.index(what)) for name in given.contestants] for what in given.what}
    start = {"generator": params, "critics": critics}
    options.hold_all(entries, partial(check, start=start), given)


def in_torch_words(config: Config) -> dict[str, Any]:
    """Returns the settings that the peer needs."""
    loss, adam = config.loss, config.adam
    return {
        "weights": {"s": loss.lambda_s, "mrf": loss.lambda_mrf, "adv": loss.lambda_adv, "gp": loss.lambda_gp},
        "adam": {"lr": config.adversarial.learning_rate, "betas": (adam.beta1, adam.beta2), "eps": adam.epsilon},
        "average": config.run.average,
        "steps_done": [step.first_step for step in inputs.steps(config)],
        "mrf_layers": loss.mrf_layers,
    }


def check(what: str, outcomes: dict[str, Any], start: dict[str, Arrays]) -> dict[str, float]:
    """Returns by how much contestants' first steps differ; raises WrongResultError where they do not agree.

    Args:
      outcomes: {contestant: {"metrics": losses, "moments": Adam's first, "parameters": after the step, ...}}, the
        latter two by network.
      start: all contestants' parameters before the step, by network.
    """
    (first, reference), *others = outcomes.items()
    found: dict[str, float] = {}
    for name, made in others:
        pair, precision = f"{first} and {name}", reference["precision"]
        losses = {
            key: compare.relative(reference["metrics"][key], made["metrics"][key], _SMALL)
            for key in reference["metrics"].keys() & made["metrics"].keys()
        }
        found[f"losses of {pair}"] = max(
            compare.hold(f"{what}: {key} of {pair}", difference, _LOSS_LIMITS[precision])
            for key, difference in losses.items()
        )
        for network, moments in made["moments"].items():
            ours, theirs = reference["parameters"][network], made["parameters"][network]
            difference = compare.worst_relative_norm(reference["moments"][network], moments, _SMALL)
            label = f"gradients of the {network} of {pair}"
            limit = _CRITICS_ARRAY_LIMIT if network == "critics" else _ARRAY_LIMITS[precision]
            found[label] = compare.hold(f"{what}: {label}", difference, limit)
            change, peer_change = (
                {key: array - start[network][key] for key, array in parameters.items()} for parameters in (ours, theirs)
            )
            label = f"changes of the {network} of {pair}"
            difference = compare.relative_norm(change, peer_change)
            found[label] = compare.hold(f"{what}: {label}", difference, _ARRAY_LIMITS[precision])
    return found


if __name__ == "__main__":
    options.run(main)
