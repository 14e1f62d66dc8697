"""Binned against replayed: what the cells of some requests add up to, what the same requests took, and what binning inflates."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.records import Result, Scenario
from energy_fixtures.units import quantity
from reports.render.columns import percent
from reports.render.tables import new_table
from reports.render.text import honest, plain
from reports.workload.check import Check, checks_of

UNKNOWN = "—"


def replay_parts(results: Sequence[Result], level: float) -> list[RenderableType]:
    """A table for each workload, a row per stack, with its sentences; empty where no case measured a replay.

    Args:
        results: All obtained by one method.
        level: Confidence of the intervals.
    """
    groups: dict[str, list[Check]] = {}
    for check in checks_of(results, level):
        groups.setdefault(_same(check), []).append(check)
    parts: list[RenderableType] = []
    for title, checks in groups.items():
        table = new_table(honest(title, results[0].method))
        table.add_column("stack", overflow="fold")
        for heading in ("in cells ±", "as they are ±", "cells / as they are", f"{100 * level:g} % interval"):
            table.add_column(heading, justify="right", no_wrap=True)
        for check in checks:
            table.add_row(*(Text(plain(cell)) for cell in _row(check)))
        parts += [Text(""), table, *(Text(plain(line)) for line in _said(checks))]
    return parts


def _same(check: Check) -> str:
    """What the checks of one table have in common."""
    name = f"{check.workload} (synthetic)" if check.synthetic else check.workload
    return f"{check.requests:,} requests of {name}, in batches of {_scenario(check).batch_size}"


def _scenario(check: Check) -> Scenario:
    assert check.result.scenario is not None  # checks_of keeps no other
    return check.result.scenario


def _row(check: Check) -> list[str]:
    scenario, found = _scenario(check), check.difference
    interval = UNKNOWN
    if found is not None and found.low is not None and found.high is not None:
        interval = f"{1 + found.low:.2f} to {1 + found.high:.2f}"
    return [
        f"{scenario.engine} {scenario.execution.replace('_', ' ')}",
        _energy(check.total.covered_j, check.total.uncertainty_j) if check.total.requests else UNKNOWN,
        UNKNOWN if check.replay is None else _energy(check.replay.energy_j, check.replay.uncertainty_j),
        UNKNOWN if found is None else f"×{1 + found.share:.2f}",
        interval,
    ]


def _energy(energy_j: float, uncertainty_j: float | None) -> str:
    error = "" if uncertainty_j is None else f" ± {percent(100 * uncertainty_j / energy_j)} %"
    return f"{quantity(energy_j, 'J')}{error}"


def _said(checks: Sequence[Check]) -> list[str]:
    said = [
        f"{check.result.case.partition('::')[0]}: {check.problem}, so nothing is compared"
        for check in checks
        if check.problem is not None
    ]
    first = checks[0]
    if first.input_inflation is not None and first.output_inflation is not None:
        said.append(f"binning inflates input ×{first.input_inflation:.4f}, output ×{first.output_inflation:.4f}")
    if first.left_out:
        scenario = _scenario(first)
        longest = f"{scenario.input_tokens} + {scenario.output_tokens} tokens"
        said.append(f"{first.left_out:,} of {first.requests + first.left_out:,} are in neither: longer than {longest}")
    how = "as they are: each with its own lengths, a batch at a time in order of arrival"
    return [*said, f"{how}; ± is one standard uncertainty without the board's own gain, which both share"]
