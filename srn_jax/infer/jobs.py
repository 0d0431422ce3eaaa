"""What is read and what is written: one picture, or a folder of them."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from srn_jax.errors import InputError
from srn_jax.pictures.folders import check_outside, list_pictures
from srn_jax.pictures.written import FORMATS


class Job(NamedTuple):
    """A picture and the file that its canvas goes to."""

    source: Path
    target: Path


def list_jobs(source: Path, target: Path, ending: str) -> list[Job]:
    """Returns what is to be done for --input `source` and --output `target`; a folder's outputs end in `ending`.

    Raises:
      InputError: an input is missing, or an output would replace an input, or another.
    """
    if source.is_dir():
        jobs = _jobs_of_folder(source, target, ending)
    elif source.is_file():
        output = target / f"{source.stem}{ending}" if target.is_dir() else target
        if output.suffix.lower() not in FORMATS:
            raise InputError(
                f"--output is {str(target)!r}; it takes a file that ends in {', '.join(FORMATS)}, "
                "or a folder that exists"
            )
        jobs = [Job(source, output)]
    else:
        raise InputError(f"--input is {str(source)!r}, which is neither a file nor a folder")
    inputs = {os.path.realpath(job.source) for job in jobs}
    own = [job.target for job in jobs if os.path.realpath(job.target) in inputs]
    if own:
        raise InputError(f"--output would replace the input {own[0]}")
    return jobs


def check_free(jobs: list[Job]) -> None:
    """Raises InputError where outputs exist."""
    try:
        there = [job.target for job in jobs if job.target.exists()]
    except OSError as error:
        raise InputError(f"--output cannot be {error.filename}: {error.strerror}") from error
    if there and len(jobs) == 1:
        raise InputError(f"{there[0]} exists; --force replaces it")
    if there:
        raise InputError(f"{len(there)} of {len(jobs)} outputs exist, such as {there[0]}; --force replaces them")


def _jobs_of_folder(source: Path, target: Path, ending: str) -> list[Job]:
    pictures = list_pictures(str(source), "--input")
    if target.is_file():
        raise InputError(f"--output is the file {target}; where --input is a folder it takes a folder")
    check_outside(target, source, "--output", "--input")
    file = next((parent for parent in target.parents if parent.is_file()), None)
    if file is not None:
        raise InputError(f"--output is {str(target)!r}, which lies below the file {file}")
    stems = [str(picture.relative_to(source).with_suffix("")) for picture in pictures]
    # Two pictures that differ in their ending alone keep it, so that neither replaces the other.
    shared = {stem for stem, count in Counter(stems).items() if count > 1}
    names = [
        f"{picture.relative_to(source)}{ending}" if stem in shared else f"{stem}{ending}"
        for picture, stem in zip(pictures, stems, strict=True)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{Counter(names)[twice[0]]} pictures would be written to {target / twice[0]}; rename one")
    return [Job(picture, target / name) for picture, name in zip(pictures, names, strict=True)]
