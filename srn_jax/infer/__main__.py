"""`python -m srn_jax.infer`: paints beyond the borders of one picture, or of a folder of them, or between two."""

from srn_jax.infer.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.infer.program", interrupted="interrupted")  # what was written is whole

if __name__ == "__main__":
    main.end()
