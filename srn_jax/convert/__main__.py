"""`python -m srn_jax.convert`: a checkpoint of the authors' TensorFlow-1 program becomes one of ours."""

from srn_jax.convert.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.convert.program")

if __name__ == "__main__":
    main.end()
