"""Four virtual CPU devices, shape-checked array functions, and no silent rank promotion, for every test."""

import gc
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Any

import pytest

_FLAGS = "--xla_force_host_platform_device_count=4"
# Tests compile far more than they compute: without LLVM's optimizations, and with the older code for fused operations,
# they take half of the time. Users have both, and so have the golden arrays and the losses once, in .ci/run.
if "SRN_JAX_TESTS_OPTIMIZED" not in os.environ:
    _FLAGS += " --xla_backend_optimization_level=0"
    if metadata.version("jaxlib").startswith("0.10."):  # later ones, which have no older code, end at this flag
        _FLAGS += " --xla_cpu_use_fusion_emitters=false"
# In one piece each: as many processes as cores compile already.
_FLAGS += " --xla_cpu_parallel_codegen_split_count=1"
# On a busy machine a virtual device may wait long for the others; XLA would abort the process after 40 seconds.
_FLAGS += " --xla_cpu_collective_timeout_seconds=300 --xla_cpu_collective_call_terminate_timeout_seconds=300"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}"
# Several virtual devices deadlock on small machines when their collectives share too few threads.
os.environ.setdefault("PJRT_NPROC", "16")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# And they compile the same again and again: what one test, or program that it starts, has compiled, the next one finds.
_CACHE = None
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _CACHE = tempfile.mkdtemp(prefix="srn_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("srn_jax", "beartype.beartype")

import jax  # noqa: E402

_jit = jax.jit


def _optimized(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what `jax.jit` does, compiled as users have it; but for what is called within another program."""
    within = function.__name__ == "patch_features"
    return _jit(function, compiler_options=None if within else {"xla_backend_optimization_level": 3})


# Detail alone computes far more than it compiles.
with pytest.MonkeyPatch.context() as _patch:
    _patch.setattr(jax, "jit", _optimized)
    import srn_jax.detail  # noqa: F401

jax.config.update("jax_numpy_rank_promotion", "raise")

# What is imported is never garbage, and what is traced is seldom: looking for it took a tenth of the time.
gc.freeze()
gc.set_threshold(100_000, 50, 100)


@pytest.fixture
def quick_detail(monkeypatch) -> None:
    """Has detail made quickly, in small tiles: wherever it is used, the same few programs."""
    from srn_jax.detail import synthesize, work_of
    from tests.tiny import QUICK_DETAIL, TILE

    told = {"settings": QUICK_DETAIL, "tile": TILE}
    for module in ("srn_jax.infer.expansion", "srn_jax.infer.joining"):
        monkeypatch.setattr(importlib.import_module(module), "work_of", partial(work_of, **told))
    monkeypatch.setattr("srn_jax.infer.texture.synthesize", partial(synthesize, **told))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest first, so that no process of pytest is left with it alone at the end."""
    items.sort(key=lambda item: item.path.name != "test_killed.py")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the compilation cache; its maker is the process that started the others."""
    del config
    if _CACHE is not None:
        shutil.rmtree(_CACHE, ignore_errors=True)
