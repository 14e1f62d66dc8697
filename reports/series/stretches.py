"""A series in stretches: levels, and drifts where a straight line says it better than a staircase does.

    cuts ─► parts between them ─► which neighbouring parts are one slope rather than steps ─► Stretch, Stretch, ...
                                                                                           └► runs that stand out from theirs

A cut alone cannot tell a step from a slow drift: both make the runs before it differ from those after it. Every way to join
neighbouring parts into slopes is weighed by its squared errors and its number of parameters (Schwarz's criterion), and the
best one is taken; a slope has to be LIKELIER times as likely as the steps that it stands for.

Source:
    Schwarz: Estimating the dimension of a model, Annals of Statistics 6 (1978).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reports.series.change_points import ENOUGH, LEAST, PLACE, TINY, Cut, Floats, Places, cuts, taken_in
from reports.statistics import quantile

LIKELIER = 20.0
"""A drift is told instead of steps where it is so many times as likely."""

LEAST_OF_DRIFT = 10
"""Runs of a stretch in which a slope can be told at all."""

BAD_RUNS = 0.01
"""Share of series without a bad run in which one is told, at most."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What a stretch says of one of its ends: value, its variance, and degrees of freedom behind that."""

    value: float
    variance: float
    freedom: float


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Runs `start` up to, not including, `end`, on one level or one slope; `slope` is by run, 0.0 of a level."""

    start: int
    end: int
    slope: float
    first: End
    last: End

    def fit(self) -> Floats:
        """What it says of each of its runs, shape (end - start,)."""
        return np.linspace(self.first.value, self.last.value, self.end - self.start)

    def climb(self, level: float) -> tuple[float, float]:
        """Last less first value of a slope, and half of its interval at a level."""
        count = self.end - self.start
        spread, reach = count * (count**2 - 1) / 12, (count - 1) / 2
        square = self.last.variance / (1 / count + reach**2 / spread)  # of one run
        error = 2 * reach * math.sqrt(square / spread)
        return self.last.value - self.first.value, quantile(self.last.freedom, level) * error


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found in a series.

    Attributes:
        stretches: All runs, in order.
        steps: The cuts between stretches at which the level really jumps, not only a slope begins or ends.
        standing_out: Indices of runs that are far from their stretch.
        deviation: Standard deviation from run to run about the stretches, bad runs taken in; None below three runs.
    """

    stretches: tuple[Stretch, ...]
    steps: tuple[Cut, ...]
    standing_out: tuple[int, ...]
    deviation: float | None


def found_in(values: Floats, doubt: float, floor: float = 0.0) -> Found:
    """Cut, join, and look for runs that stand out.

    Args:
        values: One per run, in order, shape (n,), n >= 1, finite; logarithms where changes are shares.
        doubt: What share of constant series may show any step or drift, in (0, 1); each of both has half of it.
        floor: Standard deviation that runs have at least.
    """
    series = taken_in(values)
    places = cuts(values, doubt / 2, floor)
    joined = _joined(series, [0, *(cut.at for cut in places), len(series)], doubt / 2, floor)
    stretches, kept = _settled(series, joined, [cut for cut in places if cut.at in {one.end for one in joined}], floor)
    steps = [
        cut
        for cut, (before, after) in zip(kept, itertools.pairwise(stretches), strict=True)
        if not (before.slope or after.slope) or _jumps(before, after, doubt)
    ]
    fit = np.concatenate([stretch.fit() for stretch in stretches])
    freedom = len(series) - sum(2 if stretch.slope else 1 for stretch in stretches)
    deviation = math.sqrt(float(((series - fit) ** 2).sum()) / freedom) if freedom > 1 else None
    far = _far(values - fit, deviation, freedom)
    return Found(stretches=stretches, steps=tuple(steps), standing_out=far, deviation=deviation)


def _joined(series: Floats, edges: Sequence[int], doubt: float, floor: float) -> tuple[Stretch, ...]:
    """The cheapest way to make stretches of the parts between these edges; of k parts all k² / 2 slopes are looked at."""
    levels = [_level(series, start, end, floor) for start, end in itertools.pairwise(edges)]
    noise = _noise(series, levels, floor)
    each = math.log(len(series))  # what a parameter costs
    slopes_at_all = doubt / max(1, len(levels))
    best: list[tuple[float, tuple[Stretch, ...]]] = [(0.0, ())]
    for upto in range(1, len(edges)):
        ways = [(best[upto - 1][0] + _cost(series, levels[upto - 1], noise) + 2 * each, upto - 1, levels[upto - 1])]
        for since in range(upto):
            sloped = _slope(series, edges[since], edges[upto], floor)
            if sloped is None or (since == upto - 1 and not _rises(sloped, slopes_at_all)):
                continue
            joining = 2 * math.log(LIKELIER) if since < upto - 1 else 0.0
            ways.append((best[since][0] + _cost(series, sloped, noise) + 3 * each + joining, since, sloped))
        cost, since, stretch = min(ways, key=lambda way: way[0])
        best.append((cost, (*best[since][1], stretch)))
    return best[-1][1]


def _settled(
    series: Floats, stretches: tuple[Stretch, ...], places: list[Cut], floor: float
) -> tuple[tuple[Stretch, ...], list[Cut]]:
    """Cuts beside a slope moved to where both sides fit best: they were placed between levels, which a slope is not."""
    moments, moved, found = _Moments.of(series), list(stretches), list(places)
    for index, (before, after) in enumerate(itertools.pairwise(stretches)):
        if not (before.slope or after.slope):
            continue
        start, end = moved[index].start, after.end
        least = [LEAST_OF_DRIFT if one.slope else LEAST for one in (before, after)]
        at = np.arange(start + least[0], end - least[1] + 1)
        left = moments.left_over(np.full_like(at, start), at, sloped=bool(before.slope))
        left += moments.left_over(at, np.full_like(at, end), sloped=bool(after.slope))
        left = np.maximum(left, floor**2 * (end - start) + 1e-300)
        best, near = int(at[left.argmin()]), at[(end - start) * np.log(left / left.min()) <= PLACE]
        moved[index] = _told(series, start, best, before, floor)
        moved[index + 1] = _told(series, best, end, after, floor)
        found[index] = replace(found[index], at=best, earliest=int(near.min()), latest=int(near.max()))
    return tuple(moved), found


def _told(series: Floats, start: int, end: int, like: Stretch, floor: float) -> Stretch:
    """A stretch of the same kind from elsewhere to elsewhere."""
    sloped = _slope(series, start, end, floor) if like.slope else None
    return _level(series, start, end, floor) if sloped is None else sloped


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """Sums before each place, of which the squared errors of any level or slope follow at once."""

    place: Floats
    square: Floats
    value: Floats
    product: Floats
    energy: Floats

    @classmethod
    def of(cls, series: Floats) -> _Moments:
        about, place = series - series.mean(), np.arange(len(series)) - (len(series) - 1) / 2
        parts = (place, place**2, about, place * about, about**2)
        sums = [np.concatenate([np.zeros(1), np.cumsum(part)]) for part in parts]
        return cls(place=sums[0], square=sums[1], value=sums[2], product=sums[3], energy=sums[4])

    def left_over(self, start: Places, end: Places, *, sloped: bool) -> Floats:
        """Squared errors of one level, or one slope, from each start to each end."""
        count = (end - start).astype(np.float64)
        place, square, value, product, energy = (
            sums[end] - sums[start] for sums in (self.place, self.square, self.value, self.product, self.energy)
        )
        level: Floats = energy - value**2 / count
        if not sloped:
            return np.maximum(level, 0.0)
        spread = np.maximum(square - place**2 / count, 1.0)
        straight: Floats = level - (product - place * value / count) ** 2 / spread
        return np.maximum(straight, 0.0)


def _noise(series: Floats, levels: Sequence[Stretch], floor: float) -> float:
    """Variance of one run about the finest staircase."""
    left = math.fsum(_squares(series, level) for level in levels)
    spread = float(((series - series.mean()) ** 2).sum())
    return max(left / max(1, len(series) - len(levels)), floor**2, TINY * spread, 1e-300)


def _squares(series: Floats, stretch: Stretch) -> float:
    return float(((series[stretch.start : stretch.end] - stretch.fit()) ** 2).sum())


def _cost(series: Floats, stretch: Stretch, noise: float) -> float:
    return _squares(series, stretch) / noise


def _level(series: Floats, start: int, end: int, floor: float) -> Stretch:
    part = series[start:end]
    mean, freedom = float(part.mean()), max(1, end - start - 1)
    square = max(float(((part - mean) ** 2).sum()) / freedom, floor**2)
    told = End(value=mean, variance=square / (end - start), freedom=freedom)
    return Stretch(start=start, end=end, slope=0.0, first=told, last=told)


def _slope(series: Floats, start: int, end: int, floor: float) -> Stretch | None:
    """The straight line of least squares; None where there are too few runs for one, or it is level."""
    count = end - start
    if count < LEAST_OF_DRIFT:
        return None
    part = series[start:end]
    place = np.arange(count) - (count - 1) / 2
    spread = float((place**2).sum())
    mean, slope = float(part.mean()), float((place * part).sum()) / spread
    if slope == 0:
        return None
    square = max(float(((part - mean - slope * place) ** 2).sum()) / (count - 2), floor**2)
    reach = (count - 1) / 2
    ends = [
        End(value=mean + side * slope * reach, variance=square * (1 / count + reach**2 / spread), freedom=count - 2)
        for side in (-1, 1)
    ]
    return Stretch(start=start, end=end, slope=slope, first=ends[0], last=ends[1])


def _rises(stretch: Stretch, doubt: float) -> bool:
    """Whether its slope is more than noise."""
    by, reach = stretch.climb(1 - doubt)
    return abs(by) > reach


def difference(before: End, after: End, level: float) -> tuple[float, float]:
    """After less before, and half of its interval at a level (Welch)."""
    error = before.variance + after.variance
    if error <= 0:
        return after.value - before.value, 0.0
    freedom = 1 / (
        (before.variance / error) ** 2 / before.freedom + (after.variance / error) ** 2 / after.freedom
    )  # shares first: squares of tiny errors would vanish
    return after.value - before.value, quantile(freedom, level) * math.sqrt(error)


def _jumps(before: Stretch, after: Stretch, doubt: float) -> bool:
    """Whether there is more between two ends than a cut that was placed where it fits best shows anyway."""
    by, reach = difference(before.last, after.first, 1 - doubt / (after.end - before.start))
    return abs(by) > reach


def _far(residuals: Floats, deviation: float | None, freedom: int) -> tuple[int, ...]:
    """Runs that are farther from their stretch than noise of this scatter puts one of so many."""
    if len(residuals) < ENOUGH or not deviation:
        return ()
    reach = quantile(freedom, 1 - BAD_RUNS / len(residuals)) * deviation
    return tuple(int(index) for index in np.flatnonzero(np.abs(residuals) > reach))
