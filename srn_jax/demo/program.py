"""What `python -m srn_jax.demo` does: it serves the page on this machine."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from srn_jax.errors import InputError
from srn_jax.generators.loading import load_generator
from srn_jax.infer.checks import check_around
from srn_jax.pictures.photo import allow_large_pictures
from srn_jax.programs.listening import listen

_MAX_UPLOAD = "50mb"
_QUEUE = 20  # users who may wait; the next is told to come back


def run(options: argparse.Namespace) -> None:
    """Serves the page until it is interrupted.

    Raises:
      InputError: what is given does not fit, gradio is missing, or no port is free.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the folder below goes
        signal.signal(number, lambda number, frame: sys.exit(0))
    allow_large_pictures()
    with tempfile.TemporaryDirectory(prefix="srn_jax_demo_") as folder:
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
        # Its server would try without end, or name its own options.
        listen(options.host, options.port).close()
        page = _page()
        generators = {path: load_generator(path) for path in options.checkpoint}
        for generator in generators.values():
            check_around(generator)
        served = page.build(generators, Path(folder)).queue(max_size=_QUEUE)
        try:
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
        except OSError as error:
            if error.filename:
                raise
            raise InputError(f"no port from 7860 on is free on {options.host}: {error}") from error
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
        raise InputError(
            "the page needs gradio: pip install 'srn-jax[demo]', in a clone of srn_jax pip install -e '.[demo]'"
        ) from error
    return page
