"""`python -m srn_jax.study`: a blind user study; `make` draws it up, `serve` asks, `report` says what came of it."""

from importlib import import_module

from srn_jax.errors import InputError, fail, refused
from srn_jax.programs import interruption
from srn_jax.study.options import parse

_INTERRUPTED = "interrupted; nothing was written"


def main(arguments: list[str] | None = None) -> None:
    """Runs one of the three programs."""
    options = parse(arguments)
    # What only one of them needs takes seconds to import.
    program = getattr(import_module(f"srn_jax.study.{options.program}"), options.program)
    try:
        print(program(options), flush=True)
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(refused(error, options.output if options.program == "make" else options.study))


if __name__ == "__main__":
    interruption.run(main, _INTERRUPTED)
