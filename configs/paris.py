"""SRN on Paris StreetView (street views), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/paris.py [--config.loss.vgg=FILE]

Data: the 14,900 training photographs of Pathak et al. (2016) below `data.path`; their 100 to evaluate are held out.
`python -m srn_jax.data prepare paris_streetview` says how to come by them, and checks what is there.
Weights, schedule, pictures of your own: as all of the paper's, docs/data.md.
Hardware and hours, expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (256, 256), (256, 512)
    config.geometry.placement = "center"
    config.data.source = "paris_streetview"
    config.data.path = "data/paris"
    return config
