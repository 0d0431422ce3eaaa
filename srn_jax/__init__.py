"""Image extrapolation in JAX: the Semantic Regeneration Network (Wang, Tao, Shen, Jia, CVPR 2019)."""

from srn_jax.errors import InputError
from srn_jax.generator import Generator, load_generator
from srn_jax.infer import expand, extrapolate, extrapolate_stream
from srn_jax.models.baselines import CA, ED
from srn_jax.models.srn import SRN, SRNHR

__all__ = [
    "CA",
    "ED",
    "SRN",
    "SRNHR",
    "Generator",
    "InputError",
    "expand",
    "extrapolate",
    "extrapolate_stream",
    "load_generator",
]
