"""SRN on Paris StreetView (street views), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/paris.py [--config.data.path=FOLDER] [--config.loss.vgg=FILE]

Data: the 14,900 training photographs of Pathak et al. (2016), to be asked for from its authors.
They lie below `data.path`; the last 100 by name are held out.
Weights: VGG-19 in `loss.vgg`; `python -m srn_jax.vgg --download` fetches it, other files are read too (--help).
Schedule: 40,000 + 40,000 steps of batch 16 at 1e-4, the defaults; the paper trains 40,000 to 80,000 a phase.
Hardware and hours: not measured here yet. Expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (256, 256), (256, 512)
    config.geometry.margins = "center"
    config.data.path = "data/paris"
    config.data.held_out = 100
    return config
