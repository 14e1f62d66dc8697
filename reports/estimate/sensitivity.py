"""Which assumption moves the answer: each alone at its low and its high end, all others as they were (a tornado).

The same random numbers are drawn at both ends, so that what is left is the assumption.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from energy_fixtures.units import significant
from reports.estimate.answer import Swing
from reports.estimate.costs import Predicted
from reports.estimate.distributions import STANDARD_ERRORS_TO_P95
from reports.estimate.scenario import MOST_TURNS, Pue, Scenario, Utilisation
from reports.estimate.throughput import Scatter
from reports.estimate.unknowns import by_power, with_pue
from reports.estimate.ways import Priced

DRAWS = 200_000
"""At most so many per end."""

POWER_CHANGE = 0.10
"""Between the two versions of the article a node went from 11.3 to 10.2 kW."""


@dataclass(frozen=True, kw_only=True)
class End:
    """One assumption at one of its ends: how it is told, and what changes.

    `speed` multiplies every throughput. `predictor_error` is that of every predictor, in standard deviations; None draws it.
    """

    told: str
    scenario: Scenario
    speed: float = 1.0
    predictor_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Assumption:
    name: str
    low: End
    high: End


Median = Callable[[End], float]
"""The blend's median at an end."""


def swings(scenario: Scenario, models: Sequence[Priced], scatter: Scatter | None, median: Median) -> tuple[Swing, ...]:
    """Every assumption that plays a part, the one that moves the answer most first.

    Args:
        scenario, models: What is estimated.
        scatter: Of the throughputs; None leaves them out.
        median: Asked at both ends of each assumption.
    """
    few = replace(scenario, draws=min(scenario.draws, DRAWS))
    found = [
        Swing(
            assumption=one.name,
            low=one.low.told,
            high=one.high.told,
            low_wh=median(one.low),
            high_wh=median(one.high),
        )
        for one in _ends(few, models, scatter)
    ]
    return by_width(found)


def by_width(found: Iterable[Swing]) -> tuple[Swing, ...]:
    """The one that moves the answer most first."""
    return tuple(sorted(found, key=lambda swing: -swing.width))


def _ends(scenario: Scenario, models: Sequence[Priced], scatter: Scatter | None) -> Iterator[_Assumption]:
    costs = [model.cost for model in models]
    powered = all(by_power(cost) for cost in costs)
    if powered and not scenario.utilisation.follows_throughput:
        used = scenario.utilisation
        yield _both("utilisation", lambda value: _utilised(scenario, value), used.p5, used.p95)
    if with_pue(scenario):
        yield _both("PUE", lambda value: _with_pue(scenario, value), scenario.pue.p5, scenario.pue.p95)
    yield from _of_task(scenario) if scenario.regime == "agentic" else _of_query(scenario)
    if powered:
        yield _both("power of the node", lambda factor: _power(scenario, factor), 1 - POWER_CHANGE, 1 + POWER_CHANGE)
    if any(isinstance(cost, Predicted) for cost in costs):
        yield _Assumption(
            name="predictor's interval",
            low=End(told="its P5", scenario=scenario, predictor_error=-STANDARD_ERRORS_TO_P95),
            high=End(told="its P95", scenario=scenario, predictor_error=STANDARD_ERRORS_TO_P95),
        )
    if scatter is not None:
        reach = math.exp(STANDARD_ERRORS_TO_P95 * scatter.deviation)
        yield _both("throughput", lambda speed: _with_speed(scenario, speed), reach, 1 / reach)


def _both(name: str, end: Callable[[float], End], low: float, high: float) -> _Assumption:
    return _Assumption(name=name, low=end(low), high=end(high))


def _utilised(scenario: Scenario, value: float) -> End:
    return End(told=f"{value:g}", scenario=replace(scenario, utilisation=Utilisation(p5=value, p95=value)))


def _with_pue(scenario: Scenario, value: float) -> End:
    return End(told=f"{value:g}", scenario=replace(scenario, pue=Pue(p5=value, p95=value)))


def _with_speed(scenario: Scenario, speed: float) -> End:
    return End(told=f"× {significant(speed)}", scenario=scenario, speed=speed)


def _power(scenario: Scenario, factor: float) -> End:
    node = scenario.node
    models = {name: power_kw * factor for name, power_kw in node.models.items()}
    changed = replace(node, power_kw=node.power_kw * factor, models=models)
    return End(told=f"{significant(changed.power_kw)} kW", scenario=replace(scenario, node=changed))


def _of_query(scenario: Scenario) -> Iterator[_Assumption]:
    tokens = scenario.tokens
    name = "traditional" if scenario.regime == "traditional" else "test_time"
    median = getattr(tokens, name)

    def answer(length: float) -> End:
        changed = replace(tokens, **{name: max(1.0, length)})
        return End(told=f"median {length:g} tokens", scenario=replace(scenario, tokens=changed))

    def prompt(length: float) -> End:
        whole = max(1, int(length))
        return End(told=f"{whole} tokens", scenario=replace(scenario, tokens=replace(tokens, input=whole)))

    yield _both("answer", answer, median / 2, median * 2)
    yield _both("prompt", prompt, tokens.input / 2, tokens.input * 2)


def _of_task(scenario: Scenario) -> Iterator[_Assumption]:
    plan = scenario.agentic

    def changed(told: str, **changes: float) -> End:
        return End(told=told, scenario=replace(scenario, agentic=replace(plan, **changes)))

    def turns(value: float) -> End:
        whole = min(MOST_TURNS, max(1, int(value)))
        return changed(f"{whole}", turns=whole)

    yield _both("turns", turns, plan.turns / 2, plan.turns * 2)
    yield _both(
        "answer of a turn",
        lambda value: changed(f"{value:g} tokens", output=max(1.0, value)),
        plan.output / 2,
        plan.output * 2,
    )
    yield _both(
        "growth of the context",
        lambda value: changed(f"{value:g} tokens", growth=value),
        plan.growth / 2,
        plan.growth * 2,
    )
    if scenario.method == "refined":
        yield _both("prefix cache", lambda value: changed(f"keeps {value:.0%}", cached_share=value), 1.0, 0.0)
