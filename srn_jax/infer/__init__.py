"""Extrapolating pictures with a trained generator."""

from srn_jax.infer.expand import expand, plan_expansion
from srn_jax.infer.extrapolate import extrapolate, extrapolate_stream

__all__ = ["expand", "extrapolate", "extrapolate_stream", "plan_expansion"]
