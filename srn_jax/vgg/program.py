"""What `python -m srn_jax.vgg` does: it fetches VGG-19's filters, or tells what a file of them holds."""

import argparse
import dataclasses
from pathlib import Path

from srn_jax.errors import InputError
from srn_jax.models.vgg19 import LAYERS
from srn_jax.programs import files
from srn_jax.vgg import download
from srn_jax.vgg.formats import read
from srn_jax.vgg.options import OUTPUT
from srn_jax.vgg.weights import parameters


def run(options: argparse.Namespace) -> None:
    """Fetches or checks, and prints what came of it; raises InputError where what is given does not fit."""
    if options.check is not None:
        print(describe(options.check))
    else:
        output = OUTPUT if options.output is None else options.output
        print(fetch(files.expand(output, "--output"), options.sha256))


def fetch(target: Path, sha256: str | None) -> str:
    """Returns what was done, in words, after fetching Keras' file to `target` or checking the one that is there."""
    source = download.KERAS
    done = "checked" if target.exists() else "wrote"
    digest = download.download(dataclasses.replace(source, sha256=sha256 or source.sha256), target)
    return f"{done} {target}: {source.size} bytes, MD5 {source.md5}, SHA-256 {digest}"


def describe(path: str) -> str:
    """Returns what a file holds, line by line: form, layers, colours, and whether the paper's layers are covered."""
    file = files.expand(path, "--check")
    if not file.is_file():
        raise InputError(f"--check is {path!r}, which is no file")
    filters = read(str(file))
    lines = [
        f"form: {filters.form}",
        f"layers: {len(filters.layers)} of {len(LAYERS)} convolutions, {', '.join(filters.layers)}",
        f"colours: {filters.colours}",
        f"mean: {', '.join(f'{value:.3f}' for value in filters.mean)} (RGB of 0..255)",
    ]
    for layer in ("conv3_2", "conv4_2"):  # those of the paper's ID-MRF
        try:
            parameters(filters, path, (layer,))
            lines.append(f"{layer}: covered")
        except InputError as error:
            lines.append(f"{layer}: not covered, {error}")
    return "\n".join(lines)
