"""SRN on CelebA-HQ (faces), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/celebahq.py [--config.loss.vgg=FILE]

Data: the 30,000 aligned faces, as TFDS's celeb_a_hq/256; the last 2000 are held out.
`python -m srn_jax.data prepare celeb_a_hq/256` says what to fetch, and makes it ready.
Weights, schedule, pictures of your own: as all of the paper's, docs/data.md.
Hardware and hours, expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (128, 128), (256, 256)
    config.geometry.placement = "random"
    config.data.source = "tfds"
    config.data.name = "celeb_a_hq/256"
    config.data.held_out = 2000
    return config
