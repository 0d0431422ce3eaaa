"""`python -m srn_jax.vgg`: fetches VGG-19's filters, or tells what a file of them holds."""

import argparse
import dataclasses
import re
from pathlib import Path

from srn_jax.errors import InputError, fail, refused
from srn_jax.models.vgg19 import LAYERS
from srn_jax.programs import files, interruption
from srn_jax.programs.commandline import Parser
from srn_jax.vgg import download
from srn_jax.vgg.formats import FORMS, read
from srn_jax.vgg.weights import parameters

OUTPUT = "weights/vgg19.h5"  # where the setting loss.vgg looks by default


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.vgg",
        description="Fetches the filters of VGG-19, whose features ID-MRF compares, or tells what a file holds.",
        epilog=f"Files that loss.vgg takes, told by their content: {', '.join(FORMS)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--download",
        action="store_true",
        help=f"fetch Keras' file, {download.KERAS.size / 1e6:.0f} MB, from {download.KERAS.url}; continues what was "
        "interrupted, and only checks a file that is there",
    )
    what.add_argument("--check", metavar="FILE", help="tell the form of a file, its layers, and the input they expect")
    parser.add_argument("--output", metavar="FILE", help=f"where --download puts it (default {OUTPUT})")
    parser.add_argument("--sha256", metavar="HEX", help="hold the download to this SHA-256, besides its size and MD5")
    options = parser.parse_args(arguments)
    if options.check is not None and (options.output, options.sha256) != (None, None):
        parser.error("--output and --sha256 go with --download")
    if options.sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", options.sha256):
        parser.error(f"--sha256 is {options.sha256!r}; it takes 64 hexadecimal digits")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the program; returns its exit status, 0. What does not fit ends it with one line and status 2."""
    options = parse(arguments)
    try:
        if options.check is not None:
            print(describe(options.check))
        else:
            output = OUTPUT if options.output is None else options.output
            print(fetch(files.expand(output, "--output"), options.sha256))
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(refused(error, options.check or options.download))
    return 0


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


if __name__ == "__main__":
    interruption.run(main, "interrupted; the same command continues where it stopped")
