"""What two sessions of the same work differ by on their own, learnt from the store.

A session has a day of its own: temperature, memory layout, clocks. Its rounds share it, so more rounds do not lessen it, and
a baseline from another session is never treated as if its rounds were independent of the day.

    runs in order of time ─► per case, ln(mean) of neighbouring sessions ─► their differences ─► Between
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from energy_fixtures.environment import incomparable
from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result, Run
from reports.statistics import quantile

ASSUMED = 0.01
"""Standard deviation of a session, as a share, before anything is known: quiet boards show half of it, shared ones more."""

WORTH = 10.0
"""How many differences between sessions the assumption counts for; those that were seen are averaged with it (the moderated
variance of Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004)."""


@dataclass(frozen=True, kw_only=True)
class Between:
    """What one session adds of its own.

    Attributes:
        deviation: Standard deviation of ln(mean) from session to session.
        freedom: Degrees of freedom behind it.
        sessions: How many differences between neighbouring sessions were seen; 0 where all of it is assumed.
    """

    deviation: float = ASSUMED
    freedom: float = WORTH
    sessions: int = 0

    def reach(self, level: float) -> float:
        """Half of the interval of the difference of two sessions, in ln, at half of `1 - level`.

        The other half is left for the rounds, so that the sum of both holds at `level` (union bound).
        """
        return quantile(self.freedom, 1 - (1 - level) / 2) * math.sqrt(2) * self.deviation

    @property
    def sentence(self) -> str:
        """For the report."""
        where = f"learnt from {self.sessions} pairs of runs" if self.sessions else "assumed; joules calibrate learns it"
        return f"sessions differ by {100 * self.deviation:.2g} % on their own ({where})"


def learn(runs: Sequence[Run]) -> Between:
    """From runs of one machine, oldest first; cases that were not comparable from one run to the next do not count.

    All cases of a session share its day, so each pair of neighbouring runs counts as one difference, their mean square.
    """
    squares = []
    for older, newer in itertools.pairwise(runs):
        differences = _differences(older, newer)
        if differences:
            squares.append(fmean(difference**2 for difference in differences) / 2)
    freedom = WORTH + len(squares)
    variance = (WORTH * ASSUMED**2 + math.fsum(squares)) / freedom
    return Between(deviation=math.sqrt(variance), freedom=freedom, sessions=len(squares))


def _differences(older: Run, newer: Run) -> list[float]:
    past = {result.fullname: result for result in older.results}
    found = []
    for result in newer.results:
        then = past.get(result.fullname)
        if then is None or not _alike(then, result, older.environments, newer.environments):
            continue
        before, after = (headline(one).values(one) for one in (then, result))
        if before and after and min(*before, *after) > 0:
            found.append(fmean(map(math.log, after)) - fmean(map(math.log, before)))
    return found


def _alike(then: Result, now: Result, before: dict[str, Environment], after: dict[str, Environment]) -> bool:
    same = then.scenario == now.scenario and then.method == now.method and then.scope == now.scope
    known = then.environment in before and now.environment in after
    return same and known and not incomparable(before[then.environment], after[now.environment])
