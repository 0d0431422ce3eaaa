"""SRN on DeepFashion (clothed people), the paper's setting: 64x128 -> 256x128.

    python -m srn_jax.main --config=configs/deepfashion.py [--config.loss.vgg=FILE]

Data: the 25,882 training photographs of In-shop Clothes Retrieval below `data.path`; of the others 1,000 are judged.
`python -m srn_jax.data prepare deepfashion` says how to come by them, and checks what is there.
Pictures of your own: `--config.data.source=folder --config.data.path=FOLDER`.
Weights: VGG-19 in `loss.vgg`; `python -m srn_jax.vgg --download` fetches it, other files are read too (--help).
Schedule: 40,000 + 40,000 steps of batch 16 at 1e-4, the defaults; the paper trains 40,000 to 80,000 a phase.
Hardware and hours: not measured here yet. Expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (64, 128), (256, 128)
    config.geometry.margins = "top"
    config.data.source = "deepfashion"
    config.data.path = "data/deepfashion"
    return config
