"""SRN small, on the photographs that scikit-image carries: both phases in 5 minutes on two CPU cores."""

from srn_jax.config import Config


def get_config() -> Config:
    """Returns the experiment."""
    config = Config()
    config.geometry.known, config.geometry.canvas = (32, 32), (64, 64)
    config.geometry.masks_per_batch = "each"
    config.model.width = 16
    config.critic.width = 16
    config.loss.lambda_mrf = 0.0
    config.loss.spatial = "plain"
    config.data.source = "embedded"
    config.data.batch = 8
    config.data.scale = (0.3, 1.0)
    config.data.color = 0.5
    config.data.held_out_scales = (1.0, 0.6, 0.35)
    config.data.held_out_crops = 4
    config.data.threads = 1
    config.reconstruction.steps = 900
    config.reconstruction.learning_rate = 1e-3
    config.reconstruction.schedule = "cosine"
    config.reconstruction.warmup_steps = 50
    config.adversarial.steps = 30
    config.run.average = 0.98
    config.run.log_every_steps = 25
    config.run.evaluate_every_steps = 100
    config.run.image_every_steps = 300
    config.run.save_every_steps = 300
    return config
