"""The models that come with the package: 64x64 -> 128x128, the known picture anywhere on it.

    python -m srn_jax.main --config=configs/boxed.py --config.data.path=FOLDER [--config.run.start_from=birds]

docs/models/ tells which photographs each learned from and which were held out, what it started from, hardware, hours
and scores. Then `python -m srn_jax.export --checkpoint runs/boxed --output srn_jax/weights/NAME`.
Weights: VGG-19 to conv3_2 in `loss.vgg`. Not the paper's: size, width 24, schedule, batch 8, two updates of the critics
a step, and ID-MRF on conv3_2 alone.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the training of a model in the box."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (64, 64), (128, 128)
    config.geometry.masks_per_batch = "each"
    config.model.width = 24
    config.critic.width = 24
    config.critic.updates = 2
    config.loss.mrf_layers = ("conv3_2",)
    config.reconstruction.steps = 3_000
    config.reconstruction.learning_rate = 4e-4
    config.reconstruction.schedule = "cosine"
    config.reconstruction.warmup_steps = 100
    config.adversarial.steps = 1_200
    config.adversarial.learning_rate = 2e-4
    config.adversarial.schedule = "linear"
    config.data.path = "data/photographs"
    config.data.batch = 8
    config.data.scale = (0.6, 1.0)
    config.data.color = 0.6
    config.data.threads = 1  # the cores have enough to do
    config.run.average = 0.998
    config.run.log_every_steps = 50
    config.run.image_every_steps = 500
    config.run.evaluate_every_steps = 500
    config.run.save_every_steps = 100
    return config
