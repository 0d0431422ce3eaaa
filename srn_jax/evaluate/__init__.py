"""Judging a generator beside the fills that need no learning: in training, and by `python -m srn_jax.evaluate`."""
