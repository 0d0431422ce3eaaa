"""The main program: `python -m srn_jax.main --config=configs/NAME.py[:ROW] [--workdir=DIR] [--config.x=y ...]`.

Trains what the configuration describes, or continues the run in the workdir, and ends with a table of held-out scores.
"""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from srn_jax import config as settings
from srn_jax.errors import InputError, fail, refused
from srn_jax.programs import allocator, cache, files, interruption

_CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="configuration file, or the name of one of configs/; --config.x.y=z overrides a setting"
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    "several hosts: HOST:PORT of process 0; where a cluster is found by itself, leave all three out",
)
_PROCESSES = flags.DEFINE_integer("num_processes", None, "several hosts: how many processes there are")
_PROCESS = flags.DEFINE_integer("process_id", None, "several hosts: this process's number, from 0")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "check settings, devices, data and weights, print the plan, and end")
_INTERRUPTED = flags.DEFINE_integer(
    "interrupted_status",
    0,
    "exit status of a run that a signal stopped after it saved; for schedulers that restart",
    0,
    255,
)
_CACHE = flags.DEFINE_string("compilation_cache", None, cache.HELP)
_WORKDIR = flags.DEFINE_string("workdir", None, "the run's folder, new or to continue; runs/NAME by default")


def main(argv: list[str]) -> None:
    """Trains and reports."""
    if argv[1:]:
        fail(InputError(f"unexpected argument {argv[1]!r}; settings are given as --config.NAME=VALUE"))
    if _CONFIG.value is None:
        fail(InputError("--config is missing; try --config=configs/quickstart.py"))
    file, _, argument = flags.FLAGS["config"].config_filename.partition(":")  # pyright: ignore[reportAttributeAccessIssue]
    name = "_".join([Path(file).stem, *([argument] if argument else [])])
    try:
        workdir = files.expand(_WORKDIR.value or f"runs/{name}", "--workdir").absolute()
    except InputError as error:
        fail(error)
    # Imported here, so that --help and a misspelt flag answer at once.
    import jax

    from srn_jax.train import hosts
    from srn_jax.train.checkpoint import quieten_orbax
    from srn_jax.train.divergence import DivergedError
    from srn_jax.train.loop import train
    from srn_jax.train.report import report
    from srn_jax.train.setup import describe, prepare

    quieten_orbax()
    allocator.keep_freed_memory()
    cache.keep_programs(_CACHE.value)
    try:
        interruption.is_noticed()
        config = settings.resolve(_CONFIG.value)
        hosts.connect(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
        if _DRY_RUN.value:
            plan = describe(prepare(config, workdir), workdir)
            if hosts.is_first():
                print(plan)
            return
        outcome = train(config, workdir)
        if hosts.is_first():
            report(outcome, workdir)
        if outcome.interrupted:
            sys.exit(_INTERRUPTED.value)
    except (InputError, DivergedError) as error:
        hosts.leave(error)
    except jax.errors.JaxRuntimeError as error:
        if not jax.distributed.is_initialized():
            raise
        lost = str(error).splitlines()[0]
        hosts.leave(InputError(f"lost contact with the other hosts, or failed: {lost}; the same command goes on"))
    except OSError as error:  # a full disk, a folder that may not be written
        hosts.leave(refused(error, workdir))
    except KeyboardInterrupt:  # before the first step, or for the second time
        interruption.leave("interrupted; the newest checkpoint is as it was")


if __name__ == "__main__":
    from srn_jax.config.flags import parse_or_fail

    app.run(main, flags_parser=parse_or_fail)
