"""SRN on ETHZ Synthesizability (textures), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/ethz.py [--config.loss.vgg=FILE]

Data: the 21,302 textures of Dai et al. (CVPR 2014) below `data.path`; the last 64 by name are held out.
`python -m srn_jax.data prepare ethz` says how to come by them, and checks what is there.
Weights, schedule, pictures of your own: as all of the paper's, docs/data.md.
Hardware and hours, expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (128, 128), (256, 256)
    config.geometry.placement = "random"
    config.data.source = "ethz"
    config.data.path = "data/ethz"
    config.data.held_out = 64
    return config
