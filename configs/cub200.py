"""SRN on CUB-200-2011 (birds), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/cub200.py [--config.loss.vgg=FILE]

Data: the 5,994 training photographs of TFDS's caltech_birds2011; 1,000 of its 5,794 test photographs are judged.
`python -m srn_jax.data prepare caltech_birds2011` fetches it, and makes it ready.
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
    config.data.name = "caltech_birds2011"
    config.data.held_out_split = "test"
    return config
