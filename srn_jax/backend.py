"""What is done in one way on one backend and in another on the next: decided here, and nowhere else."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def own_forms_pay(dtype: DTypeLike) -> bool:
    """Returns whether convolutions have forms here that are faster than XLA's: in float32 on a CPU.

    cuDNN takes such forms by itself where they pay; in bfloat16 the sums of inputs that some make would cost digits.
    """
    return jax.default_backend() == "cpu" and dtype == jnp.float32


def compiler_options() -> dict[str, str]:
    """Returns what XLA is told when it compiles a program that takes much memory.

    On a CPU it would else order operations for many threads, and keep twice as much at a time; the step is no slower.
    """
    if jax.default_backend() != "cpu":
        return {}
    return {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
