"""What stands below a table: which joules its figures are, and what all its rows have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from energy_fixtures.metrics import HOST_KINDS
from energy_fixtures.records import Environment, Result, Scenario
from energy_fixtures.units import quantity
from reports.ideal.gap import floor_for, why_unknown
from reports.render.columns import HOST, PHASES, Column, percent
from reports.render.phases import phases_said
from reports.render.text import plain

SPREAD_OUT = 3.0  # a case whose error is so many times the usual one is not spoken for by it


def caption(results: Sequence[Result], environments: Mapping[str, Environment], level: float) -> str:
    """What joules these are: domains, meter and its own error, power at rest, and what all rows have in common."""
    scopes: dict[str, int] = {}
    for result in results:
        scopes[" + ".join(result.scope)] = scopes.get(" + ".join(result.scope), 0) + 1
    of = ", ".join(scope if len(scopes) == 1 else f"{scope} ({count} cases)" for scope, count in scopes.items())
    known = [environments[result.environment] for result in results if result.environment in environments]
    meters = dict.fromkeys(str(environment.meter.get("name", "unknown")) for environment in known)
    how = "" if list(meters) == [results[0].method] else f" ({results[0].method})"
    said = [f"joules of {of}", f"meter {', '.join(meters) or 'unknown'}{how}", *_error(results), *_idle(results)]
    scenarios = [result.scenario for result in results if result.scenario is not None]
    if len(scenarios) == len(results):
        said += _common(scenarios)
    return plain(f"{'; '.join(said)}; ± is the {100 * level:g} % interval of the mean")


def column_captions(results: Sequence[Result], columns: Sequence[Column]) -> list[str]:
    """A line for each kind of column whose name does not say all: the host's domains, where phases come from."""
    shown = {column.metric.name for column in columns}
    lines = []
    if HOST in shown:
        seen = dict.fromkeys(
            domain for result in results for trial in result.valid_trials for domain in trial.reading.energy_j
        )
        host = " + ".join(domain for domain in seen if domain.split(":")[0] in HOST_KINDS)
        lines.append(f"host: joules of {host} per output token")
    if shown.intersection(PHASES) and (said := phases_said(results)) is not None:
        lines.append(said)
    return [plain(line) for line in lines]


def gap_captions(results: Sequence[Result], environments: Mapping[str, Environment], boards: Path | None) -> list[str]:
    """Which floor a gap is measured from, and why it is unknown where it is."""
    floors = [floor_for(result, environments.get(result.environment), boards) for result in results]
    known = dict.fromkeys(floor.board.name for floor in floors if not isinstance(floor, str))
    lines = []
    if known:
        rest = any(not isinstance(floor, str) and floor.idle_w is None for floor in floors)
        missing = "; power at rest unknown and left out" if rest else ""
        lines.append(
            f"gap to ideal: over the modelled floor of {', '.join(known)}: dense peak, bytes moved, power at rest{missing}"
        )
    unknown = why_unknown(results, environments, boards)
    return [plain(line) for line in (*lines, *(f"gap to ideal unknown: {reason}" for reason in unknown))]


def _error(results: Sequence[Result]) -> list[str]:
    """The meter's own error: half of its 95 % interval, the median over the cases of their windows' median."""
    by_case = [[trial.reading.relative_error(result.scope) for trial in result.valid_trials] for result in results]
    known = [[error for error in errors if error is not None] for errors in by_case]
    errors = [median(one) for one in known if one]
    if not errors:
        return []
    typical, worst = percent(100 * median(errors)), percent(100 * max(errors))
    most = "" if max(errors) <= SPREAD_OUT * median(errors) else f", up to ±{worst} %"
    return [f"meter's error ±{typical} %{most} (95 %)"]


def _idle(results: Sequence[Result]) -> list[str]:
    """Power of the scope at rest, where it is known and one for all rows."""
    sums = {
        quantity(math.fsum(result.idle_w[domain] for domain in result.scope), "W")
        if all(domain in result.idle_w for domain in result.scope)
        else None
        for result in results
    }
    (only, *others) = sums
    return [] if others or only is None else [f"idle {only}"]


def _common(scenarios: Sequence[Scenario]) -> list[str]:
    dtypes = {scenario.dtype for scenario in scenarios}
    lengths = {(scenario.input_tokens, scenario.output_tokens) for scenario in scenarios}
    said = [f"{next(iter(dtypes))}"] if len(dtypes) == 1 else []
    return said + ([f"{'{} + {} tokens'.format(*next(iter(lengths)))}"] if len(lengths) == 1 else [])
