"""SRN in small, on the photographs that scikit-image carries: both phases, 32x32 -> 64x64, on a laptop.

    python -m srn_jax.main --config=configs/quickstart.py

Hardware and time: minutes on two CPU cores; README.md has them, and the memory.
Expected score: 15.3 dB in the unknown region, where mean fill has 15.1, edge replication 14.1 and mirror fill 13.3.
Not the paper's: width 16 in place of 64, and no ID-MRF, since VGG-19's weights are not bundled.
With 15 training photographs, augmentation, a decaying rate and the average of the generator are what generalizes.
"""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (32, 32), (64, 64)
    config.geometry.placement = "center"
    config.model.width = 16
    config.loss.lambda_mrf = 0.0
    config.critic.width = 16
    config.reconstruction.steps = 900
    config.reconstruction.learning_rate = 5e-4
    config.reconstruction.schedule = "cosine"
    config.reconstruction.warmup_steps = 50
    config.adversarial.steps = 30
    config.data.source = "embedded"
    config.data.batch = 8
    config.data.scale = (0.15, 1.0)
    config.data.held_out_scales = (1.0, 0.6, 0.35)
    config.data.held_out_crops = 4
    config.data.color = 0.3
    config.data.threads, config.data.workers = 1, 0  # the cores have enough to do
    config.run.average = 0.98
    config.run.log_every_steps = 20
    config.run.image_every_steps = 300
    config.run.evaluate_every_steps = 300
    config.run.save_every_steps = 300
    return config
