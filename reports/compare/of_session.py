"""The Report of a pytest session, so that its Markdown is the same page as that of `joules compare`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from energy_fixtures.records import Environment, Result
from reports.compare.rows import Asked, Report, missing_rows, place, rows_of
from reports.compare.summary import summary
from reports.compare.why import MOST
from reports.comparison import Baseline, Pair, State
from reports.explain.costs import own_joules
from reports.explain.prices import Prices
from reports.gate import Verdict
from reports.render.explanation import moved, told_of

NAME = "this session"


def session_report(
    results: Sequence[Result],
    environments: Mapping[str, Environment],
    asked: Asked,
    *,
    baseline: Baseline | None,
    pairs: Mapping[str, Pair],
    verdicts: Mapping[str, Verdict | None],
    missing: Iterable[Result],
    prices: Prices,
    notes: Sequence[str],
) -> Report:
    """Put a session together.

    Args:
        results, environments: What was measured, in run order, and where.
        asked: What every pair is asked, as in `joules compare`.
        baseline: What it was compared with, None for nothing.
        pairs: Every case with its past, by full name; empty without a baseline.
        verdicts: What the gate says of each case.
        missing: Cases of the baseline that were to run and have no result.
        prices: Of a kilowatt-hour.
        notes: What else is to be known, a sentence each.
    """
    rows = [
        row
        for result in results
        for row in rows_of(
            pairs.get(result.fullname) or Pair(state=State.NEW, candidate=result),
            asked,
            place(environments.get(result.environment)),
        )
    ]
    spent = own_joules(results).sentence
    if baseline is None:
        found = summary(rows, NAME, None, asked, by=None)
        return msgspec.structs.replace(found, notes=(*found.notes, *notes, spent))
    gone = [
        row for past in missing for row in missing_rows(past, asked, place(baseline.environments.get(past.environment)))
    ]
    found = summary([*rows, *gone], baseline.name, NAME, asked, by=None, between=asked.between)
    judged = [(pair, verdicts.get(name)) for name, pair in pairs.items()]
    why = moved(judged, baseline.environments, environments, level=asked.level, between=asked.between, most=MOST)
    return msgspec.structs.replace(
        found,
        explanations=told_of(why, prices.costs),
        unexplained=why.more,
        notes=(*found.notes, *notes, spent),
    )
