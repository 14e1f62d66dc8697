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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result, Run
from reports.statistics import quantile
from reports.within import FEWEST_CASES, common

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
        cases: By full name, deviation and freedom of cases that differ in this beyond chance; empty where they do not.
        other: The same of a case that is not among them.
    """

    deviation: float = ASSUMED
    freedom: float = WORTH
    sessions: int = 0
    across: int = 0
    cases: Mapping[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    other: tuple[float, float] | None = None

    def of(self, fullname: str) -> Between:
        """What one session adds to this case: its own share where cases differ in it, else that of all."""
        deviation, freedom = self.cases.get(fullname) or self.other or (self.deviation, self.freedom)
        return replace(self, deviation=deviation, freedom=freedom, cases={}, other=None)

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
        each = "; cases differ in this, each has its own" if self.cases else ""
        return f"sessions differ by {100 * self.deviation:.2g} % on their own ({where}{each})"


def learn(runs: Sequence[Run], codes: Sequence[str | None] | None = None) -> Between:
    """From runs of one machine, oldest first; cases that were not comparable from one run to the next do not count.

    All cases of a session may share its day, so each pair of runs counts as one difference, their mean square. Where some
    cases differ from session to session more than others beyond chance, each has its own share (`_apart`).

    Args:
        runs: Oldest first.
        codes: What each run measured: equal for the same code, None where that is not known, as for an edited checkout.
            All the same when left out. See `reports.past`.

    Raises:
        ValueError: There is not a code for each run.
    """
    known = ["same"] * len(runs) if codes is None else list(codes)
    same = list(_of(_same_code(runs, known)))
    across = list(_of(_other_code(runs, known))) if len(same) < ENOUGH else []
    return from_squares(same, across if len(across) >= ENOUGH else [])


def from_squares(same: Sequence[Mapping[str, float]], across: Sequence[Mapping[str, float]] = ()) -> Between:
    """From squared differences of ln(mean) by case, one mapping per pair of sessions, none of them empty.

    Args:
        same: Pairs that measured the same code.
        across: Pairs of different code, taken by medians.
    """
    means = [fmean(squares.values()) / 2 for squares in same]
    middles = [median(squares.values()) / 2 for squares in across]
    robust = ACROSS_WORTH * len(across) * median(middles) / MEDIAN_SQUARE if across else 0.0
    freedom = WORTH + len(same) + ACROSS_WORTH * len(across)
    variance = (WORTH * ASSUMED**2 + math.fsum(means) + robust) / freedom
    found = Between(deviation=math.sqrt(variance), freedom=freedom, sessions=len(same), across=len(across))
    return _apart(found, same)


def _apart(all_alike: Between, pairs: Sequence[Mapping[str, float]]) -> Between:
    """The same with a share for each case, where cases differ from session to session by unlike amounts.

    What they have in common counts in each for as much as they are alike (Smyth 2004, as `reports.within`), and so does the
    assumption; a day that all share makes them look alike. Nothing is told apart below FEWEST_CASES cases of two pairs each.
    """
    sums: dict[str, tuple[float, int]] = {}
    for squares in pairs:
        for name, square in squares.items():
            total, count = sums.get(name, (0.0, 0))
            sums[name] = total + square / 2, count + 1
    seen = [(total / count, float(count)) for total, count in sums.values() if count >= 2 and total > 0]
    if len(seen) < FEWEST_CASES:
        return all_alike
    square, worth = common(seen, most=all_alike.freedom)
    if worth >= all_alike.freedom:
        return all_alike
    assumed = min(WORTH, worth)
    below = assumed * ASSUMED**2 + worth * square
    shares = {
        name: (math.sqrt((below + total) / (assumed + worth + count)), assumed + worth + count)
        for name, (total, count) in sums.items()
    }
    return replace(all_alike, cases=shares, other=(math.sqrt(below / (assumed + worth)), assumed + worth))


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


def _of(pairs: Iterator[tuple[Run, Run]]) -> Iterator[dict[str, float]]:
    """Squared differences by case, of each pair that has any."""
    for older, newer in pairs:
        found = _differences(older, newer)
        if found:
            yield {name: difference**2 for name, difference in found.items()}


def _differences(older: Run, newer: Run) -> dict[str, float]:
    past = {result.fullname: result for result in older.results}
    found = {}
    for result in newer.results:
        then = past.get(result.fullname)
        if then is None or not _alike(then, result, older.environments, newer.environments):
            continue
        before, after = (headline(one).values(one) for one in (then, result))
        if before and after and min(*before, *after) > 0:
            found[result.fullname] = fmean(map(math.log, after)) - fmean(map(math.log, before))
    return found


def _alike(then: Result, now: Result, before: dict[str, Environment], after: dict[str, Environment]) -> bool:
    """Whether nothing that is recorded differs but the day: another driver or package is a change, too."""
    if then.scenario != now.scenario or then.method != now.method or then.scope != now.scope:
        return False
    old, new = before.get(then.environment), after.get(now.environment)
    if old is None or new is None:
        return False
    return old == new or not (incomparable(old, new) or differences(old, new))
