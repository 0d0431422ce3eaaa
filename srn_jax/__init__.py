"""Image extrapolation in JAX: the Semantic Regeneration Network (Wang, Tao, Shen, Jia, CVPR 2019)."""

from srn_jax.programs import interruption

interruption.ends_at_once()  # the imports below take a second

from srn_jax.errors import InputError  # noqa: E402
from srn_jax.generators.generator import Generator  # noqa: E402
from srn_jax.generators.loading import load_generator  # noqa: E402
from srn_jax.infer import expand, extrapolate, extrapolate_stream, join  # noqa: E402
from srn_jax.models.baselines import CA, ED  # noqa: E402
from srn_jax.models.srn import SRN, SRNHR  # noqa: E402

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
    "join",
    "load_generator",
]
