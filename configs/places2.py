"""SRN on Places2 (scenes), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/places2.py [--config.loss.vgg=FILE]

Data: the 1,803,460 training photographs of TFDS's places365_small; 1,000 of its 36,500 to validate are judged.
`python -m srn_jax.data prepare places365_small` fetches it, and makes it ready.
These are 256x256, so that the canvas shows them enlarged twofold; the larger originals are for `data.source=folder`.
Weights, schedule, pictures of your own: as all of the paper's, docs/data.md.
Hardware and hours, expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (256, 256), (256, 512)
    config.geometry.placement = "center"
    config.data.source = "tfds"
    config.data.name = "places365_small"
    config.data.held_out_split = "validation"
    return config
