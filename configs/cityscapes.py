"""SRN on Cityscapes (street scenes), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/cityscapes.py [--config.loss.vgg=FILE]

Data: the 2,975 training photographs of TFDS's cityscapes; its 500 to validate are held out.
`python -m srn_jax.data prepare cityscapes` says what to fetch, and makes it ready.
Pictures of your own: `--config.data.source=folder --config.data.path=FOLDER`.
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
    config.data.source = "tfds"
    config.data.name = "cityscapes"
    config.data.held_out_split = "validation"
    return config
