"""What a run writes while it trains: scalars and picture strips, to TensorBoard, JSON lines and PNG files."""

import contextlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from srn_jax.pictures.arrays import write_png
from srn_jax.programs import files

# tensorboardX imports PyTorch where it is installed, for what we never use: seconds, and 200 MB.
_hidden = {"torch"} - sys.modules.keys()
for _name in _hidden:
    sys.modules[_name] = None  # importing it fails  # pyright: ignore[reportArgumentType]
from tensorboardX import summary  # noqa: E402
from tensorboardX.event_file_writer import EventsWriter  # noqa: E402
from tensorboardX.proto.event_pb2 import Event, SessionLog  # noqa: E402  # pyright: ignore[reportAttributeAccessIssue]

for _name in _hidden:
    del sys.modules[_name]


class Log:
    """Writes to `workdir`: metrics.jsonl, images/, and tensorboard/.

    Attributes:
      workdir: the run's folder.
      start: the step that the run starts from; what an interrupted run had logged after it is taken out again.
    """

    def __init__(self, workdir: Path, start: int):
        self._lines = workdir / "metrics.jsonl"
        self._images = workdir / "images"
        self._images.mkdir(parents=True, exist_ok=True)
        _drop_lines_after(self._lines, start)
        board = workdir / "tensorboard"
        board.mkdir(exist_ok=True)
        # Not the SummaryWriter: its thread dies of a full disk, and the run would then wait for it forever.
        self._board = EventsWriter(str(board / "events"))
        self._write(start + 1, session_log=SessionLog(status=SessionLog.START))  # TensorBoard drops what came after

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes one JSON line and as many TensorBoard scalars; what is not finite stands as null in JSON."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self._lines.open("a") as file:
            file.write(json.dumps({"step": step, **finite}) + "\n")
        for name, value in values.items():
            self._write(step, summary=summary.scalar(name, value))
        self._board.flush()

    def strips(self, step: int, strips: UInt8[np.ndarray, "n h w 3"]) -> Path:
        """Writes strips (known | extrapolated | truth) one below the other, and returns the PNG's path."""
        path = self._images / f"step_{step:07d}.png"
        write_png(path, np.concatenate(list(strips), axis=0))
        for number, strip in enumerate(strips):
            tag = f"known_extrapolated_truth/{number}"
            self._write(step, summary=summary.image(tag, strip, dataformats="HWC"))
        return path

    def _write(self, step: int, **content: Any) -> None:
        self._board.write_event(Event(wall_time=time.time(), step=step, **content))

    def close(self) -> None:
        """Writes out what TensorBoard has not been given yet; a full disk has been reported before."""
        with contextlib.suppress(OSError):
            self._board.close()


def _drop_lines_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = [line for line in path.read_text(errors="replace").splitlines() if _step_of(line) <= step]
    files.write_text(path, "".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line that a killed run left half written
        return math.inf
