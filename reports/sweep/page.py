"""What a person reads of a sweep: the plan, a line per finished case, and how the whole was measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energy_fixtures.metrics import headline
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Result
from energy_fixtures.units import duration, quantity, shortened
from reports.render.text import plain
from reports.sweep.journal import Finished, Journal
from reports.sweep.plan import Group, Plan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reports.sweep.schedule import Node

UNKNOWN = "unknown"
MOST_LABEL = 48
MOST_REASONS = 5


def plan_report(plan: Plan, nodes: Sequence[tuple[str, Node]], took_s: float | None) -> list[RenderableType]:
    """The plan as a table, and what is left out of it.

    Args:
        plan: With what is expected of its cases.
        nodes: Where there is room, by name; empty where nobody was asked.
        took_s: When it would end on these nodes; None unknown.
    """
    from rich.text import Text

    from reports.render.tables import new_table

    table = new_table("plan of the sweep")
    table.add_column("group", justify="right")
    table.add_column("what its cases share", overflow="fold", max_width=MOST_LABEL)
    for heading in ("cases", "needs", "room", "time", "energy"):
        table.add_column(heading, justify="right", no_wrap=True)
    known = plan.by_nodeid()
    for group in plan.groups:
        cases = [known[nodeid] for nodeid in group.nodeids]
        seconds, joules = _total([case.expected_s for case in cases]), _total([case.expected_j for case in cases])
        table.add_row(
            str(group.number),
            Text(plain(group.label)),
            str(len(cases)),
            Text(plain(needs(group, plan.accelerator))),
            Text(_room(group, nodes)),
            UNKNOWN if seconds is None else duration(seconds),
            UNKNOWN if joules is None else quantity(joules, "J"),
        )
    return [table, *(Text(plain(line)) for line in _below(plan, nodes, took_s))]


def needs(group: Group, accelerator: str | None) -> str:
    """What a group has for itself."""
    if group.boards == 0:
        return "a whole machine"
    kind = "GPU" if accelerator is None else accelerator
    return f"{group.boards} {kind}" if group.boards == 1 or accelerator else f"{group.boards} {kind}s"


def case_line(case: Finished, node: str, done: int, total: int) -> str:
    """One finished case: what it said, where, and how far the sweep is."""
    name = case.nodeid.rpartition("[")[2].rstrip("]") if "[" in case.nodeid else case.nodeid.rpartition("::")[2]
    figure = "; ".join(_figure(result) for result in case.results[:1]) or _outcome(case)
    if case.crashed is not None:
        figure = f"to be tried again: {shortened(case.crashed, 80)}"
    took = duration(case.ended_s - case.began_s)
    return plain(f"  {name:<34} {figure:<36} {took:>8}  {node}  {done}/{total}")


def measured_lines(plan: Plan, journals: Sequence[Journal]) -> list[str]:
    """Header of the report: on what the cases were measured."""
    nodes = Counter(
        journal.begin.node
        for journal in journals
        if journal.begin is not None
        for case in journal.finished
        if case.crashed is None
    )
    attempts = sum(1 for journal in journals if journal.begin is not None)
    runs = [case for case in plan.cases if case.skip is None]
    where = ", ".join(f"{count} on {plain(node)}" for node, count in sorted(nodes.items()))
    groups = f"{len(plan.groups)} group{'' if len(plan.groups) == 1 else 's'}"
    lines = [
        f"sweep: {len(runs)} case{'' if len(runs) == 1 else 's'} in {groups}, {attempts} pytest process{'' if attempts == 1 else 'es'}"
    ]
    return [*lines, f"  measured: {where}" if where else "  nothing is measured yet"]


def lost_lines(lost: Mapping[str, str]) -> list[str]:
    """Cases without an answer, with the reason."""
    return [plain(f"not measured: {nodeid}: {next(iter(why.splitlines()), '?')}") for nodeid, why in lost.items()]


def _below(plan: Plan, nodes: Sequence[tuple[str, Node]], took_s: float | None) -> list[str]:
    runs = [case for case in plan.cases if case.skip is None]
    missing = sum(1 for case in runs if case.expected_s is None)
    joules = _total([case.expected_j for case in runs])
    lines = [f"{len(runs)} cases in {len(plan.groups)} groups"]
    if nodes:
        boards = sum(node.boards for _, node in nodes)
        names = ", ".join(name for name, _ in nodes[:6]) + (" ..." if len(nodes) > 6 else "")
        lines.append(f"nodes: {len(nodes)} with {boards} GPUs ({names})")
    if missing:
        lines.append(f"time and energy: unknown of {missing} of {len(runs)} cases, which no earlier run holds")
    else:
        end = "" if took_s is None else f", about {duration(took_s)} on these nodes"
        lines.append(
            f"time and energy as in earlier runs{end}: {quantity(joules, 'J')} in metered windows, whatever the board; "
            "times from saved runs are of windows alone"
        )
    reasons = Counter(case.skip for case in plan.cases if case.skip is not None)
    lines += [f"skipped: {count} because {reason}" for reason, count in reasons.most_common(MOST_REASONS)]
    if len(reasons) > MOST_REASONS:
        lines.append(f"  and for {len(reasons) - MOST_REASONS} more reasons")
    for boards in sorted({group.boards for group in plan.groups}):
        numbers = [group.number for group in plan.groups if group.boards == boards]
        what = "a whole node each" if boards == 0 else f"--gpus={boards} each"
        lines.append(f"Slurm: --array={_ranges(numbers)} with {what}")
    return lines


def _ranges(numbers: Sequence[int]) -> str:
    """As Slurm writes sets of numbers.

    >>> _ranges([1, 2, 3, 7])
    '1-3,7'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _room(group: Group, nodes: Sequence[tuple[str, Node]]) -> str:
    if not nodes:
        return UNKNOWN
    able = sum(1 for _, node in nodes if node.boards >= group.boards)
    return f"{able} of {len(nodes)} nodes" if able else "nowhere"


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None


def _figure(result: Result) -> str:
    metric = headline(result)
    values = metric.values(result)
    if not values:
        return "no valid window"
    label = "" if result.method in MEASURED else f" ({result.method})"
    return f"{quantity(math.fsum(values) / len(values), metric.unit)}{label}"


def _outcome(case: Finished) -> str:
    outcomes = [str(report.get("outcome")) for report in case.reports]
    return next((outcome for outcome in outcomes if outcome != "passed"), "passed")
