"""What `python -m srn_jax.study` does: one of three programs, each in a module of its name."""

import argparse
from importlib import import_module


def run(options: argparse.Namespace) -> None:
    """Runs the program and prints what it did; raises InputError where what is given does not fit."""
    # What only one of them needs takes seconds to import.
    program = getattr(import_module(f"srn_jax.study.{options.program}"), options.program)
    print(program(options), flush=True)
