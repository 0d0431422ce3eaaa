"""Extrapolating pictures with a trained generator."""

from srn_jax.infer.extrapolate import extrapolate, extrapolate_stream

__all__ = ["extrapolate", "extrapolate_stream"]
