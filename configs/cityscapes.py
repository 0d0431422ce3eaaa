"""SRN on Cityscapes (street scenes), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/cityscapes.py [--config.loss.vgg=FILE]

Data: the 2,975 training photographs of TFDS's cityscapes; its 500 to validate are held out.
`python -m srn_jax.data prepare cityscapes` says what to fetch, and makes it ready.
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
    config.data.name = "cityscapes"
    config.data.held_out_split = "validation"
    return config
