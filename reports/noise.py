"""What two sessions of the same work differ by on their own, learnt from the store.

A session has a day of its own: temperature, memory layout, clocks. Its rounds share it, so more rounds do not lessen it, and
a baseline from another session is never treated as if its rounds were independent of the day.

    runs in order of time ─► pairs of the same code ─────► mean square of their differences, case by case ─┐
                         └─► pairs across commits ─► medians over cases and pairs, while there is no better ─┴─► Between

A change of the code looks like another day. Runs of one clean commit, or of one `joules calibrate`, are the same code. What
lies between two commits is taken only by medians, which hold as long as most commits leave most cases as they were.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result, Run
from reports.statistics import quantile

ASSUMED = 0.01
"""Standard deviation of a session, as a share, before anything is known: quiet boards show half of it, shared ones more."""

WORTH = 10.0
"""How many differences between sessions the assumption counts for; those that were seen are averaged with it (the moderated
variance of Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004)."""

ENOUGH = 5
"""So many pairs of the same code, and nothing is learnt across commits; of fewer pairs across commits a median is no guard."""

ACROSS_WORTH = 0.37
"""What a squared deviation by a median is worth of one by a mean: its efficiency for normal noise (Rousseeuw and Croux, Journal
of the American Statistical Association 88, 1993, of the median absolute deviation)."""

MEDIAN_SQUARE = 0.4549
"""Median of a squared standard normal value, by which a median of squares is divided to give a variance."""


@dataclass(frozen=True, kw_only=True)
class Between:
    """What one session adds of its own.

    Attributes:
        deviation: Standard deviation of ln(mean) from session to session.
        freedom: Degrees of freedom behind it.
        sessions: How many differences between two sessions of the same code were seen.
        across: How many between two commits were taken by medians.
    """

    deviation: float = ASSUMED
    freedom: float = WORTH
    sessions: int = 0
    across: int = 0

    def reach(self, level: float) -> float:
        """Half of the interval of the difference of two sessions, in ln, at half of `1 - level`.

        The other half is left for the rounds, so that the sum of both holds at `level` (union bound).
        """
        return quantile(self.freedom, 1 - (1 - level) / 2) * math.sqrt(2) * self.deviation

    @property
    def sentence(self) -> str:
        """For the report."""
        sources = [f"{self.sessions} pair{'' if self.sessions == 1 else 's'} of runs of the same code"]
        sources = sources if self.sessions else []
        sources += [f"{self.across} pairs across commits by their median"] if self.across else []
        where = f"learnt from {' and '.join(sources)}" if sources else "assumed; joules calibrate learns it"
        return f"sessions differ by {100 * self.deviation:.2g} % on their own ({where})"


def learn(runs: Sequence[Run], codes: Sequence[str | None] | None = None) -> Between:
    """From runs of one machine, oldest first; cases that were not comparable from one run to the next do not count.

    All cases of a session may share its day, so each pair of runs counts as one difference, their mean square.

    Args:
        runs: Oldest first.
        codes: What each run measured: equal for the same code, None where that is not known, as for an edited checkout.
            All the same when left out. See `reports.history`.

    Raises:
        ValueError: There is not a code for each run.
    """
    known = ["same"] * len(runs) if codes is None else list(codes)
    same = [fmean(squares) / 2 for squares in _of(_same_code(runs, known))]
    across: list[float] = []
    if len(same) < ENOUGH:
        across = [median(squares) / 2 for squares in _of(_other_code(runs, known))]
        across = across if len(across) >= ENOUGH else []
    robust = ACROSS_WORTH * len(across) * median(across) / MEDIAN_SQUARE if across else 0.0
    freedom = WORTH + len(same) + ACROSS_WORTH * len(across)
    variance = (WORTH * ASSUMED**2 + math.fsum(same) + robust) / freedom
    return Between(deviation=math.sqrt(variance), freedom=freedom, sessions=len(same), across=len(across))


def _same_code(runs: Sequence[Run], codes: Sequence[str | None]) -> Iterator[tuple[Run, Run]]:
    """Each run with the one before it that measured the same code, whatever lies between the two."""
    newest: dict[str, Run] = {}
    for run, code in zip(runs, codes, strict=True):
        if code is not None:
            if code in newest:
                yield newest[code], run
            newest[code] = run


def _other_code(runs: Sequence[Run], codes: Sequence[str | None]) -> Iterator[tuple[Run, Run]]:
    """Neighbouring runs that are not known to have measured the same code."""
    for (older, before), (newer, after) in itertools.pairwise(zip(runs, codes, strict=True)):
        if before is None or before != after:
            yield older, newer


def _of(pairs: Iterator[tuple[Run, Run]]) -> Iterator[list[float]]:
    """Squared differences of the cases of each pair that has any."""
    for older, newer in pairs:
        found = _differences(older, newer)
        if found:
            yield [difference**2 for difference in found]


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
    """Whether nothing that is recorded differs but the day: another driver or package is a change, too."""
    if then.scenario != now.scenario or then.method != now.method or then.scope != now.scope:
        return False
    old, new = before.get(then.environment), after.get(now.environment)
    if old is None or new is None:
        return False
    return old == new or not (incomparable(old, new) or differences(old, new))
