"""`serve`: the page, until it is interrupted."""

import argparse
import contextlib
import signal

from srn_jax.programs import files
from srn_jax.programs.listening import listen
from srn_jax.programs.lock import locked
from srn_jax.study.answers import Answers
from srn_jax.study.materials import ANSWERS, check_pictures, read_key
from srn_jax.study.server import Server

_LOCK = ".lock"


def serve(options: argparse.Namespace) -> str:
    """Serves the page until SIGINT, SIGTERM or SIGHUP; returns what is said then.

    Raises:
      InputError: there is no whole study, another process serves it, or the address cannot be listened at.
    """
    folder = files.expand(options.study, "--study")
    study = read_key(folder)
    check_pictures(study)
    with locked(folder / _LOCK, f"--study {folder}", "make another"), contextlib.ExitStack() as stack:
        answers = Answers(folder / ANSWERS, study.questionnaire)
        stack.callback(answers.close)
        listening = stack.enter_context(listen(options.host, options.port))
        with Server(listening, options.host, study, answers) as server, contextlib.suppress(KeyboardInterrupt):
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.default_int_handler)
            print(f"the study is at {server.url}  (Ctrl-C ends it)", flush=True)
            server.serve_forever()
    return f"stopped; all answers are kept in {folder / ANSWERS}"
