"""Four virtual CPU devices, shape-checked array functions, and no silent rank promotion, for every test."""

import os

# Tests compile far more than they compute: without LLVM's optimizations they take two thirds of the time.
_FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}"
# Several virtual devices deadlock on small machines when their collectives share too few threads.
os.environ.setdefault("PJRT_NPROC", "16")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("srn_jax", "beartype.beartype")

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
