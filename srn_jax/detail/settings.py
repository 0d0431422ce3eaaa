"""What the synthesis weighs, and by how much."""

from dataclasses import dataclass

from srn_jax.detail.pyramid import Level


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The weights of the synthesis; docs/detail.md says what each was chosen for, and what else was tried.

    Attributes:
      guide: how much a squared difference to the guide counts beside that of patches, from the coarsest level on.
      rows: how much it counts how far up or down a patch comes from, where the photograph's rows differ.
      coherence: the share of a distance that is taken off where all neighbors go on alike.
      crowding: for each use of a patch over the mean, a share of the photograph's variance.
      chance: how far the layout of two blocks may differ for the key to choose between them, a share of the variance.
      decisiveness: how much less the farther of two patches counts.
      nearness: of two patches a coarsest pixel apart, how many times more the one nearer to the photograph counts.
      searches: at the coarsest level, exhaustive ones as far as `pairs` goes.
      pairs: of patches that are compared in all of them together.
      refinements: after each of them, then at each finer level, the last entry at all beyond.
      radius: pixels around a match that better ones are looked for at random; at the coarsest level anywhere.
      compared: pixels of a photograph at most for its patches to be compared; finer levels take over their matches.
      reach: coarsest pixels over which tones are leveled.
      lead: the share of what tones lack to the guide's that is made good, far from the photograph.
      lead_reach: coarsest pixels from the photograph within which tones are rather its own.
      bound: of the shift that levels tones and leads them to the guide's.
    """

    guide: tuple[float, ...] = (1.5, 0.6, 0.2)
    rows: float = 3.0
    coherence: float = 0.6
    crowding: float = 0.05
    chance: float = 0.1
    decisiveness: float = 3.0
    nearness: float = 1.2
    searches: int = 8
    pairs: float = 2.5e9
    refinements: tuple[int, ...] = (2, 4, 3, 2, 1)
    radius: float = 16.0
    compared: int = 4_000_000
    reach: float = 16.0
    lead: float = 0.6
    lead_reach: float = 4.0
    bound: float = 0.12

    def compares(self, number: int, level: Level) -> bool:
        """Returns whether patches are compared at the `number`-th level, or matches just taken over."""
        return number == 0 or level.box.height * level.box.width <= self.compared

    def refinements_at(self, number: int, level: Level) -> int:
        """Returns how often the matches of the `number`-th level are refined; on the coarsest, after each search."""
        return self.refinements[min(number, len(self.refinements) - 1)] if self.compares(number, level) else 0


DEFAULT = Settings()
