"""`python -m srn_jax.evaluate`: a generator's scores on pictures that it never saw, beside simple fills."""

from srn_jax.evaluate.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.evaluate.program")

if __name__ == "__main__":
    main.end()
