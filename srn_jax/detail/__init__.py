"""The photograph's own texture around it: patch synthesis from coarse to fine, guided by the generator's canvas."""

from srn_jax.detail.coarse_to_fine import synthesize, work_of
from srn_jax.detail.pyramid import LEAST_SIDE, Levels, halved, plan_levels

__all__ = ["LEAST_SIDE", "Levels", "halved", "plan_levels", "synthesize", "work_of"]
