"""Where the level of a series of runs changed: seeded binary segmentation with Student's t.

    values ─► one or two bad runs taken in ─► every seeded interval cut in two where it differs most ─► t against its bound
                                                              the clearest cut first, then those that do not touch it
           ─► each cut moved to where it fits best between its neighbours ─► cuts that their own stretches do not bear go

Which intervals are looked at does not depend on the values, so the doubt that one is willing to have is shared equally among
all cuts of all of them (Bonferroni): where the noise is independent from run to run, and about normal, no more than `doubt`
of the series show any change. The variance is that of the interval itself, so that nobody has to guess how much sessions
differ, and what else goes on in an interval only makes it more cautious.

Source:
    Kovács, Bühlmann, Li and Munk: Seeded binary segmentation, Biometrika 110 (2023), for the intervals. Davies and Gather:
    The identification of multiple outliers, Journal of the American Statistical Association 88 (1993), for bad runs
    (Hampel's identifier). Hansen: Sample splitting and threshold estimation, Econometrica 68 (2000), for where a change may lie.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics import quantile

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

LEAST = 3
"""Runs on either side of a change: one or two that stand out are not called one."""

FEWEST = 2 * LEAST
"""Runs of a series that can show a change at all."""

WINDOW = 2
"""Neighbours on either side whose median says what a run should be like; LEAST runs alike outvote them, fewer do not."""

ENOUGH = 10
"""Runs below which the scatter is not known well enough to take anything in."""

CLIP = 3.0
"""Standard deviations from that median beyond which a run is taken in."""

DECAY = math.sqrt(0.5)
"""Each layer's intervals are so much shorter than those of the one before (Kovács et al. 2023)."""

TO_DEVIATION = 1.4826
"""A normal standard deviation in median absolute deviations."""

PLACE = 7.35
"""Likelihood ratio beyond which a place is not among those that hold the change in 95 of 100 cases: -2 ln(1 - sqrt(0.95))
(Hansen 2000)."""

TINY = 1e-24
"""Share of a variance that rounding leaves of equal values; less is none."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A change of level.

    Attributes:
        at: Index of the first run after it.
        earliest, latest: Least and greatest `at` that fit about as well, 95 in 100.
        chance: How often noise alone shows as clear a cut anywhere in a series of this length, at most; 0 to 1.
    """

    at: int
    earliest: int
    latest: int
    chance: float


def cuts(values: Sequence[float] | Floats, doubt: float, floor: float = 0.0) -> list[Cut]:
    """The changes of level in a series, oldest first; none where it has fewer than FEWEST values.

    Args:
        values: One per run, in order, shape (n,), finite; logarithms where changes are shares.
        doubt: What share of constant series may show any change, in (0, 1).
        floor: Standard deviation that runs have at least, from what their rounds differ by.
    """
    sums = _Sums.of(taken_in(np.asarray(values, dtype=np.float64)), floor)
    if sums.count < FEWEST:
        return []
    looked_at = sum(len(starts) * (length - FEWEST + 1) for length, starts in intervals(sums.count))
    found = _best_placed(sorted(_clearest(_candidates(sums, doubt / looked_at))), sums)
    while found:
        chances = [looked_at * sums.chance(*places) for places in _between(found, sums.count)]
        worst = max(range(len(found)), key=chances.__getitem__)
        if chances[worst] <= doubt:
            break
        found = _best_placed([*found[:worst], *found[worst + 1 :]], sums)
    else:
        return []
    return [
        Cut(at=at, earliest=earliest, latest=latest, chance=min(1.0, chance))
        for (start, at, end), chance in zip(_between(found, sums.count), chances, strict=True)
        for earliest, latest in [sums.about_as_good(start, at, end)]
    ]


def taken_in(values: Floats) -> Floats:
    """The values, with runs that stand out from their neighbours moved to CLIP standard deviations from their median.

    Up to WINDOW runs in a row are taken in and a step is left where it is: LEAST runs alike are a level of their own.
    """
    if len(values) < ENOUGH:
        return values
    inner = np.median(np.lib.stride_tricks.sliding_window_view(values, 2 * WINDOW + 1), axis=1)
    # the ends look at as many runs, all on one side
    middle = np.concatenate([np.full(WINDOW, inner[0]), inner, np.full(WINDOW, inner[-1])])
    reach = CLIP * _scatter(values)
    return np.clip(values, middle - reach, middle + reach)


def _scatter(values: Floats) -> float:
    """Standard deviation from run to run, from differences of neighbours, which few steps and bad runs do not sway."""
    differences = np.abs(np.diff(values))
    middle = float(np.median(differences))
    if middle > 0:
        return TO_DEVIATION * middle / math.sqrt(2)
    return float(differences.mean()) * math.sqrt(math.pi) / 2  # values of a coarse counter: most neighbours are equal


def intervals(count: int) -> Iterator[tuple[int, Places]]:
    """Length and starts of the seeded intervals of a series of `count` >= FEWEST runs, the longest first.

    The intervals of a layer are alike in length and overlap by half, so that all of a layer hold about 2 `count` runs.
    """
    before = 0
    for layer in range(1 + math.ceil(math.log(count / FEWEST) / -math.log(DECAY))):
        length = max(FEWEST, math.ceil(count * DECAY**layer))
        if length != before:
            pieces = 2 * math.ceil(DECAY**-layer) - 1
            yield length, np.unique(np.linspace(0, count - length, pieces).astype(np.int64))
        before = length


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """A series with the sums of what is before each place, so that the mean of any part takes no time.

    About the mean of all, so that little is lost to rounding. `floor` is the least variance.
    """

    values: Floats
    first: Floats
    second: Floats
    floor: float

    @classmethod
    def of(cls, values: Floats, floor: float) -> _Sums:
        about = values - values.mean() if len(values) else values
        first, second = (np.concatenate([np.zeros(1), np.cumsum(part)]) for part in (about, about * about))
        return cls(values=about, first=first, second=second, floor=max(floor**2, TINY * float(second[-1]), 1e-300))

    @property
    def count(self) -> int:
        return len(self.values)

    def left_over(self, start: int, end: int) -> tuple[Places, Floats]:
        """Every place between two, LEAST from either, with the sum of squares that is left when cut there."""
        places = np.arange(start + LEAST, end - LEAST + 1)
        before, after = self.first[places] - self.first[start], self.first[end] - self.first[places]
        whole = self.second[end] - self.second[start]
        least = self.floor * (end - start - 2)
        return places, np.maximum(whole - before**2 / (places - start) - after**2 / (end - places), least)

    def chance(self, start: int, at: int, end: int) -> float:
        """How often noise shows as much at one cut between two places; 1 where too few runs bear it."""
        from scipy.special import stdtr  # type: ignore[import-untyped]  # takes 0.3 s to import

        if not self.borne(start, at, end):
            return 1.0
        before, after, freedom = self.values[start:at], self.values[at:end], end - start - 2
        left = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
        error = math.sqrt(max(left / freedom, self.floor) * (1 / len(before) + 1 / len(after)))
        return 2 * float(stdtr(freedom, -abs(float(after.mean() - before.mean())) / error))

    def borne(self, start: int, at: int, end: int) -> bool:
        """Whether LEAST runs of either side, and half of them, lie on its side of the middle between both means."""
        before, after = self.values[start:at], self.values[at:end]
        if min(len(before), len(after)) < LEAST:
            return False
        low, high = float(before.mean()), float(after.mean())
        sign, middle = (1.0 if high > low else -1.0), (low + high) / 2
        here, there = int((sign * before < sign * middle).sum()), int((sign * after > sign * middle).sum())
        return here >= max(LEAST, len(before) / 2) and there >= max(LEAST, len(after) / 2)

    def about_as_good(self, start: int, at: int, end: int) -> tuple[int, int]:
        """Least and greatest place that the likelihood ratio does not rule out."""
        places, left = self.left_over(start, end)
        near = places[(end - start) * np.log(left / left.min()) <= PLACE]
        return min(at, int(near.min())), max(at, int(near.max()))


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """The best cut of an interval; `evidence` is its likelihood ratio, which compares across intervals."""

    start: int
    at: int
    end: int
    evidence: float


def _candidates(sums: _Sums, chance: float) -> list[_Candidate]:
    """The best cut of every interval in which one is clearer than `chance` allows."""
    found = []
    for length, starts in intervals(sums.count):
        left = np.arange(LEAST, length - LEAST + 1)
        total = sums.first[starts + length] - sums.first[starts]
        before = sums.first[starts[:, None] + left] - sums.first[starts][:, None]
        # what a cut explains of all that differs from the interval's mean
        explained = (before - total[:, None] * left / length) ** 2 * (length / (left * (length - left)))
        best = explained.argmax(axis=1)
        gain = explained[np.arange(len(starts)), best]
        squares = sums.second[starts + length] - sums.second[starts] - total**2 / length
        rest = np.maximum(squares - gain, sums.floor * (length - 2))
        evidence = length / 2 * np.log1p(gain / rest)
        bound = quantile(length - 2, 1 - chance)
        for row in np.flatnonzero(gain / rest * (length - 2) > bound**2):
            start, at = int(starts[row]), int(starts[row] + left[best[row]])
            if sums.borne(start, at, start + length):
                found.append(_Candidate(start=start, at=at, end=start + length, evidence=float(evidence[row])))
    return found


def _clearest(candidates: list[_Candidate]) -> Iterator[int]:
    """The clearest cut first; then the clearest of those whose interval holds none that was taken already."""
    left = sorted(candidates, key=lambda one: -one.evidence)
    while left:
        taken = left[0].at
        yield taken
        left = [one for one in left if not one.start < taken < one.end]


def _between(found: Sequence[int], count: int) -> Iterator[tuple[int, int, int]]:
    """Each cut between its neighbours."""
    edges = [0, *found, count]
    yield from zip(edges, itertools.islice(edges, 1, None), itertools.islice(edges, 2, None), strict=False)


def _best_placed(found: list[int], sums: _Sums) -> list[int]:
    """Each cut where it leaves least between its neighbours, until none moves; a few rounds are plenty."""
    for _ in range(5):
        before = list(found)
        for index in range(len(found)):
            start = found[index - 1] if index else 0
            places, left = sums.left_over(start, [*found, sums.count][index + 1])
            if len(places):
                found[index] = int(places[left.argmin()])
        if found == before:
            break
    return found
