"""FID, KID and LPIPS of an evaluation: the networks whose weights are given, and a table that says what is missing."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from srn_jax.evaluate import inception, lpips
from srn_jax.evaluate.distances import fid, kid
from srn_jax.evaluate.inception import read_inception
from srn_jax.evaluate.lpips import read_lpips
from srn_jax.evaluate.summary import Mean, in_words


class FeatureNetworks(NamedTuple):
    """What is there to look through; each a function of parameters and pictures, and its parameters."""

    features: tuple[Callable[..., Any], Any] | None = None
    distance: tuple[Callable[..., Any], Any] | None = None
    looked_through: str = ""


def read_networks(inception_file: Path | None, lpips_files: list[Path] | None) -> FeatureNetworks:
    """Returns the networks whose files are given; raises InputError where a file holds no such network."""
    networks = FeatureNetworks()
    if inception_file:
        networks = networks._replace(features=(inception.features, read_inception(inception_file)))
    if lpips_files:
        name, params = read_lpips(lpips_files)
        networks = networks._replace(distance=(partial(lpips.lpips, name), params), looked_through=name)
    return networks


def rows(
    networks: FeatureNetworks, features: dict[str, list[np.ndarray]], means: dict[str, dict[str, Mean]]
) -> list[list[str]]:
    """Returns a table: a heading with the systems, and FID, KID and LPIPS, or what they need.

    Args:
      networks: what was looked through.
      features: Inception's, of each picture, by system; "truth" among them.
      means: of the scores, by system.
    """
    systems = list(means)
    found = [["", *systems]]
    for name, measure in (("FID", _fid), ("KID x 1,000", _kid)):
        if networks.features is None:
            found.append([f"{name}: not measured, needs {inception.NEEDED}", *[""] * len(systems)])
        elif len(features["truth"]) < 2:
            found.append([f"{name}: not measured, needs two pictures at least", *[""] * len(systems)])
        else:
            real = np.stack(features["truth"])
            found.append([name, *(measure(np.stack(features[system]), real) for system in systems)])
    if networks.distance is None:
        found.append([f"LPIPS: not measured, needs {lpips.NEEDED}", *[""] * len(systems)])
    else:
        cells = [in_words(row["lpips"], 3) for row in means.values()]
        found.append([f"LPIPS, {networks.looked_through}", *cells])
    return found


def _fid(completed: np.ndarray, real: np.ndarray) -> str:
    return f"{fid(completed, real):.2f}"


def _kid(completed: np.ndarray, real: np.ndarray) -> str:
    mean, deviation = kid(completed, real)
    return f"{1000 * mean:.2f}" + ("" if np.isnan(deviation) else f" (deviation {1000 * deviation:.2f})")
