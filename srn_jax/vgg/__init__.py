"""VGG-19's filters: read from whatever file people have, or fetched; `python -m srn_jax.vgg --help`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
