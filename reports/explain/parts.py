"""One quantity before and after, and what its change adds to the logarithm of a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from energy_fixtures.metrics import Metric, own_error
from energy_fixtures.records import Result
from reports.noise import Between
from reports.statistics import quantile, ratio

Name = Literal["energy", "power", "time", "tokens", "prefill", "decode"]

UNSEEN = 5e-5
"""A change of a logarithm below this prints as 0.00 %; the rounding of floats must not pass for a finding."""

POSSIBLE = 1e30
"""Nothing in a window is larger than this, nor above zero and smaller than its inverse; the squares of such numbers are
finite, so that no figure of a broken file stops a report."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What stands behind an interval.

    Attributes:
        level: Its confidence, in (0, 1).
        own: One standard uncertainty of the ratio from the meter, as a share. The spread of trials may not show it, so it
            is a floor and not added.
        between: What two sessions differ by on their own; None where both sides are of one session.
    """

    level: float
    own: float = 0.0
    between: Between | None = None

    def reach(self, spread: float) -> float:
        """Half of the interval of a logarithm, from that of the trials' spread."""
        return math.hypot(max(spread, quantile(math.inf, self.level) * self.own), self.days)

    @property
    def days(self) -> float:
        """Half of the interval of what two sessions differ by, as a logarithm; 0 within one session."""
        if self.between is None:
            return 0.0
        return quantile(self.between.freedom, self.level) * math.sqrt(2) * self.between.deviation


@dataclass(frozen=True, kw_only=True)
class Part:
    """One quantity before and after, and what its change adds to the logarithm of the whole.

    Attributes:
        name: Which.
        before, after: Means over the trials that count, above 0, SI units, per iteration where that applies.
        adds: Contribution to ln(after / before) of the whole; above 0 where it makes the whole larger.
        reach: Half of the interval of `adds`; None where a side has too few trials for a spread.
    """

    name: Name
    before: float
    after: float
    adds: float
    reach: float | None

    @property
    def change(self) -> float:
        """ln(after / before) of the quantity itself."""
        return math.log(self.after / self.before)

    @property
    def told(self) -> bool:
        """Whether the interval leaves zero out, so that there is something to say."""
        return self.reach is not None and abs(self.adds) > max(self.reach, UNSEEN)

    def within(self, most: float) -> bool:
        """Whether the whole interval lies inside ± `most`: shown to add little, which is more than not told."""
        return self.reach is not None and abs(self.adds) + self.reach <= most


def noise_of(known: Metric, baseline: Result, candidate: Result, level: float, between: Between | None) -> Noise:
    """What stands behind the ratio of a metric that is joules over something counted."""
    own = math.hypot(own_error(known, baseline), own_error(known, candidate))
    return Noise(level=level, own=own, between=between)


def compared(name: Name, base: Sequence[float], new: Sequence[float], noise: Noise) -> Part | None:
    """The change between two samples of one value per trial; None where one is empty or a mean has no logarithm."""
    found = _log_ratio(base, new, noise)
    if found is None:
        return None
    adds, reach = found
    before = fmean(base)
    return Part(name=name, before=before, after=before * math.exp(adds), adds=adds, reach=reach)


def differ(base: Sequence[float], new: Sequence[float], level: float) -> bool:
    """Whether two samples differ by more than their noise; where means of zero have no ratio, by ranges that do not meet."""
    if min(len(base), len(new)) < 2:
        return False
    found = _log_ratio(base, new, Noise(level=level))
    if found is None:
        return max(base) < min(new) or max(new) < min(base)
    return found[1] is not None and abs(found[0]) > max(found[1], UNSEEN)


def possible(value: float) -> bool:
    """Whether a number can be of a window at all."""
    return value == 0 or 1 / POSSIBLE < abs(value) < POSSIBLE


def _log_ratio(base: Sequence[float], new: Sequence[float], noise: Noise) -> tuple[float, float | None] | None:
    """Logarithm of the ratio of means and half of its interval."""
    if not base or not new or not all(map(possible, (*base, *new))):
        return None
    found = ratio(base, new, noise.level)
    if found.value is None or found.value <= 0:
        return None
    adds = math.log(found.value)
    return adds, None if found.high is None else noise.reach(math.log(found.high) - adds)


def log_mean(before: float, after: float) -> float:
    """Logarithmic mean of two numbers above 0.

    >>> round(log_mean(1.0, 2.0), 4)  # (2 - 1) / (ln 2 - ln 1)
    1.4427
    """
    change = math.log(after / before)
    return before * math.expm1(change) / change if change else before
