"""`python -m srn_jax.data`: lists the paper's data sets, prepares them, and tells what there is of one."""

import signal

from srn_jax.data.options import AFTER, parse
from srn_jax.programs.program import Program

main = Program(parse, "srn_jax.data.program", lambda options: "the data", f"interrupted; {AFTER}")

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    main.end()
