"""The bundled models: they are as small as their cards say, and ahead of every fill on pictures they never saw."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from configs import between
from configs import bundled as around
from srn_jax import extrapolate, geometry, load_generator
from srn_jax.config import resolve
from srn_jax.demo import __main__ as demo
from srn_jax.evaluate import metrics
from srn_jax.evaluate.fills import FILLS, SLOW_FILLS
from srn_jax.generators.bundled import DEFAULT_BETWEEN, KINDS, bundled, bundled_around, loadable
from srn_jax.geometry import placement
from srn_jax.train.start import start_from
from srn_jax.train.state import build_networks
from tests import tiny
from tests.tiers import slow_but

CARDS = Path(__file__).parent.parent / "docs" / "models"
NAMES = list(bundled())
SIDES = {"scenes": 64, "birds": 128, "garments": 128}  # pixels of the known picture; the canvas has twice as many
GEOMETRY = {name: ((side, side), (2 * side, 2 * side), "random") for name, side in SIDES.items()}
GEOMETRY["between"] = ((64, 64), (64, 128), "between")
AHEAD = {"scenes": 0.5, "birds": 1.0, "garments": 1.0, "between": 0.25}  # dB, by so much at least
TILE = 128  # pixels, about the height of pictures on a sheet


def held_out(name: str) -> np.ndarray:
    """Returns what the sheets of a card have in their last column, [n, h, w, 3]: held-out pictures."""
    sheets = [Image.open(CARDS / f"{name}_{which}.jpg") for which in ("best", "median", "worst")]
    height, width = GEOMETRY[name][1]
    times = max(1, round(TILE / height))
    rows = [np.asarray(one)[24:].reshape(-1, times * height + 6, one.width, 3) for one in sheets]
    shown = np.concatenate([row[:, : times * height, -times * width - 6 : -6] for row in rows])
    blocks = shown.reshape(-1, height, times, width, times, 3)
    return blocks.mean(axis=(2, 4)).round().astype(np.uint8)


def masks_of(name: str, pictures: np.ndarray) -> np.ndarray:
    """Returns masks of [n, h, w, 3], [n, h, w, 1]: known parts in the middle, or at both ends where they were so."""
    known, canvas, placed = GEOMETRY[name]
    keys = jax.random.split(jax.random.key(0), len(pictures))
    placed = placed if placed in placement.BETWEEN else "center"
    return np.asarray(geometry.draw_masks(placed, keys, canvas, known))


def test_each_has_a_card_and_each_card_a_model():
    assert sorted(card.stem for card in CARDS.glob("*.md")) == sorted(NAMES)
    assert NAMES == ["scenes", "between", "birds", "garments"]  # the default first
    assert all(name in loadable() for name in NAMES)
    assert demo.parse([]).checkpoint == bundled_around() == [name for name in NAMES if name != DEFAULT_BETWEEN]
    assert set(KINDS) >= set(bundled_around())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_its_card_says(name):
    card = (CARDS / f"{name}.md").read_text()
    generator = load_generator(name)
    count = sum(leaf.size for leaf in jax.tree.leaves(generator.params))
    megabytes = sum(file.stat().st_size for file in bundled()[name].rglob("*") if file.is_file()) / 1e6
    assert megabytes < 8
    assert f"{count:,} parameters, {megabytes:.1f} MB" in card
    assert (generator.known, generator.canvas, generator.placement) == GEOMETRY[name]
    known, canvas = (f"{size[0]} x {size[1]}" for size in GEOMETRY[name][:2])
    assert f"{known} -> {canvas}" in card
    assert len(re.findall(r"^\| (SRN|mean fill|edge replication|mirror fill|Telea) \|.* ± ", card, re.MULTILINE)) == 5


CONFIGS = {
    "scenes": around.get_config("quarter"),
    "birds": around.get_config("half"),
    "garments": around.get_config("sharp"),
    "between": between.get_config(),
}


@pytest.mark.parametrize("name", slow_but(["scenes"], CONFIGS))
def test_a_run_of_its_config_starts_from_its_name(name):
    config = resolve(CONFIGS[name])
    networks = build_networks(config)
    state, _ = start_from(name, tiny.state(config, networks), networks.generator)
    jax.tree.map(np.testing.assert_array_equal, state.average, load_generator(name).params)


@pytest.mark.parametrize("name", slow_but(["scenes"], NAMES))
def test_it_is_ahead_of_every_fill(name):
    truth = held_out(name)[::3]
    masks = masks_of(name, truth)

    def psnr(pictures) -> float:
        scores = [
            metrics.scores(np.float32(one) / 255, np.float32(two) / 255, masks[0])
            for one, two in zip(pictures, truth, strict=True)
        ]
        return float(np.mean([score["psnr_unknown"] for score in scores]))

    generator = load_generator(name)
    painted = psnr([extrapolate(generator, one, mask) for one, mask in zip(truth, masks, strict=True)])
    fills = {name: psnr([fill(one, masks[0]) for one in truth]) for name, fill in (FILLS | SLOW_FILLS).items()}
    assert painted > max(fills.values()) + AHEAD[name]


@pytest.mark.parametrize("name", slow_but(["scenes"], NAMES))
def test_what_it_paints_follows_the_known_part_in_all_colors(name):
    """Painted tones against known ones, both changed by a little of red, green or blue: no direction is lost."""
    generator, pictures = load_generator(name), held_out(name)[::9].astype(np.float32) / 255 * 0.8 + 0.1
    masks = masks_of(name, pictures)

    def tone(change: np.ndarray) -> np.ndarray:
        shifted = pictures + np.float32(change)
        painted = [extrapolate(generator, one, mask) for one, mask in zip(shifted, masks, strict=True)]  # one program
        return np.stack(painted)[masks[..., 0] > 0].mean(axis=0)

    response = np.stack([(tone(change) - tone(-change)) / 0.2 for change in 0.1 * np.eye(3)])
    assert np.linalg.svd(response, compute_uv=False).min() > 0.5
