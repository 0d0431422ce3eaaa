"""SRN on Stanford Dogs (dogs), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/dogs.py [--config.loss.vgg=FILE]

Data: the 12,000 training photographs of TFDS's stanford_dogs; 1,000 of its 8,580 test photographs are judged.
`python -m srn_jax.data prepare stanford_dogs` fetches it, and makes it ready.
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
    config.data.name = "stanford_dogs"
    config.data.held_out_split = "test"
    return config
