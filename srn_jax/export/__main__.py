"""`python -m srn_jax.export`: a trained generator alone, without what only training needs."""

from srn_jax.export.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.export.program")

if __name__ == "__main__":
    main.end()
