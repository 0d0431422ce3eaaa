"""SRN on CUB-200-2011 (birds), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/cub200.py [--config.loss.vgg=FILE]

Data: the 5,994 training photographs of TFDS's caltech_birds2011; 1,000 of its 5,794 test photographs are judged.
`python -m srn_jax.data prepare caltech_birds2011` fetches it, and makes it ready.
Pictures of your own: `--config.data.source=folder --config.data.path=FOLDER`.
Weights: VGG-19 in `loss.vgg`; `python -m srn_jax.vgg --download` fetches it, other files are read too (--help).
Schedule: 40,000 + 40,000 steps of batch 16 at 1e-4, the defaults; the paper trains 40,000 to 80,000 a phase.
Hardware and hours: not measured here yet. Expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (128, 128), (256, 256)
    config.geometry.margins = "random"
    config.data.source = "tfds"
    config.data.name = "caltech_birds2011"
    config.data.held_out_split = "test"
    return config
