"""VGG-19's filters: read from whatever file people have, or fetched; `python -m srn_jax.vgg --help`."""

from srn_jax.vgg.weights import load

__all__ = ["load"]
