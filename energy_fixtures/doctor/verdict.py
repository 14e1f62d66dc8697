"""What the findings mean for a measurement on this machine; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from energy_fixtures.examination import BoardFinding, CounterFinding, Verdict
from energy_fixtures.readings import COVERAGE

LOSES_FROM = 0.01
"""A counter falls short when at least this share is missing, and its 95 % interval lies above zero."""

DISAGREES_FROM = 0.05
"""Counter and sensor differ when more than this remains outside the 95 % interval of their ratio at rest."""

HOT = frozenset({"hw_slowdown", "hw_thermal_slowdown", "sw_thermal_slowdown", "hw_power_brake_slowdown"})
CAPPED = frozenset({"sw_power_cap"})


def judge(counters: Sequence[CounterFinding], boards: Sequence[BoardFinding]) -> Verdict:
    """Whether joules can be measured here, with which windows, and with which doubts."""
    needs = [counter.shortest_window for counter in counters if counter.shortest_window is not None]
    usable = [counter for counter in counters if counter.problem is None]
    without = [board for board in boards if board.sensor_w is not None and board.domain not in _domains(counters)]
    return Verdict(
        measured=bool(usable or without),
        shortest_level_s=max((need.level_s for need in needs), default=None),
        shortest_changing_s=max((need.changing_s for need in needs), default=None),
        loses_when_read_fast=tuple(counter.domain for counter in counters if loses_when_read_fast(counter)),
        doubts=tuple(dict.fromkeys(_doubts(counters, boards, usable, without))),
    )


def loses_when_read_fast(counter: CounterFinding) -> bool:
    """Whether it was shown that reading this counter often makes it fall short."""
    rate = counter.read_rate
    return rate is not None and rate.fast_short >= LOSES_FROM and rate.fast_short > COVERAGE * rate.uncertainty


def disagrees(counter: CounterFinding) -> bool:
    """Whether the counter and the board's power sensor were shown to say different things."""
    seen = counter.agreement
    return seen is not None and abs(seen.ratio - 1) - COVERAGE * seen.uncertainty > DISAGREES_FROM


def _domains(counters: Sequence[CounterFinding]) -> set[str]:
    return {counter.domain for counter in counters}


def _doubts(
    counters: Sequence[CounterFinding],
    boards: Sequence[BoardFinding],
    usable: Sequence[CounterFinding],
    without: Sequence[BoardFinding],
) -> Iterator[tuple[str, str]]:
    if not usable and not without:
        yield "", "modelled_not_measured"
    elif not any(domain.startswith(("cpu:", "soc")) for domain in _domains(usable)):
        yield "", "host_energy_missing"
    for board in boards:
        throttle = set(board.throttle or ())
        found = {
            "foreign_process": bool(board.foreign_processes),
            "whole_card_reading": bool(board.mig),
            "throttled": bool(throttle & HOT),
            "power_capped": bool(throttle & CAPPED),
            "power_integrated": board in without,
        }
        yield from ((board.domain, code) for code, holds in found.items() if holds)
    for counter in counters:
        if disagrees(counter):
            yield counter.domain, "meters_disagree"
