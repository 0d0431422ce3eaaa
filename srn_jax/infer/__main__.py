"""`python -m srn_jax.infer`: extrapolates one picture, or a folder of them, with a checkpoint."""

import argparse
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srn_jax import allocator, cache, files
from srn_jax.errors import InputError, fail
from srn_jax.generator import Generator, load_generator
from srn_jax.geometry import MARGINS
from srn_jax.infer import extrapolate
from srn_jax.infer.extrapolate import ROUNDINGS
from srn_jax.infer.margins import Margins, margins_for
from srn_jax.pictures import crop_and_resize, decode, list_pictures, write_png


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m srn_jax.infer",
        description="Paints a canvas around a picture, or each picture of a folder; known pixels stay as they are.",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, help="a run's workdir, or one checkpoint")
    add("--input", required=True, help="a picture, or a folder of pictures")
    add("--output", required=True, help="a .png file; a folder where --input is one")
    for side in ("top", "bottom", "left", "right"):
        add(f"--{side}", type=int, metavar="PIXELS", help=f"how far the canvas reaches beyond the {side}")
    add("--margins", choices=list(MARGINS), help="place the picture so; by default as the model was trained")
    add("--seed", type=int, default=0, help="for --margins random (default 0)")
    add("--fit", action="store_true", help="first crop and scale the picture to the size that the model was trained at")
    add("--rounding", choices=ROUNDINGS, default="nearest", help="truncate: all pixels, as the release's test.py does")
    add("--compilation_cache", metavar="DIR", help=cache.HELP)
    add("--force", action="store_true", help="replace outputs that exist")
    options = parser.parse_args(arguments)
    if options.margins and any(getattr(options, side) is not None for side in ("top", "bottom", "left", "right")):
        parser.error("--margins and --top, --bottom, --left, --right exclude each other")
    if not 0 <= options.seed < 2**32:
        parser.error(f"--seed is {options.seed}; it takes 0 to {2**32 - 1}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the program; returns its exit status: 0, or 1 where some pictures of a folder failed."""
    options = parse(arguments)
    allocator.keep_freed_memory()
    cache.keep_programs(options.compilation_cache)
    try:
        generator = load_generator(options.checkpoint)
        source, target = files.expand(options.input, "--input"), files.expand(options.output, "--output")
        jobs = plan(source, target, options.force)
        wanted = Margins(options.top, options.bottom, options.left, options.right, options.margins, options.seed)
        if not source.is_dir():
            ((source, target),) = jobs
            print(f"wrote {target}, {run_one(generator, source, target, wanted, options, 0)}")
            return 0
    except InputError as error:
        fail(error)
    failed = 0
    # Two at a time: while one is on the device, the other is decoded or encoded.
    with ThreadPoolExecutor(2) as pool:
        made = [
            pool.submit(run_one, generator, source, target, wanted, options, number)
            for number, (source, target) in enumerate(jobs)
        ]
        try:
            for (source, _), one in zip(jobs, tqdm(made, unit=" pictures"), strict=True):
                try:
                    one.result()
                except InputError as error:
                    failed += 1
                    tqdm.write(f"skipped {source}: {error}", file=sys.stderr)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    print(f"wrote {len(jobs) - failed} of {len(jobs)} pictures to {options.output}")
    return 1 if failed else 0


def plan(source: Path, target: Path, force: bool) -> list[tuple[Path, Path]]:
    """Returns (picture, output) pairs; raises InputError where an output exists and `force` is not given."""
    if source.is_dir():
        pictures = list_pictures(str(source), "--input")
        if target.is_file():
            raise InputError(f"--output is the file {target}; where --input is a folder it takes a folder")
        if target.resolve().is_relative_to(source.resolve()):
            raise InputError(f"--output {target} lies inside --input, which would take its pictures in the next time")
        file = next((parent for parent in target.parents if parent.is_file()), None)
        if file is not None:
            raise InputError(f"--output is {str(target)!r}, which lies below the file {file}")
        stems = [str(picture.relative_to(source).with_suffix("")) for picture in pictures]
        # Two pictures that differ in their ending alone keep it, so that neither replaces the other.
        shared = {stem for stem, count in Counter(stems).items() if count > 1}
        names = [
            f"{picture.relative_to(source)}.png" if stem in shared else f"{stem}.png"
            for picture, stem in zip(pictures, stems, strict=True)
        ]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise InputError(f"{Counter(names)[twice[0]]} pictures would be written to {target / twice[0]}; rename one")
        jobs = [(picture, target / name) for picture, name in zip(pictures, names, strict=True)]
    elif source.is_file():
        output = target / f"{source.stem}.png" if target.is_dir() else target
        if output.suffix.lower() != ".png":
            raise InputError(f"--output is {str(target)!r}; it takes a file that ends in .png, or a folder that exists")
        jobs = [(source, output)]
    else:
        raise InputError(f"--input is {str(source)!r}, which is neither a file nor a folder")
    inputs = {picture.resolve() for picture, _ in jobs}
    own = [output for _, output in jobs if output.resolve() in inputs]
    if own:
        raise InputError(f"--output would replace the input {own[0]}")
    try:
        there = [output for _, output in jobs if output.exists()]
    except OSError as error:
        raise InputError(f"--output cannot be {error.filename}: {error.strerror}") from error
    if there and not force:
        raise InputError(f"{len(there)} of {len(jobs)} outputs exist, such as {there[0]}; --force replaces them")
    return jobs


def run_one(
    generator: Generator, source: Path, target: Path, wanted: Margins, options: argparse.Namespace, number: int
) -> str:
    """Extrapolates one picture and writes it; returns what was made, in words."""
    try:
        picture = decode(source)
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
        raise InputError(f"{source} is no picture that can be read ({error})") from error
    if options.fit:
        picture = crop_and_resize(picture, generator.known, 1.0, (0.5, 0.5))
    pixels = np.asarray(picture)
    known = pixels.shape[:2]
    margins = margins_for(generator, known, wanted, number)
    mask = np.ones((known[0] + margins.top + margins.bottom, known[1] + margins.left + margins.right), bool)
    mask[margins.top : margins.top + known[0], margins.left : margins.left + known[1]] = False
    try:
        canvas = extrapolate(generator, pixels, mask, rounding=options.rounding)
    except InputError as error:
        hint = "" if options.fit else f"; --fit brings any picture to {generator.known[0]}x{generator.known[1]}"
        raise InputError(f"{source}: {error}{hint}") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, canvas)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    return f"{known[0]}x{known[1]} -> {canvas.shape[0]}x{canvas.shape[1]} (height x width)"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # what was written is whole; the rest is not there
        sys.exit("interrupted")
