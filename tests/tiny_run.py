"""`tests.tiny`'s configuration, as a file that the main program reads."""

from srn_jax.config import Config
from tests import tiny


def get_config() -> Config:
    return tiny.config(run__evaluate_every_steps=1000, run__save_every_steps=1000)
