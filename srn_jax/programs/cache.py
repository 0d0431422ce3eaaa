"""Compiled programs kept on disk: the second start of the same program does not compile anew."""

import os
from pathlib import Path

_LEAST_SECONDS = 0.5  # that a program took to compile, to be kept


def default_folder() -> Path | None:
    """Returns the user's cache folder of this library, under XDG_CACHE_HOME or ~/.cache; None without a home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "srn_jax" / "programs"
    except RuntimeError:  # HOME is not set, and the user is not listed, as in some containers
        return None


def _help() -> str:
    default = default_folder() or "none, since there is no home folder"
    return f"folder of compiled programs, so that the next start is faster; '' keeps none (default {default})"


HELP = _help()
ARGPARSE_HELP = HELP.replace("%", "%%")  # which argparse would take for a format's


def keep_programs(folder: str | None = None) -> None:
    """Keeps compiled programs in `folder`, by default the user's; "" keeps none.

    JAX_COMPILATION_CACHE_DIR goes before the default. A folder that cannot be written is named, and nothing is kept;
    nor is it where there is no home folder.
    """
    import jax  # here, as absl below: --help, which names the folder, answers at once

    told = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if folder == "" or (folder is None and told):
        return
    path = Path(folder) if folder else default_folder()
    if path is None:
        return
    try:
        path = path.expanduser().absolute()
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(None, "it may not be written")
    except (OSError, RuntimeError) as error:  # the latter for a ~ that is nobody's
        from absl import logging

        logging.warning("compiled programs are not kept in %s: %s", path, getattr(error, "strerror", None) or error)
        return
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
