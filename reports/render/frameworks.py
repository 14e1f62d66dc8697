"""Closing sentences: for each kind of work, the case that takes the fewest joules, and how far off the dearest is."""

from __future__ import annotations

from collections.abc import Sequence

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Result, Scenario
from energy_fixtures.units import quantity
from reports.render.text import plain
from reports.statistics import ratio

PER_TOKEN = METRICS["joules_per_output_token"]


def cheapest(results: Sequence[Result], level: float) -> list[str]:
    """One sentence per batch size and lengths that at least two cases share; only joules of one scope are ranked.

    Args:
        results: All obtained by one method.
        level: Confidence of the interval that decides whether the lead is shown.
    """
    groups: dict[tuple[int, int, int, tuple[str, ...]], list[Result]] = {}
    for result in results:
        if result.scenario is not None and PER_TOKEN.values(result):
            groups.setdefault((*_work(result.scenario), result.scope), []).append(result)
    return [_sentence(batch, rivals, level) for (batch, *_), rivals in groups.items() if len(rivals) > 1]


def _work(scenario: Scenario) -> tuple[int, int, int]:
    return scenario.batch_size, scenario.input_tokens, scenario.output_tokens


def _mean(result: Result) -> float:
    values = PER_TOKEN.values(result)
    return sum(values) / len(values)


def _sentence(batch: int, rivals: Sequence[Result], level: float) -> str:
    ranked = sorted(rivals, key=_mean)
    best, second, dearest = ranked[0], ranked[1], ranked[-1]
    lead = ratio(PER_TOKEN.values(dearest), PER_TOKEN.values(best), level)
    if lead.value is None:
        return f"b{batch}: cannot be ranked"
    ahead = ratio(PER_TOKEN.values(second), PER_TOKEN.values(best), level)
    shown = "" if ahead.high is not None and ahead.high < 1 else f"; not shown against {plain(second.case)}"
    less = f"{100 * (1 - lead.value):.0f} % less than {plain(dearest.case)}"
    return f"b{batch}: {plain(best.case)} takes the least, {quantity(_mean(best), PER_TOKEN.unit)}, {less}{shown}"
