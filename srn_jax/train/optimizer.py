"""Adam in the paper's form and in the release's, and learning-rate schedules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from srn_jax.config import Adam, Phase
from srn_jax.errors import pick


class ReleaseAdamState(NamedTuple):
    """First and second moments; the step count is the caller's."""

    mu: Any
    nu: Any


def _paper_adam(adam: Adam) -> optax.GradientTransformationExtraArgs:
    return optax.with_extra_args_support(optax.scale_by_adam(adam.beta1, adam.beta2, adam.epsilon))


def _release_adam(adam: Adam) -> optax.GradientTransformationExtraArgs:
    """TensorFlow 1's Adam: epsilon beside the uncorrected sqrt(v), one step count for all networks together."""

    def init(params):
        return ReleaseAdamState(jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, ReleaseAdamState]:
        del params
        mu = optax.update_moment(updates, state.mu, adam.beta1, 1)
        nu = optax.update_moment(updates, state.nu, adam.beta2, 2)
        count = (extra["updates_done"] + 1).astype(jnp.float32)
        correction = jnp.sqrt(1.0 - adam.beta2**count) / (1.0 - adam.beta1**count)
        scaled = jax.tree.map(lambda m, v: correction * m / (jnp.sqrt(v) + adam.epsilon), mu, nu)
        return scaled, ReleaseAdamState(mu, nu)

    return optax.GradientTransformationExtraArgs(init, update)


# Both are updated with `updates_done`, the phase's updates of all networks so far; the paper's form counts its own.
ADAM: dict[str, Callable[[Adam], optax.GradientTransformationExtraArgs]] = {
    "paper": _paper_adam,
    "release": _release_adam,
}


def build(adam: Adam) -> optax.GradientTransformationExtraArgs:
    """Returns Adam's direction, without the learning rate: that is a function of the step, not of the optimizer.

    Where `adam.clip_norm` is given, a gradient that is longer is scaled down to it first: the generator's by itself,
    the critics' as one.
    """
    form = pick(ADAM, adam.form, "adam.form")(adam)
    if not adam.clip_norm:
        return form
    clip = optax.clip_by_global_norm(adam.clip_norm)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        clipped, _ = clip.update(updates, optax.EmptyState())
        return form.update(clipped, state, params, **extra)

    return optax.GradientTransformationExtraArgs(form.init, update)


_LAST = 0.01  # of the rate, where a schedule that falls ends

# Learning rate over a phase's steps: (rate, steps) -> optax schedule.
SCHEDULES: dict[str, Callable[[float, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, _LAST * rate, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps, alpha=_LAST),
    "exponential": lambda rate, steps: optax.exponential_decay(rate, steps, _LAST),
    "steps": lambda rate, steps: optax.piecewise_constant_schedule(rate, {steps // 2: 0.1, steps * 3 // 4: 0.1}),
}


def learning_rate(phase: Phase, name: str) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
    """Returns the rate as a function of the own step of the phase called `name`, warmed up linearly."""
    schedule = pick(SCHEDULES, phase.schedule, f"{name}.schedule")(phase.learning_rate, max(1, phase.steps))

    def rate(step: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.asarray(schedule(step)) * jnp.minimum(1.0, (step + 1) / max(phase.warmup_steps, 1))

    return rate
