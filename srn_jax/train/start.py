"""Starting a run from a checkpoint of another: its generator, and critics and optimizer as far as they are there."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from srn_jax import files
from srn_jax.errors import InputError
from srn_jax.generator import find_checkpoint, load_generator
from srn_jax.store import array_shapes, check_arrays, read_arrays
from srn_jax.train.checkpoint import STATE
from srn_jax.train.state import TrainState

_SETTING = "run.start_from"


def start_from(path: str, state: TrainState, model: nn.Module) -> tuple[TrainState, str]:
    """Returns `state` with what the checkpoint has for it, and in words what that is; steps count from 0 again.

    The generator must be `model`'s. Critics and Adam's moments are taken over where they fit, else they start afresh,
    Adam of the critics never without these.

    Args:
      path: a run's workdir, one of its checkpoints, or what `python -m srn_jax.convert` wrote.

    Raises:
      InputError: the checkpoint cannot be read, or its generator is another one; names the settings that differ.
    """
    folder = find_checkpoint(files.expand(path, _SETTING).absolute())
    generator = load_generator(folder)
    _check_same(generator.model, model, path)
    average = _like(state.average, generator.params)
    saved = folder / STATE
    if not saved.is_dir():
        told = "the generator alone: critics and Adam start afresh, since the checkpoint has none"
        return state.replace(params=average, average=jax.tree.map(jnp.copy, average)), told
    try:
        check_arrays(saved)
        shapes = array_shapes(saved)
    except Exception as error:  # tensorstore raises whatever the damaged file provokes
        raise InputError(f"{_SETTING}: checkpoint {folder} cannot be read: {error}") from error
    parts: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for part in ("params", "critics", "adam_generator", "adam_critics"):
        wanted = getattr(state, part)
        if part == "adam_critics" and "critics" not in parts:
            reasons[part] = "that goes with them"
        elif misfit := _misfit(part, wanted, shapes):
            reasons[part] = misfit
        else:
            parts[part] = _like(wanted, read_arrays(saved, {part: wanted})[part])
    if "adam_generator" in parts and "updates" in shapes:  # the steps that Adam corrects its moments for
        parts["updates"] = _like(state.updates, read_arrays(saved, {"updates": state.updates})["updates"])
    state = state.replace(**{"params": average, **parts}, average=jax.tree.map(jnp.copy, average))
    return state, _describe(parts, reasons)


def _describe(parts: dict[str, Any], reasons: dict[str, str]) -> str:
    names = {"critics": "critics", "adam_generator": "the generator's Adam", "adam_critics": "the critics' Adam"}
    taken = ", ".join(["generator", *(name for part, name in names.items() if part in parts)])
    afresh = "; ".join(f"{name} afresh: {reasons[part]}" for part, name in names.items() if part in reasons)
    updates = f" ({int(parts['updates'])} updates)" if "updates" in parts else ""
    return f"{taken}{updates}{f'; {afresh}' if afresh else ''}"


def _misfit(part: str, wanted: Any, shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Returns why the checkpoint's `part` is not `wanted`'s, or None where it is."""
    for path, leaf in jax.tree_util.tree_leaves_with_path({part: wanted}):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if name not in shapes:
            return f"the checkpoint lacks {name}"
        if shapes[name] != leaf.shape:
            return f"{name} is {shapes[name]} in the checkpoint, {leaf.shape} here"
    return None


def _like(wanted: Any, arrays: Any) -> Any:
    """Returns `arrays` laid out over the devices as `wanted` is."""
    return jax.tree.map(lambda w, a: jax.device_put(a, w.sharding), wanted, arrays)


def _check_same(theirs: nn.Module, ours: nn.Module, path: str) -> None:
    if type(theirs) is not type(ours):
        raise InputError(
            f"{_SETTING}: {path} holds a {type(theirs).__name__}, this run trains a {type(ours).__name__}; "
            "set model.name to match"
        )
    differing = [
        f"{field.name} is {getattr(theirs, field.name)!r} there, {getattr(ours, field.name)!r} here"
        for field in dataclasses.fields(ours)
        if field.name not in ("name", "parent") and getattr(theirs, field.name) != getattr(ours, field.name)
    ]
    if differing:
        raise InputError(
            f"{_SETTING}: the generator in {path} is another one ({'; '.join(differing)}); set model.*, geometry.* "
            "and numerics to match"
        )
