"""SRN on a folder of your own photographs: 128x128 -> 256x256, the known picture anywhere on the canvas.

    python -m srn_jax.main --config=configs/folder.py --config.data.path=FOLDER [--config.loss.vgg=FILE]

Data: JPEG, PNG, WebP, TIFF and the like below FOLDER, in any folders and sizes; the last 64 by name are held out
(`data.held_out`, or a folder of their own in `data.held_out_path`).
Weights: VGG-19 in `loss.vgg`; `python -m srn_jax.vgg --download` fetches it, other files are read too (--help).
With a file that ends at conv3_4, add `--config.loss.mrf_layers="('conv3_2',)"`; without one,
`--config.loss.lambda_mrf=0` leaves ID-MRF out.
Smaller or faster: `--config.model.width=32 --config.critic.width=32`, `--config.data.batch=8`.
Hardware and hours: not measured here yet.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.data.scale = (0.5, 1.0)
    config.data.color = 0.1
    return config
