"""Why cases moved, as lines of a terminal, bullets of Markdown, or plain data: the most important first."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result
from reports.comparison import Pair
from reports.explain.explanation import Costs, Explanation, explain
from reports.explain.parts import Part
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


def most_important(found: Iterable[Explained], most: int | None = MOST) -> Moved:
    """The same of cases that were explained elsewhere, in any order."""
    ordered = sorted(found, key=lambda one: (MOVED.index(one.verdict), -abs(one.explanation.split.whole.adds)))
    shown = ordered if most is None else ordered[:most]
    return Moved(cases=tuple(shown), more=len(ordered) - len(shown))


def terminal_lines(found: Moved, costs_of: CostsOf = Explanation.costs) -> list[str]:
    """Two lines per case, then what the costs rest on; empty when nothing moved."""
    lines = []
    for one in found.cases:
        lines.append(plain(f"  {one.verdict.value} {one.case}: {one.explanation.sentence}"))
        lines.append(plain(f"    {costs_of(one.explanation).sentence}"))
    more = [f"  and {found.more} more"] if found.more else []
    return [*lines, *more, *(f"  {plain(basis)}" for basis in _bases(found, costs_of))]


def markdown_lines(found: Moved, costs_of: CostsOf = Explanation.costs) -> list[str]:
    """A bullet per case, then what the costs rest on; empty when nothing moved."""
    lines = [
        f"- **{one.verdict.value}** {code_span(one.case)}: {plain(one.explanation.sentence)}. "
        f"Costs: {plain(costs_of(one.explanation).sentence)}."
        for one in found.cases
    ]
    more = [f"- and {found.more} more"] if found.more else []
    bases = _bases(found, costs_of)
    return [*lines, *more, *(["", *(plain(basis) for basis in bases)] if bases else [])]


def json_dicts(found: Moved, costs_of: CostsOf = Explanation.costs) -> list[dict[str, Any]]:
    """One mapping per case, of strings, numbers, lists and None; names are as they were recorded."""
    return [
        {"fullname": one.fullname, "case": one.case, "verdict": one.verdict.value, **_plain_data(one, costs_of)}
        for one in found.cases
    ]


def code_span(name: str) -> str:
    """A name as code in Markdown, where nothing in it means anything.

    >>> code_span("b8"), code_span("a`b")
    ('`b8`', '`` a`b ``')
    """
    text = plain(name)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


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


def _bases(found: Moved, costs_of: CostsOf) -> list[str]:
    return list(dict.fromkeys(costs_of(one.explanation).basis for one in found.cases))


def _plain_data(one: Explained, costs_of: CostsOf) -> dict[str, Any]:
    explanation, costs = one.explanation, costs_of(one.explanation)
    split = explanation.split
    parts = [part for part in (split.power, split.time, split.tokens) if part is not None]
    return {
        "sentence": explanation.sentence,
        "method": explanation.method,
        "metric": split.metric,
        "unit": explanation.unit,
        "ratio": explanation.change,
        "whole": _part(split.whole, explanation.share(split.whole)),
        "parts": [_part(part, explanation.share(part)) for part in parts],
        "time_by_phase": [_part(part, explanation.share(part)) for part in split.phases],
        "energy_by_phase": [_part(part, None) for part in split.energies],
        "windows": list(split.windows),
        "same_work": not explanation.work,
        "work": list(explanation.work),
        "conditions": [
            {"kind": one.kind, "before": one.before, "after": one.after, "notable": one.notable}
            for one in explanation.conditions
        ],
        "environment": list(explanation.around),
        "costs": {
            "count": costs.count,
            "of": costs.of,
            "energy_j": costs.energy_j,
            "energy_low_j": _finite(costs.low_j),
            "energy_high_j": _finite(costs.high_j),
            "gco2e": costs.gco2e,
            "grid_gco2e_per_kwh": costs.grid_gco2e_per_kwh,
            "money": costs.money,
            "price_per_kwh": costs.price_per_kwh,
            "currency": costs.currency,
        },
    }


def _part(part: Part, share: float | None) -> dict[str, Any]:
    """`adds` and its ends are logarithms; `share` is of the whole change, None where it does not apply."""
    low, high = (None, None) if part.reach is None else (part.adds - part.reach, part.adds + part.reach)
    return {
        "name": part.name,
        "before": part.before,
        "after": part.after,
        "adds": part.adds,
        "low": _finite(low),
        "high": _finite(high),
        "share": share,
        "told": part.told,
    }


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None
