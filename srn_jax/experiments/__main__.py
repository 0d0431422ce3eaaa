"""`python -m srn_jax.experiments`: a table or figure of the paper, trained, judged and shown by one command."""

from srn_jax.experiments.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.experiments.program", interrupted="interrupted; the same command goes on")

if __name__ == "__main__":
    main.end()
