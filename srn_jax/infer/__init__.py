"""Extrapolating pictures with a trained generator."""

from srn_jax.infer.expansion import expand, plan_expansion
from srn_jax.infer.extrapolation import extrapolate, extrapolate_stream
from srn_jax.infer.joining import join, plan_join

__all__ = ["expand", "extrapolate", "extrapolate_stream", "join", "plan_expansion", "plan_join"]
