"""Starting a run from a checkpoint of another: its generator, and critics and optimizer as far as they are there."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from srn_jax.errors import InputError
from srn_jax.generators.arrays import array_shapes, read_arrays
from srn_jax.generators.loading import find_checkpoint, load_generator
from srn_jax.generators.seal import check_seal
from srn_jax.generators.writing import STATE
from srn_jax.models.layers import attributes
from srn_jax.models.parameters import by_name
from srn_jax.train.state import TrainState

_SETTING = "run.start_from"


def start_from(path: str, state: TrainState, model: nn.Module) -> tuple[TrainState, str]:
    """Returns `state` with what the checkpoint has for it, and in words what that is; steps count from 0 again.

    The generator must be `model`'s, but for the ratio of canvas and known picture, with which expansion starts afresh
    where its parameters have other shapes. Critics are taken over where they fit, and Adam's moments where those of all
    networks fit, since their updates are counted together; what does not fit starts afresh.

    Args:
      path: a run's workdir, one of its checkpoints, what `python -m srn_jax.convert` wrote, or a name in
        `generators.bundled.bundled()`.

    Raises:
      InputError: the checkpoint cannot be read, or its generator is another one; names the settings that differ.
    """
    folder = find_checkpoint(path, _SETTING)
    generator = load_generator(folder)
    _check_same(generator.model, model, path)
    # Expansion alone knows the ratio, and some expansions do not.
    fitting = jax.tree.map(lambda w, a: a if a.shape == w.shape else w, state.average, generator.params)
    kept = jax.tree.map(jnp.shape, fitting) == jax.tree.map(jnp.shape, generator.params)
    taken = "generator" if kept else f"generator but for its expansion ({_differing(generator.model, model)[0]})"
    average = _like(state.average, fitting)
    state = state.replace(params=jax.tree.map(jnp.copy, average), average=average)
    saved = folder / STATE
    if not saved.is_dir():
        return state, f"the {taken} alone: critics and Adam start afresh, since the checkpoint has none"
    try:
        check_seal(folder, (STATE,))
    except InputError as error:
        raise InputError(f"{_SETTING}: checkpoint {folder} cannot be read: {error}") from error
    shapes = array_shapes(saved)

    def take(*parts: str) -> str | None:
        """Puts parts of the checkpoint's state into `state`, all or none; returns why they do not fit."""
        nonlocal state
        wanted = {part: getattr(state, part) for part in parts}
        misfit = _misfit(wanted, shapes)
        if misfit is None:
            state = state.replace(**_like(wanted, read_arrays(saved, wanted)))
        return misfit

    take("params")  # what the average is of; without it, training goes on from the average
    critics = take("critics")
    adam = critics or take("adam_generator", "adam_critics", "updates")
    taken = [taken, *([] if critics else ["critics"]), *([] if adam else [f"Adam ({state.updates} updates)"])]
    afresh = f"; critics and Adam afresh: {critics}" if critics else f"; Adam afresh: {adam}" if adam else ""
    return state, ", ".join(taken) + afresh


def _misfit(wanted: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Returns why the checkpoint's arrays are not those that are `wanted`, or None where they are."""
    for name, leaf in by_name(wanted).items():
        if name not in shapes:
            return f"the checkpoint lacks {name}"
        if shapes[name] != leaf.shape:
            return f"{name} is {shapes[name]} in the checkpoint, {leaf.shape} here"
    return None


def _like(wanted: Any, arrays: Any) -> Any:
    """Returns `arrays` laid out over the devices as `wanted` is."""
    return jax.tree.map(lambda w, a: jax.make_array_from_process_local_data(w.sharding, np.asarray(a)), wanted, arrays)


def _check_same(theirs: nn.Module, ours: nn.Module, path: str) -> None:
    if type(theirs) is not type(ours):
        raise InputError(
            f"{_SETTING}: {path} holds a {type(theirs).__name__}, this run trains a {type(ours).__name__}; "
            "set model.name to match"
        )
    differing = _differing(theirs, ours, ("ratio",))
    if differing:
        raise InputError(
            f"{_SETTING}: the generator in {path} is another one ({'; '.join(differing)}); set model.*, geometry.* "
            "and numerics to match"
        )


def _differing(theirs: nn.Module, ours: nn.Module, besides: tuple[str, ...] = ()) -> list[str]:
    """Returns the attributes of two modules of one kind that differ, in words, but for those named `besides`."""
    before, here = attributes(theirs), attributes(ours)
    names = [name for name in here if name not in besides and before[name] != here[name]]
    return [f"{name} is {before[name]!r} there, {here[name]!r} here" for name in names]
