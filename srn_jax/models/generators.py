"""The table of generators: a name, as in settings and in checkpoints, and the module."""

from srn_jax.models.baselines import CA, ED
from srn_jax.models.interface import GeneratorModule
from srn_jax.models.srn import SRN, SRNHR

GENERATORS: dict[str, type[GeneratorModule]] = {"srn": SRN, "srn_hr": SRNHR, "ed": ED, "ca": CA}
