"""Runs of rows: each a process of `srn_jax.main`, left alone where it is finished, gone on with where it is not."""

import re
import shlex
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from srn_jax.experiments import rows
from srn_jax.programs import files
from srn_jax.train.workdir import has_checkpoint

_COMMAND, _FINISHED = "command.txt", "scores.json"
_LAST = 4096  # characters of what a process said that are looked at for its last line


@dataclass(frozen=True)
class Training:
    """One training of a row.

    Attributes:
      row: a name in `rows.ROWS`.
      workdir: of the run.
      settings: --config.NAME=VALUE, for this one.
    """

    row: str
    scale: str
    workdir: Path
    settings: tuple[str, ...]

    def arguments(self, config: str) -> list[str]:
        """Returns the command line behind `python`, where the rows' configuration file is `config`."""
        scale = "" if self.scale == rows.SCALES[0] else f",{self.scale}"
        return [
            *("-m", "srn_jax.main", f"--config={config}:{self.row}{scale}", f"--workdir={self.workdir}"),
            *self.settings,
        ]

    def is_finished(self) -> bool:
        """Returns whether it is, with these settings; others are told apart by `srn_jax.main`."""
        command = self.workdir / _COMMAND
        return (
            (self.workdir / _FINISHED).exists()
            and has_checkpoint(self.workdir)
            and command.exists()
            and command.read_text() == self.command()
        )

    def train(self) -> str | None:
        """Trains to the end, on standard error; returns None, or the line that says why it failed.

        Raises:
          KeyboardInterrupt: Ctrl-C, which the process answered by saving.
        """
        command = [sys.executable, *self.arguments(rows.__file__)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            said: deque[str] = deque(maxlen=_LAST)
            try:
                while chunk := process.stderr.read1(1024):  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
                    text = chunk.decode(errors="replace")
                    sys.stderr.write(text)
                    sys.stderr.flush()
                    said.extend(text)
            except KeyboardInterrupt:
                process.wait()  # it saves
                raise
        if process.returncode < 0:
            return f"ended by signal {-process.returncode}"
        if process.returncode:
            lines = [line for line in re.split(r"[\r\n]+", "".join(said)) if line.strip()]
            said_last = lines[-1].removeprefix("error: ") if lines else "said nothing"
            return f"{said_last} (exit status {process.returncode})"
        if not (self.workdir / _FINISHED).exists():  # a signal that this process did not get
            return "stopped before its last step"
        files.write_text(self.workdir / _COMMAND, self.command())
        return None

    def command(self) -> str:
        """Returns what trains it, typed in a clone of the repository."""
        return shlex.join(["python", *self.arguments("configs/ablation.py")])
