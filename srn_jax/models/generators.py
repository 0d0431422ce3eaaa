"""The table of generators: (image [b, H, W, 3], mask [b or 1, H, W, 1]) -> (prediction [b, H, W, 3], features)."""

from typing import Any

from srn_jax.models.baselines import CA, ED
from srn_jax.models.srn import SRN, SRNHR

GENERATORS: dict[str, Any] = {"srn": SRN, "srn_hr": SRNHR, "ed": ED, "ca": CA}
