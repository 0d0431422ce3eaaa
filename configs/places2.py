"""SRN on Places2 (scenes), the paper's setting: 256x256 -> 256x512.

    python -m srn_jax.main --config=configs/places2.py [--config.loss.vgg=FILE]

Data: the 1,803,460 training photographs of TFDS's places365_small; 1,000 of its 36,500 to validate are judged.
`python -m srn_jax.data prepare places365_small` fetches it, and makes it ready.
These are 256x256, so that the canvas shows them enlarged twofold; the larger originals are for `data.source=folder`.
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
    config.data.name = "places365_small"
    config.data.held_out_split = "validation"
    return config
