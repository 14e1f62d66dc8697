"""Fleets: so many queries a day, some of them long, with and without better serving, now and after years of growth.

released   mean of the dearest models' draws × queries × 1.3256; the interval is a bootstrap of those draws, so it says how
           well the mean of so many draws is known, and nothing about power, PUE or throughput
refined    the fleet stands at one site: utilisation, PUE and the fits are drawn once for all its queries, so that what is
           not known of them stays in the interval; the median is told, since a predictive t has no mean
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import FleetCase, FleetEstimate, FleetYear
from reports.estimate.blend import TOP
from reports.estimate.costs import Cost
from reports.estimate.distributions import Floats, Purpose, streams
from reports.estimate.footprint import on_site
from reports.estimate.levers import divisors
from reports.estimate.montecarlo import Work
from reports.estimate.scenario import Regime, Scenario
from reports.estimate.unknowns import told_unknown

RESAMPLES, _PER_BLOCK = 1_000, 100
RESAMPLED_DRAWS = 30_000  # as many as the release's three models had
REPLICATES = 20_000

WH_PER_GWH = 1e9
SITE_LINE = ("a site of 30 MW at 80 % for a day", 30e6 * 0.8 * 24 / WH_PER_GWH)  # 0.576 GWh, the article's line
WEB_SEARCH_WH = 0.3
"""A web search: 0.3 GWh for a billion of them, the article's line."""

SERVING: dict[Regime, str] = {
    "traditional": "serving_fleet",
    "test-time": "serving_fleet_long",
    "agentic": "serving_fleet_long",
}


@dataclass(frozen=True, kw_only=True)
class Day:
    """Mean Wh of a query of one kind: the best figure, and draws of what it may be instead, shape (n,)."""

    mean_wh: float
    drawn_wh: Floats


def check_boundary(scenario: Scenario) -> None:
    """A fleet is told in the published boundary alone.

    Raises:
        ConfigurationError: Another boundary; its factors would count idle machines twice, or not at all.
    """
    if scenario.boundary != "facility":
        raise ConfigurationError(
            f"a fleet needs --boundary facility, not {scenario.boundary}: its factor of {scenario.fleet.factor:.4g} holds idle machines already"
        )


def released_day(scenario: Scenario, draws: Sequence[Floats], regime: Regime, *, improved: bool = False) -> Day:
    """From the untrimmed draws of the dearest models, each of shape (n,)."""
    pool = np.concatenate(draws)
    if improved:
        pool = pool / divisors(scenario, SERVING[regime], len(pool), regime)
    return Day(mean_wh=float(pool.mean()), drawn_wh=bootstrapped(scenario, pool, f"{regime} {improved}"))


def bootstrapped(scenario: Scenario, pool: Floats, whose: str) -> Floats:
    """Means of RESAMPLES resamples, each of as many draws as the release had, or as there are."""
    size = min(len(pool), RESAMPLED_DRAWS)

    def some(block: int) -> Floats:
        rng = streams(scenario.seed, f"bootstrap {whose}", block)(Purpose.BOOTSTRAP)
        return np.array([pool.take(rng.integers(0, len(pool), size, np.uint32)).mean() for _ in range(_PER_BLOCK)])

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return np.concatenate(list(threads.map(some, range(RESAMPLES // _PER_BLOCK))))


def refined_day(scenario: Scenario, works: Sequence[Work], regime: Regime, *, improved: bool = False) -> Day:
    """Equal parts of the queries to each model; the same circumstances in every regime."""
    drawn: Floats = np.mean([work.fleet(0, REPLICATES) for work in works], axis=0)
    if improved:
        drawn = drawn / divisors(scenario, SERVING[regime], len(drawn), regime)
    return Day(mean_wh=float(np.median(drawn)), drawn_wh=drawn)


def fleet_estimate(scenario: Scenario, plain: dict[str, Day], improved: dict[str, Day], interval: str) -> FleetEstimate:
    """Put days together; with `traditional` and `test-time` the last two cases are their mix, improved and plain.

    Years, lines, carbon, water and money are of that mix, else of the first case.
    """
    plan = scenario.fleet
    scale = plan.queries_per_day * plan.factor / WH_PER_GWH
    days = [*plain.items(), *((f"{name}, better serving", day) for name, day in improved.items())]
    cases = [_case(name, day, scale) for name, day in days]
    main = 0
    if {"traditional", "test-time"} <= plain.keys():
        share = f"{100 * plan.long_share:g} % test-time"
        cases.append(_case(f"{share}, better serving", _mixed(improved, plan.long_share), scale))
        cases.append(_case(share, _mixed(plain, plan.long_share), scale))
        main = len(cases) - 1
    whole = cases[main].gwh_per_day
    kwh, water_m3 = whole * 1e6, on_site(scenario, whole * WH_PER_GWH) / 1e6
    price = scenario.grid.price_per_kwh
    return FleetEstimate(
        queries_per_day=plan.queries_per_day,
        factor=plan.factor,
        cases=tuple(cases),
        interval=interval,
        years=tuple(
            FleetYear(
                year=year,
                queries_per_day=plan.queries_per_day * (1 + plan.growth_per_year) ** year,
                gwh_per_day=whole * (1 + plan.growth_per_year) ** year,
            )
            for year in range(1, plan.years + 1)
        ),
        main=main,
        lines={SITE_LINE[0]: SITE_LINE[1], "as many web searches": plan.queries_per_day * WEB_SEARCH_WH / WH_PER_GWH},
        tco2e_per_day=kwh * scenario.grid.gco2e_per_kwh / 1e6,
        water_m3_per_day=water_m3,
        money_per_day=None if price is None else kwh * price,
    )


def told_interval(scenario: Scenario, costs: Sequence[Cost]) -> str:
    """What the interval of a fleet's day is; `costs` of all models."""
    whose = f"the {min(TOP, len(costs))} dearest models" if len(costs) > 1 else "the model"
    if scenario.method == "released":
        return f"P5 to P95 of {RESAMPLES:,} bootstrap resamples of the draws of {whose}: of the mean alone, as the release has it"
    return told_unknown(scenario, costs, f" of {whose}")


def _mixed(days: dict[str, Day], long_share: float) -> Day:
    short, long = days["traditional"], days["test-time"]
    return Day(
        mean_wh=(1 - long_share) * short.mean_wh + long_share * long.mean_wh,
        drawn_wh=(1 - long_share) * short.drawn_wh + long_share * long.drawn_wh,
    )


def _case(name: str, day: Day, scale: float) -> FleetCase:
    low, high = np.percentile(day.drawn_wh, (5, 95))
    return FleetCase(
        name=name, gwh_per_day=day.mean_wh * scale, low_gwh=float(low) * scale, high_gwh=float(high) * scale
    )
