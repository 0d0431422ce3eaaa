"""Extrapolating pictures with a trained generator."""

from srn_jax.infer.extrapolate import extrapolate

__all__ = ["extrapolate"]
