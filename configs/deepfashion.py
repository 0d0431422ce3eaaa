"""SRN on DeepFashion (clothed people), the paper's setting: 64x128 -> 256x128.

    python -m srn_jax.main --config=configs/deepfashion.py [--config.loss.vgg=FILE]

Data: the 25,882 training photographs of In-shop Clothes Retrieval below `data.path`; of the others 1,000 are judged.
`python -m srn_jax.data prepare deepfashion` says how to come by them, and checks what is there.
Weights, schedule, pictures of your own: as all of the paper's, docs/data.md.
Hardware and hours, expected score: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (64, 128), (256, 128)
    config.geometry.placement = "top"
    config.data.source = "deepfashion"
    config.data.path = "data/deepfashion"
    return config
