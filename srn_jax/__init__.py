"""Image extrapolation in JAX: the Semantic Regeneration Network (Wang, Tao, Shen, Jia, CVPR 2019).

The public names are in `__init__.pyi`; each is imported when it is first asked for.
"""

from srn_jax.programs import interruption

interruption.ends_at_once()  # what programs import later takes seconds

import lazy_loader  # noqa: E402

_lazily, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("srn-jax")
    return _lazily(name)
