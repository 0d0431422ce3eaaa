"""What `python -m srn_jax.infer` does: it paints around one picture, or each of a folder of them, or between two."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

import jax
from tqdm import tqdm

from srn_jax.detail import LEAST_SIDE
from srn_jax.errors import InputError, refused
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import load_generator
from srn_jax.geometry import host_mask
from srn_jax.infer import extrapolate, extrapolate_stream, plan_expansion
from srn_jax.infer.checks import check_around
from srn_jax.infer.devices import on_each, share
from srn_jax.infer.expansion import expand_by
from srn_jax.infer.jobs import Job, check_free, list_jobs
from srn_jax.infer.manifest import Manifest, digest_of
from srn_jax.infer.margins import sides_for, trained_ratio
from srn_jax.infer.pair import BAR, run_pair
from srn_jax.infer.rounds import Stream
from srn_jax.infer.texture import plan_detail
from srn_jax.infer.together import painter
from srn_jax.pictures.photo import allow_large_pictures, check_output, fitted, read_photo, write_photo
from srn_jax.programs import files
from srn_jax.programs.backend import pictures_at_once

_MANY_PASSES = 100  # of the model, a minute on two cores or more: they are told before they begin


def run(options: argparse.Namespace) -> int:
    """Does the work; returns the exit status: 0, or 1 where some pictures of a folder failed.

    Raises:
      InputError: what is given does not fit.
    """
    allow_large_pictures()
    generator = load_generator(options.checkpoint)
    if options.input2 is not None:
        print(run_pair(generator, options))
        return 0
    check_around(generator)
    source, target = files.expand(options.input, "--input"), files.expand(options.output, "--output")
    jobs = list_jobs(source, target, f".{options.format}")
    if source.is_dir():
        numbered = list(enumerate(jobs))
        if options.share:
            numbered = numbered[options.share[0] :: options.share[1]]
        with files.working_in(target, "--output", options.share):
            manifest = Manifest(target, _settings(generator, options))
            manifest.begin(jobs, [job for _, job in numbered], anew=options.force)
            return run_folder(generator, numbered, manifest, options)
    if options.share:
        raise InputError(f"--share is of a folder, and --input is the file {source}")
    if not options.force:
        check_free(jobs)
    facts = run_one(generator, jobs[0], options, 0, partial(extrapolate_stream, batch=options.batch), bar=True)
    print(f"wrote {jobs[0].target}, {_in_words(facts)}")
    return 0


def run_folder(
    generator: Generator, jobs: list[tuple[int, Job]], manifest: Manifest, options: argparse.Namespace
) -> int:
    """Does what the manifest lacks of the jobs, each with its number in the folder, and names what fails.

    Returns:
      The exit status.
    """
    remaining = [(number, job) for number, job in jobs if not manifest.has(job)]
    whose = "of share {}/{}: ".format(*options.share) if options.share else ""
    if len(remaining) < len(jobs):
        print(f"{whose}{len(jobs) - len(remaining)} of {len(jobs)} pictures are there already")
    for job in (job for _, job in remaining if manifest.is_changed(job)):
        tqdm.write(f"{job.target} is not as it was written: it is made again", file=sys.stderr)
    written, devices = [], share(len(remaining), 1)
    replicas = on_each(devices, generator)
    streams = [painter(options.batch) for _ in devices]
    free: SimpleQueue[int] = SimpleQueue()  # the devices in turn, each as often as it has pictures at once
    for on in [*range(len(devices))] * pictures_at_once():
        free.put(on)

    def run(number: int, job: Job) -> dict[str, Any]:
        on = free.get()
        try:
            with jax.default_device(devices[on]) if len(devices) > 1 else nullcontext():
                return run_one(replicas[on], job, options, number, streams[on])
        finally:
            free.put(on)

    with ThreadPoolExecutor(free.qsize()) as pool:
        made = [pool.submit(run, *one) for one in remaining]
        try:
            for (_, job), one in zip(remaining, tqdm(made, unit=" pictures"), strict=True):
                try:
                    manifest.add(job, one.result())
                    written.append(job.target)
                except FileNotFoundError as error:  # the output, which was written
                    tqdm.write(f"skipped {job.source}: {refused(error, job.target)}", file=sys.stderr)
                except (InputError, MemoryError) as error:
                    tqdm.write(f"skipped {job.source}: {str(error) or 'not enough memory'}", file=sys.stderr)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for (_, job), one in zip(remaining, made, strict=True):
                if not one.cancelled() and one.exception() is None and job.target.exists():  # its turn had not come
                    manifest.add(job, one.result())
            raise
        finally:
            manifest.save()
    gone = [target for target in written if not target.exists()]
    if gone:
        print(f"{len(gone)} outputs were removed, such as {gone[0]}: the same command makes them", file=sys.stderr)
    count = len(written) - len(gone)
    print(f"{whose}wrote {count} of {len(remaining)} pictures to {options.output}")
    return 1 if count < len(remaining) else 0


def run_one(
    generator: Generator, job: Job, options: argparse.Namespace, number: int, stream: Stream, *, bar: bool = False
) -> dict[str, Any]:
    """Paints around one picture and writes it; returns what was made, as JSON can hold it.

    Args:
      number: the picture's in its folder.
      stream: paints its windows.
      bar: for a picture by itself: it shows the passes, and one that is its whole canvas already is an error.
    """
    photo, there = read_photo(job.source), job.target.exists()
    if options.fit:
        photo = fitted(photo, generator.known)
    size = (photo.pixels.shape[0], photo.pixels.shape[1])
    wanted = options.wanted
    if options.rounding == "truncate" and not (wanted.size or wanted.aspect or wanted.ratio):
        wanted = replace(wanted, ratio=trained_ratio(generator))  # the one canvas that a single pass makes
    sides = sides_for(generator, size, wanted, number)
    height, width = sides.top + size[0] + sides.bottom, sides.left + size[1] + sides.right
    check_output(job.target, (height, width))
    facts: dict[str, Any] = {"sha256": photo.sha256, "picture": [size[1], size[0]], "canvas": [width, height]}
    facts["margins"] = sides._asdict()
    if not any(sides):
        if bar:
            raise InputError(f"there is nothing to paint: the picture, {width}x{height}, is the whole canvas")
        canvas, facts = photo.pixels, facts | {"passes": 0}  # of a folder, this one has what all are to have
    elif options.rounding == "truncate":
        mask = host_mask((sides.top, sides.left), (height, width), size)
        try:
            canvas = extrapolate(generator, photo.pixels, mask, rounding="truncate")
        except InputError as error:
            hint = "" if options.fit else f"; --fit brings any picture to {generator.known[0]}x{generator.known[1]}"
            raise InputError(f"{job.source}: {error}{hint}") from error
        facts |= {"passes": 1, "worked_at": facts["picture"]}
    else:
        planned = plan_expansion(generator, size, **sides._asdict())
        _check_passes(planned.passes, options.most_passes, job)
        facts |= {"passes": planned.passes, "worked_at": list(planned.picture[::-1])}
        wanted_detail = options.detail == "on"
        levels = plan_detail(size, sides) if wanted_detail else None
        facts["detail"] = f"1/{2 ** levels.levels[-1].halvings}" if levels else "too small" if wanted_detail else "off"
        with tqdm(bar_format=BAR, disable=not bar or (planned.passes == 1 and not levels)) as progress:

            def tell(done: int, of: int) -> None:
                progress.total = of
                progress.update(done - progress.n)

            canvas = expand_by(
                stream,
                generator,
                photo.pixels,
                sides,
                feather=options.feather,
                detail=wanted_detail,
                seed=options.seed,
                progress=tell,
            )
    write_photo(job.target, canvas, photo, (sides.top, sides.left), replace=options.force or there)
    return facts


def _check_passes(passes: int, most: int, job: Job) -> None:
    """Says on standard error that many passes are to come; raises InputError where they are more than `most`."""
    if passes > most:
        raise InputError(
            f"these margins would take {passes:,} passes of the model, and --most-passes is {most:,}: give smaller "
            f"margins, or --most-passes {passes}"
        )
    if passes > _MANY_PASSES:
        tqdm.write(f"{job.source}: {passes:,} passes of the model are to come", file=sys.stderr)


def _settings(generator: Generator, options: argparse.Namespace) -> dict[str, Any]:
    """Returns all that a folder's outputs follow from, in the words of the command line."""
    names = ("top", "bottom", "left", "right", "size", "aspect", "ratio", "placement", "seed")
    names += ("detail", "feather", "fit", "format", "rounding")
    told = {name: getattr(options, name) for name in names}
    for name in ("size", "ratio"):
        told[name] = told[name] and "x".join(map(str, told[name]))
    told["aspect"] = told["aspect"] and str(told["aspect"])
    return {"model_sha256": digest_of(generator), **told}


def _in_words(facts: dict[str, Any]) -> str:
    (width, height), (canvas_width, canvas_height) = facts["picture"], facts["canvas"]
    passes = f"{facts['passes']} pass{'es' if facts['passes'] > 1 else ''}"
    seen, detail = facts["worked_at"], facts.get("detail", "off")
    scale = "" if seen == facts["picture"] else f", painted with the picture at the model's scale, {seen[0]}x{seen[1]}"
    texture = {
        "off": "",
        "too small": f", without detail: it takes {LEAST_SIDE} pixels on each side",
        "1/1": ", detail from the picture",
    }.get(detail, f", detail from the picture at {detail} of its resolution, enlarged: so much is painted")
    return f"{width}x{height} -> {canvas_width}x{canvas_height} (width x height), {passes}{scale}{texture}"
