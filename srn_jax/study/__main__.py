"""`python -m srn_jax.study`: a blind user study; `make` draws it up, `serve` asks, `report` says what came of it."""

from srn_jax.programs.program import Program
from srn_jax.study.options import parse

main = Program(
    parse, "srn_jax.study.program", lambda options: options.output if options.program == "make" else options.study
)

if __name__ == "__main__":
    main.end()
