"""Image extrapolation in JAX: the Semantic Regeneration Network (Wang, Tao, Shen, Jia, CVPR 2019).

Each public name is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from srn_jax.programs import interruption

interruption.ends_at_once()  # what programs import later takes seconds

import lazy_loader  # noqa: E402

if TYPE_CHECKING:
    from srn_jax.errors import InputError
    from srn_jax.generators.generator import Generator
    from srn_jax.generators.loading import load_generator
    from srn_jax.infer import expand, extrapolate, extrapolate_stream, join
    from srn_jax.models.baselines import CA, ED
    from srn_jax.models.srn import SRN, SRNHR

    __version__: str

__all__ = [
    "CA",
    "ED",
    "SRN",
    "SRNHR",
    "Generator",
    "InputError",
    "expand",
    "extrapolate",
    "extrapolate_stream",
    "join",
    "load_generator",
]

_lazily, _, _ = lazy_loader.attach(
    __name__,
    submodules=["infer"],
    submod_attrs={
        "errors": ["InputError"],
        "generators.generator": ["Generator"],
        "generators.loading": ["load_generator"],
        "infer.expansion": ["expand"],
        "infer.extrapolation": ["extrapolate", "extrapolate_stream"],
        "infer.joining": ["join"],
        "models.baselines": ["CA", "ED"],
        "models.srn": ["SRN", "SRNHR"],
    },
)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("srn-jax")
    return _lazily(name)


def __dir__() -> list[str]:
    return __all__
