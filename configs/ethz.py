"""SRN on ETHZ Synthesizability (textures), the paper's setting: 128x128 -> 256x256.

    python -m srn_jax.main --config=configs/ethz.py [--config.loss.vgg=FILE]

Data: the 21,302 textures of Dai et al. (CVPR 2014) below `data.path`; the last 64 by name are held out.
`python -m srn_jax.data prepare ethz` says how to come by them, and checks what is there.
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
    config.data.source = "ethz"
    config.data.path = "data/ethz"
    config.data.held_out = 64
    return config
