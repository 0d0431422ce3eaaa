"""`python -m srn_jax.demo`: serves the page on this machine."""

from srn_jax.demo.options import parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.demo.program", lambda options: "", interrupted=0)

if __name__ == "__main__":
    main.end()
