"""Why cases moved, as data and as lines of a terminal: the most important first. Bullets are in `reports.render.markdown`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result
from reports.comparison import Pair
from reports.explain.explanation import Costs, Explanation, explain
from reports.explain.told import Told, told
from reports.gate import Verdict
from reports.noise import Between
from reports.render.text import plain

MOST = 5
"""Cases that are explained at full length; more would hide the report above them."""

MOVED = (Verdict.REGRESSED, Verdict.IMPROVED)

CostsOf = Callable[[Explanation], Costs]
"""What a change costs, at the prices that the user named."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A case that moved, and why; `verdict` is one of `MOVED`."""

    fullname: str
    case: str
    verdict: Verdict
    explanation: Explanation


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Cases that moved, the most important first, and how many more there are."""

    cases: tuple[Explained, ...]
    more: int


def moved(
    judged: Iterable[tuple[Pair, Verdict | None]],
    before: Mapping[str, Environment],
    after: Mapping[str, Environment],
    *,
    level: float,
    between: Between | None = None,
    most: int | None = MOST,
) -> Moved:
    """Explain the cases that regressed, then those that improved, each by size of the change.

    Args:
        judged: Every pair with its verdict; only those that moved are looked at.
        before, after: Environments of the baseline and of now, by key.
        level, between: As `explain` takes them.
        most: How many to explain; None for all. Nothing is computed for the others.
    """
    pairs = [
        (verdict, pair.baseline, pair.candidate)
        for pair, verdict in judged
        if verdict in MOVED and pair.baseline is not None
    ]
    found: list[Explained] = []
    for done, (verdict, baseline, candidate) in enumerate(sorted(pairs, key=_rank)):
        if most is not None and len(found) == most:
            return Moved(cases=tuple(found), more=len(pairs) - done)
        where = before.get(baseline.environment), after.get(candidate.environment)
        explanation = explain(baseline, candidate, *where, level=level, between=between)
        if explanation is not None:
            found.append(
                Explained(fullname=candidate.fullname, case=candidate.case, verdict=verdict, explanation=explanation)
            )
    return Moved(cases=tuple(found), more=0)


def told_of(found: Moved, costs_of: CostsOf = Explanation.costs) -> tuple[Told, ...]:
    """The same as data; names are as they were recorded."""
    return tuple(
        told(
            one.explanation,
            costs_of(one.explanation),
            fullname=one.fullname,
            case=one.case,
            verdict=one.verdict.value,
        )
        for one in found.cases
    )


def terminal_lines(cases: Sequence[Told], more: int = 0) -> list[str]:
    """Two lines per case, `more` that are not shown, then what the costs rest on; empty when nothing moved."""
    lines = []
    for one in cases:
        lines.append(plain(f"  {one.verdict} {one.case}: {one.sentence}"))
        lines.append(plain(f"    {one.costs.sentence}"))
    rest = [f"  and {more} more" if cases else f"  {more} are not explained"] if more else []
    return [*lines, *rest, *(f"  {plain(basis)}" for basis in bases(cases))]


def _rank(one: tuple[Verdict, Result, Result]) -> tuple[int, float]:
    verdict, baseline, candidate = one
    return MOVED.index(verdict), -_size(baseline, candidate)


def _size(baseline: Result, candidate: Result) -> float:
    """How far the metric that both are judged by moved, as a logarithm; 0 where that is not known."""
    known = headline(candidate)
    old, new = known.values(baseline), known.values(candidate)
    if not old or not new or fmean(old) <= 0 or fmean(new) <= 0:
        return 0.0
    return abs(math.log(fmean(new) / fmean(old)))


def bases(cases: Sequence[Told]) -> list[str]:
    """What the costs rest on, once."""
    return list(dict.fromkeys(one.costs.basis for one in cases))
