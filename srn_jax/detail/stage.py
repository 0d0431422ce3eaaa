"""One level at work: its photograph as a source of patches, and the canvas' arrays, tile by tile."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose ndimage is imported where it is first used
from jaxtyping import Array, Float, Int, Key

from srn_jax.detail.blocks import laid_out
from srn_jax.detail.layout import Layout
from srn_jax.detail.match import BLOCK, FAR, NONE, refine, search_all
from srn_jax.detail.pyramid import REACH, Box, Level, within
from srn_jax.detail.settings import Settings
from srn_jax.detail.source import basis_of, features_of, make_source
from srn_jax.detail.tiles import Corner, corners, cut, magnified, put
from srn_jax.detail.tones import SWEEPS, lead_tones, level_tones
from srn_jax.detail.vote import vote, vote_with_steps
from srn_jax.geometry import Size

SEARCHED = 4096  # patches of the canvas at a time in the exhaustive search
LEVELINGS = 20  # of the coarsest level's tones, SWEEPS each
_SAMPLES = 20_000  # distances that their spread is read off
_USE_BLUR = 0.5  # pixels of the coarsest level
_STRIP = 256  # rows at a time, where whole canvases would take much memory
_LEAST_SPREAD = 1e-6  # of distances: those of flat pictures are 0

Matches = Int[np.ndarray, "h w"]
Distances = Float[np.ndarray, "h w"]
Canvas = Float[np.ndarray, "h w 3"]
Coarser = Float[np.ndarray, "_ _ 3"]


class Stage:
    """What is done at one level; its methods take and return the canvas' arrays, and change none."""

    def __init__(
        self,
        level: Level,
        number: int,
        photo: Canvas,
        layout: Layout,
        settings: Settings,
        lengths: tuple[int, int],
        tile: Size,
        each: Callable[[Callable[[Any], Any], Any], Iterator[Any]],
    ) -> None:
        """Makes `photo`, at the `number`-th level from the coarsest, the source.

        Args:
          lengths: what arrays of the photograph's pixels, and of its patches, are padded to.
          tile: (height, width) of the pieces that are worked on.
          each: yields what a function returns for each of some tiles, in order.
        """
        self._level, self._photo, self._settings, self._tile, self._each = level, photo, settings, tile, each
        self._corners = list(corners(level, tile))
        self._source = make_source(photo, lengths[0])
        self._box, self._canvas = np.array(level.box, np.int32), np.array(level.canvas, np.int32)
        self._number, self._scale = number, 2.0**number
        if settings.compares(number, level):
            self._of_photo, self._layout = layout.at(number, level)
            self._basis = basis_of(photo)
            self._features = jnp.asarray(features_of(photo, self._of_photo, self._basis, lengths[1], tile))

    def begin(self, key: Key[Array, ""]) -> tuple[Matches, Distances]:
        """Returns matches of the coarsest level and their distances, found by looking at the whole photograph."""
        height, width = self._photo.shape[:2]
        variance = float(self._photo.reshape(-1, 3).var(axis=0).sum())
        whole = np.zeros((height, width), bool)
        whole[REACH : height - REACH, REACH : width - REACH] = True
        numbers = np.flatnonzero(whole)
        room = -len(numbers) % BLOCK
        candidates = np.pad(np.asarray(self._features)[numbers], ((0, room), (0, 0)))
        searched, used = patches_searched(self._level), np.ones((height, width), np.float32)
        matches, distances = self._own_matches(), np.zeros(self._level.canvas, np.float32)
        start_key, chance = jax.random.fold_in(key, self._settings.searches), variance * self._settings.chance
        layouts = self._of_photo, self._layout
        canvas = laid_out(self._photo, *layouts, self._level.canvas, self._level.box, start_key, chance)
        for number in range(self._settings.searches):
            if number < exhaustive_searches(self._level, self._settings):
                penalty = (variance * self._settings.crowding * np.maximum(used - 1, 0))[whole]
                penalty = np.pad(penalty.astype(np.float32), (0, room), constant_values=np.inf)
                best, away = self._search(canvas, searched, candidates, penalty)
                matches.reshape(-1)[searched], distances.reshape(-1)[searched] = numbers[best], away
                canvas = self.paint(matches, distances)
            for one in range(self._settings.refinements_at(0, self._level)):
                round_key = jax.random.fold_in(jax.random.fold_in(key, number), one)
                matches, distances = self.refine(canvas, matches, round_key, float(max(height, width)))
                canvas = self.paint(matches, distances)
            used = np.bincount(matches.reshape(-1)[searched], minlength=height * width).reshape(height, width)
            used = scipy.ndimage.gaussian_filter(used * np.float32(len(numbers) / len(searched)), _USE_BLUR)
        return matches, distances

    def _search(
        self,
        canvas: Canvas,
        searched: Int[np.ndarray, " t"],
        candidates: Float[np.ndarray, "n c"],
        penalty: Float[np.ndarray, " n"],
    ) -> tuple[Int[np.ndarray, " t"], Float[np.ndarray, " t"]]:
        """Returns the number of the candidate nearest to each patch that is searched, and how far it is."""
        size = self._level.canvas
        wanted = features_of(canvas, self._layout((0, 0), size), self._basis, size[0] * size[1], self._tile)[searched]

        def search(first: int) -> np.ndarray:
            some = wanted[first : first + SEARCHED]
            return np.asarray(search_all(np.pad(some, ((0, SEARCHED - len(some)), (0, 0))), candidates, penalty))

        blocks = list(self._each(search, range(0, len(searched), SEARCHED)))
        best = np.concatenate(blocks)[: len(searched)]
        return best, np.square(candidates[best] - wanted).sum(axis=-1)

    def enlarged(self, matches: Int[np.ndarray, "ch cw"], coarser: Level) -> Matches:
        """Returns the matches of the level before at this one: where one was, four go on."""
        (height, width), found = self._photo.shape[:2], self._own_matches()
        columns = np.arange(found.shape[1], dtype=np.int32)
        for first in range(0, len(found), _STRIP):
            strip = found[first : first + _STRIP]
            rows = np.arange(first, first + len(strip), dtype=np.int32)
            there = matches[rows // 2][:, columns // 2]
            row = (2 * (there // coarser.box.width) + (rows % 2)[:, None]).clip(REACH, height - 1 - REACH)
            column = (2 * (there % coarser.box.width) + columns % 2).clip(REACH, width - 1 - REACH)
            np.copyto(strip, row * width + column, where=strip == NONE)
        return found

    def refine(self, canvas: Canvas, matches: Matches, key: Key[Array, ""], radius: float) -> tuple[Matches, Distances]:
        """Returns better matches, and their distances."""

        def one(corner: Corner) -> tuple[np.ndarray, np.ndarray]:
            found = refine(
                cut(canvas, corner, self._tile, REACH, None),
                self._layout(corner, self._tile),
                cut(matches, corner, self._tile, FAR, NONE),
                self._features,
                self._source.size,
                self._basis,
                self._box,
                np.array(corner, np.int32),
                key,
                np.float32(radius),
                np.float32(self._settings.coherence),
            )
            return np.asarray(found[0]), np.asarray(found[1])

        better, distances = matches.copy(), np.zeros(matches.shape, np.float32)
        for corner, (some, away) in zip(self._corners, self._each(one, self._corners), strict=True):
            put(better, corner, some)
            put(distances, corner, away)
        return better, distances

    def paint(self, matches: Matches, distances: Distances) -> Canvas:
        """Returns the canvas as it is voted for.

        Matches are refined on this one, since leveled tones would draw matches to where the tones are level.
        """
        voting = self._voting(vote, matches, distances, 0)
        return self._painted(lambda corner: (np.asarray(voting(corner)),))[0]

    def paint_leveled(
        self, matches: Matches, distances: Distances, shift: Coarser, led: Coarser, last: bool
    ) -> tuple[Canvas, ...]:
        """Returns the canvas with its tones leveled and led; and the shift that leveled them, unless this is the last.

        Args:
          shift: that of the level before, to begin with.
          led: the shift of the coarsest level that leads to the guide's tones.
        """
        voting = self._voting(vote_with_steps, matches, distances, SWEEPS)
        more = self._tile[0] + 2 * SWEEPS, self._tile[1] + 2 * SWEEPS

        def level(corner: Corner) -> tuple[np.ndarray, ...]:
            colors, lacking = voting(corner)
            by = self._level_tile(corner, magnified(shift, 1, (corner[0] - SWEEPS, corner[1] - SWEEPS), more), lacking)
            canvas = self._shifted(_middle(colors), by + magnified(led, self._number, corner, self._tile))
            return (canvas,) if last else (canvas, by)

        return tuple(self._painted(level))

    def settle(self, matches: Matches, distances: Distances, guide: Canvas) -> tuple[Canvas, Canvas, Canvas]:
        """Returns the coarsest level's canvas with its tones leveled, from nothing, and led, and both shifts."""
        voting = self._voting(vote_with_steps, matches, distances, SWEEPS)
        canvas, lacking = self._painted(lambda corner: tuple(map(_middle, voting(corner))))
        shift = np.zeros_like(canvas)
        for _ in range(LEVELINGS):
            before, shift = shift, np.zeros_like(shift)

            def level(corner: Corner, before: Canvas = before) -> np.ndarray:
                begun, lacks = (cut(one, corner, self._tile, SWEEPS, 0.0) for one in (before, lacking))
                return self._level_tile(corner, begun, lacks)

            for corner, by in zip(self._corners, self._each(level, self._corners), strict=True):
                put(shift, corner, by)
        led = lead_tones(canvas + shift, guide, self._level.box, self._settings.lead, self._settings.lead_reach)
        return self._shifted(canvas, shift + led), shift, led

    def _shifted(self, colors: np.ndarray, by: np.ndarray) -> np.ndarray:
        bound = np.float32(self._settings.bound)
        return (colors + by.clip(-bound, bound)).clip(0.0, 1.0)

    def _painted(self, make: Callable[[Corner], tuple[np.ndarray, ...]]) -> list[Canvas]:
        """Returns the canvases that `make` makes the tiles of; the first one with the photograph in its place."""
        found: list[Canvas] = []
        for corner, made in zip(self._corners, self._each(make, self._corners), strict=True):
            found = found or [np.zeros((*self._level.canvas, 3), np.float32) for _ in made]
            for canvas, some in zip(found, made, strict=True):
                put(canvas, corner, some)
        within(found[0], self._level.box)[:] = self._photo
        return found

    def _level_tile(self, corner: Corner, around: np.ndarray, lacking: Any) -> np.ndarray:
        settings = self._settings
        stiffness = np.float32((2.0 / (settings.reach * self._scale)) ** 2)
        place = self._canvas, self._box, np.array(corner, np.int32)
        return np.asarray(level_tones(around, lacking, *place, stiffness, np.float32(settings.bound)))

    def _voting(
        self, voter: Callable[..., Any], matches: Matches, distances: Distances, more: int
    ) -> Callable[[Corner], Any]:
        """Returns what votes for a tile and `more` pixels around it, `voter` being `vote` or `vote_with_steps`."""
        spread = np.float32(max(self._typical(distances) / self._settings.decisiveness, _LEAST_SPREAD))
        doubt = np.float32(math.log(self._settings.nearness) / self._scale)
        halo = more + REACH + (voter is vote_with_steps)

        def one(corner: Corner) -> Any:
            around = cut(matches, corner, self._tile, halo, NONE), cut(distances, corner, self._tile, halo, 0.0)
            return voter(*around, self._source, self._box, np.array(corner, np.int32) - more, spread, doubt)

        return one

    def _typical(self, distances: Distances) -> float:
        """Returns the third quartile of the distances of patches that hold unknown pixels, of a grid of them."""
        inner, step = _inner(self._level.box), max(1, math.isqrt(distances.size // _SAMPLES))
        rows, columns = (np.arange(step // 2, length, step) for length in distances.shape)
        rows_inside = (rows >= inner.top) & (rows < inner.top + inner.height)
        columns_inside = (columns >= inner.left) & (columns < inner.left + inner.width)
        some = distances[rows[:, None], columns[None, :]][~(rows_inside[:, None] & columns_inside[None, :])]
        return float(np.percentile(some, 75)) if len(some) else 0.0

    def _own_matches(self) -> Matches:
        """Returns matches in which each patch within the photograph is its own, and the others have none."""
        box, inner = self._level.box, _inner(self._level.box)
        numbers = np.arange(box.height * box.width, dtype=np.int32).reshape(box.height, box.width)
        found = np.full(self._level.canvas, NONE, np.int32)
        within(found, inner)[:] = numbers[REACH : box.height - REACH, REACH : box.width - REACH]
        return found


def exhaustive_searches(level: Level, settings: Settings) -> int:
    """Returns how many of the coarsest level's searches look at the whole photograph, one at least."""
    inner = _inner(level.box)
    pairs = len(patches_searched(level)) * inner.height * inner.width
    return max(1, min(settings.searches, int(settings.pairs / pairs)))


def patches_searched(level: Level) -> Int[np.ndarray, " n"]:
    """Returns the numbers of the canvas' pixels whose patches hold something unknown."""
    needed = np.ones(level.canvas, bool)
    within(needed, _inner(level.box))[:] = False
    return np.flatnonzero(needed)


def _middle(tile: Array) -> np.ndarray:
    """Returns a tile without the pixels around it that leveling needs."""
    return np.asarray(tile)[SWEEPS:-SWEEPS, SWEEPS:-SWEEPS]


def _inner(box: Box) -> Box:
    """Returns where patches lie wholly within the photograph, as its middles."""
    return Box(box.top + REACH, box.left + REACH, box.height - 2 * REACH, box.width - 2 * REACH)
