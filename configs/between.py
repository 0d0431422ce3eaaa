"""SRN between two pictures, the halves of 64x64 at the ends of 64x128: what `srn_jax.join` takes.

    python -m srn_jax.main --config=configs/between.py --config.data.path=FOLDER [--config.run.start_from=scenes]

Data: photographs in any folders and sizes; each shows its own two ends, and its middle is what is to be painted, so
photographs that are wide and go on from end to end teach most. The last 64 by name are held out.
From `scenes` the features' expansion starts afresh, since the canvas is twice as wide as the known picture and as high.
Weights: none, since ID-MRF is left out. Hardware and time, expected score: docs/models/between.md.
Not the paper's: width 32, reconstruction alone with its rate, warm-up and batch, Adam's betas, clipped gradients, and
the release's autoencoding term.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (64, 64), (64, 128)
    config.geometry.placement = "between"
    config.model.width = 32
    config.loss.lambda_ae = 1.44
    config.loss.lambda_mrf = 0.0
    config.reconstruction.learning_rate = 4e-4
    config.reconstruction.schedule = "cosine"
    config.reconstruction.warmup_steps = 50
    config.reconstruction.steps = 3_000
    config.adversarial.steps = 0
    config.adam.beta1, config.adam.beta2 = 0.9, 0.999
    config.adam.clip_norm = 3.0
    config.data.path = "data/photographs"
    config.data.batch = 8
    config.data.scale = (0.6, 1.0)
    config.data.color = 0.3
    config.run.average = 0.998
    return config
