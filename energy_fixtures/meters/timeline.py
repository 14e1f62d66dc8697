"""Sampled power between two moments: its energy, how far off that may be, and fewer points to keep; pure.

    told:       x      x    x       x     x         x       one sample at a time, the value of a little earlier
    window:         |----------------------------|          samples outside help to find the power at its edges
    trapezoid:      /‾‾‾‾‾\\____/‾‾‾‾‾‾‾‾\\_______

Why straight lines and not each sample held until the next: a sensor says what was drawn before it was asked, so neither
end of a gap speaks for the whole of it. Lines weigh both alike: a rise is not counted late nor a fall early, an even
climb is exact, and the error of a jump has no sign that adds up over many jumps.
"""

from __future__ import annotations

import itertools
import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from energy_fixtures.meters.base import PowerSample

Point = tuple[float, float, float | None]
"""(seconds after the window's start, W, degrees Celsius or None), as `BoardTrace.timeline` holds them."""

RENEWAL_S = 0.1
"""Boards renew the power they tell every 20 to 100 ms, so that two samples closer together may be one look
(arXiv 2312.02741: A100, H100 and older)."""

LAG_S = 0.0125
"""How old a value is at least: it is the mean of the 25 ms before (A100, H100; the same source)."""

MOST_LAG_S = 0.125
"""How old it may be: renewed 100 ms ago, from the 25 ms before. The same source saw an H100 answer to a change 20 to 100 ms
late."""

UNUSUAL = 2.0  # a gap so many times the median one is not the sampling's own rhythm
JUMP = 0.1  # changes by more of the mean power are the work's; smaller ones are mostly noise, which keeps no rhythm


@dataclass(frozen=True, kw_only=True)
class Integral:
    """Energy of one window from sampled power.

    Attributes:
        energy_j: Joules between the two ends.
        sample_gaps_j: One standard uncertainty of it from what nobody saw: power between samples, and how old the
            samples are. The sensor's gain is not in it.
        longest_gap_s: Longest time inside the window without a sample.
        count: How many samples lie inside.
    """

    energy_j: float
    sample_gaps_j: float
    longest_gap_s: float
    count: int


def integrate(
    samples: Sequence[PowerSample],
    begin_s: float,
    end_s: float,
    *,
    lag_s: float = LAG_S,
    most_lag_s: float = MOST_LAG_S,
    renewal_s: float = RENEWAL_S,
) -> Integral | None:
    """Joules between two moments, by the trapezoid rule, with the power at both ends read off the lines.

    Samples from a little before `begin_s` until `most_lag_s` after `end_s` make both edges sharper; beyond the first
    and the last sample power is taken as level.

    Args:
        samples: Of one board, times increasing.
        begin_s: On the samples' clock.
        end_s: On the samples' clock.
        lag_s: How old a value is taken to be when it is told.
        most_lag_s: How old it may be.
        renewal_s: How often the board renews what it tells.

    Returns:
        None below two samples inside the window: that is not a measurement.
    """
    count = bisect_right(samples, end_s, key=_when) - bisect_left(samples, begin_s, key=_when)
    if count < 2 or end_s <= begin_s:
        return None
    near = cut(samples, begin_s, end_s + most_lag_s)
    energy_j = _area_j(near, begin_s, end_s, lag_s)
    # From no lag to the most is one as likely as the other; the ends of that are sqrt(3) standard deviations away.
    shifts_j = [abs(_area_j(near, begin_s, end_s, other_s) - energy_j) for other_s in (0.0, most_lag_s)]
    lag_j = max(shifts_j) / math.sqrt(3)
    return Integral(
        energy_j=energy_j,
        sample_gaps_j=math.hypot(lag_j, _unseen_j(near, begin_s, end_s, lag_s, renewal_s)),
        longest_gap_s=_longest_gap_s(samples, begin_s, end_s),
        count=count,
    )


def cut(samples: Sequence[PowerSample], begin_s: float, end_s: float) -> Sequence[PowerSample]:
    """The samples between two moments and the nearest one on either side, where there is one."""
    first = bisect_left(samples, begin_s, key=_when)
    last = bisect_right(samples, end_s, key=_when)
    return samples[max(0, first - 1) : last + 1]


def thin(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """At most `most` points that keep the picture: means of neighbours, and the lowest and the highest as they were.

    Args:
        points: Times increasing.
        most: At least 3.
    """
    if len(points) <= most:
        return tuple(points)
    extremes = {min(points, key=_watts), max(points, key=_watts)}
    rest = [point for point in points if point not in extremes]
    groups = most - len(extremes)
    ends = [round(len(rest) * index / groups) for index in range(groups + 1)]
    means = (_mean(rest[since:until]) for since, until in itertools.pairwise(ends) if until > since)
    return tuple(sorted([*means, *extremes], key=lambda point: point[0]))


def _mean(points: Sequence[Point]) -> Point:
    """Mean power at the middle one's time, and the hottest temperature: what matters of heat is its peak."""
    known = [celsius for _, _, celsius in points if celsius is not None]
    return (
        points[len(points) // 2][0],
        statistics.fmean(power_w for _, power_w, _ in points),
        max(known, default=None),
    )


def _when(sample: PowerSample) -> float:
    return sample.at_s


def _watts(point: Point) -> float:
    return point[1]


def _area_j(samples: Sequence[PowerSample], begin_s: float, end_s: float, lag_s: float) -> float:
    """Area below the lines between the samples, each moved back by `lag_s`; level outside."""
    points = [(at_s - lag_s, power_w) for at_s, power_w in samples]
    points = [(-math.inf, points[0][1]), *points, (math.inf, points[-1][1])]
    parts_j = []
    for (from_s, from_w), (to_s, to_w) in itertools.pairwise(points):
        since_s, until_s = max(from_s, begin_s), min(to_s, end_s)
        if until_s > since_s:
            slope = (to_w - from_w) / (to_s - from_s)  # 0 towards infinity
            middle_w = from_w + slope * ((since_s + until_s) / 2 - from_s) if slope else from_w
            parts_j.append(middle_w * (until_s - since_s))
    return math.fsum(parts_j)


def _unseen_j(samples: Sequence[PowerSample], begin_s: float, end_s: float, lag_s: float, renewal_s: float) -> float:
    """One standard uncertainty from what may have happened between the samples.

    Three things are added as variances, for gaps h with the power D higher at their end than at their start:
        a jump by D somewhere in the gap                   (D h)² / 12: its place is uniform
        a peak or a dip at one sample of two jumps D, D'   5/6 h² |D D'| more, which makes (h D)² in all: how many of
                                                           many short peaks are met is counted, as Poisson does
        a gap of unusual length, also before the first and after the last sample: all that the window has shown may
                                                           have happened in it, (h range)² / 12

    A periodic load meets an even rhythm of looks at always the same places, and the errors of its jumps add up. They
    are taken as correlated by r^n over n gaps, where r = exp(-2 pi² v²) is what a random walk with the gaps' own
    relative scatter v leaves of such a phase: near 0 for gaps that scatter by a third, 1 for a clockwork, which a board
    is that renews its power less often than it is asked.
    """
    gaps = [
        (later.at_s - earlier.at_s, later.power_w - earlier.power_w) for earlier, later in itertools.pairwise(samples)
    ]
    powers_w = [sample.power_w for sample in samples]
    mean_w, range_w = statistics.fmean(powers_w), max(powers_w) - min(powers_w)
    usual_s = statistics.median(gap_s for gap_s, _ in gaps)
    stays = _rhythm([gap_s for gap_s, _ in gaps if gap_s <= UNUSUAL * usual_s], renewal_s)
    beyond = (samples[0].at_s - lag_s - begin_s, end_s - (samples[-1].at_s - lag_s))
    variance = math.fsum((range_w * gap_s) ** 2 / 12 for gap_s in beyond if gap_s > 0)
    carried_j = before_w = 0.0
    for gap_s, jump_w in gaps:
        seen_s = max(gap_s, renewal_s)
        own = seen_s**2 * (jump_w**2 / 12 + max(0.0, -jump_w * before_w) * 5 / 6)
        if gap_s > max(UNUSUAL * usual_s, renewal_s):
            own += (range_w * gap_s) ** 2 / 12
        periodic_j = math.sqrt(own) if abs(jump_w) > JUMP * mean_w else 0.0
        variance += own + 2 * periodic_j * carried_j
        carried_j = stays * (carried_j + periodic_j)
        before_w = jump_w
    return math.sqrt(variance)


def _rhythm(gaps_s: Sequence[float], renewal_s: float) -> float:
    """How much of the place of a periodic load's jumps inside the gaps is the same one gap later, 0 to 1."""
    usual_s = statistics.fmean(gaps_s)
    if usual_s < 2 * renewal_s:
        return 1.0
    return math.exp(-2 * (math.pi * statistics.pstdev(gaps_s) / usual_s) ** 2)


def _longest_gap_s(samples: Sequence[PowerSample], begin_s: float, end_s: float) -> float:
    """Longest time without a sample that reaches into the window."""
    times = [sample.at_s for sample in cut(samples, begin_s, end_s)]
    return max(
        later - earlier
        for earlier, later in itertools.pairwise([min(begin_s, times[0]), *times, max(end_s, times[-1])])
    )
