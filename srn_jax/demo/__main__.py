"""`python -m srn_jax.demo`: serves the page on this machine."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from srn_jax.errors import InputError, fail, refused
from srn_jax.generators.bundled import bundled_around, loadable
from srn_jax.generators.loading import load_generator
from srn_jax.infer.expansion import check_around
from srn_jax.pictures.photo import allow_large_pictures
from srn_jax.programs import cache, interruption
from srn_jax.programs.commandline import Parser
from srn_jax.programs.listening import listen

_MAX_UPLOAD = "50mb"
_QUEUE = 20  # users who may wait; the next is told to come back


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.demo",
        description="Serves a page on this machine: drop a photograph, set its canvas, and its surroundings are "
        "painted. Nothing leaves the machine, and nothing that is uploaded stays.",
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        nargs="+",
        default=bundled_around(),
        help=f"the models that visitors choose from: {loadable()} (default: {' '.join(bundled_around())})",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)")
    add("--port", type=int, help="port to listen on (default: the first free one from 7860)")
    add("--open", action="store_true", help="open the page in a browser")
    add("--compilation_cache", metavar="DIR", help=cache.ARGPARSE_HELP)
    options = parser.parse_args(arguments)
    parser.check_range(options, "port", 1, 65_535, "1 to 65535")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs the program until it is interrupted."""
    options = parse(arguments)
    cache.keep_programs(options.compilation_cache)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the folder below goes
        signal.signal(number, lambda number, frame: sys.exit(0))
    allow_large_pictures()
    with tempfile.TemporaryDirectory(prefix="srn_jax_demo_") as folder:
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
        try:
            # Its server would try without end, or name its own options.
            listen(options.host, options.port).close()
            page = _page()
            generators = {path: load_generator(path) for path in options.checkpoint}
            for generator in generators.values():
                check_around(generator)
            served = page.build(generators, Path(folder)).queue(max_size=_QUEUE)
            served.launch(
                server_name=options.host,
                server_port=options.port,
                share=False,
                inbrowser=options.open,
                quiet=True,
                max_file_size=_MAX_UPLOAD,
                prevent_thread_lock=True,
                theme=page.theme(),
                css=page.CSS,
                footer_links=[],
                ssr_mode=False,
            )
        except InputError as error:
            fail(error)
        except OSError as error:
            no_port = InputError(f"no port from 7860 on is free on {options.host}: {error}")
            fail(refused(error, "") if error.filename else no_port)
        print(f"the page is at {served.local_url}  (Ctrl-C ends it)", flush=True)
        try:
            served.block_thread()
        finally:
            served.close(verbose=False)


def _page() -> ModuleType:
    """Returns the page's module, whose import takes seconds."""
    try:
        from srn_jax.demo import page
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise InputError("the page needs gradio: pip install -e '.[demo]' in a clone of srn_jax") from error
    return page


if __name__ == "__main__":
    try:
        interruption.run(main, 0)
    except SystemExit as end:  # of SIGTERM, perhaps while something is painted
        interruption.leave(end.code if isinstance(end.code, int) else 0)
