"""Was it the same work, and can the reading be believed? Pure: records in, reason codes out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.records import Generation, Scenario, Trial

CLOCK_SLACK_S = 0.05
"""How far an engine's own time and the metered window may lie apart: both read one clock, messages take < 1 ms."""

LATE = 0.05
"""Share of the engine's time by which the window may be longer on top of that. A measuring process that was put aside
for longer has metered a board at rest as if it had worked."""

SLOWED = frozenset({"hw_slowdown", "hw_thermal_slowdown", "sw_thermal_slowdown", "hw_power_brake_slowdown"})
"""Clock event reasons by which heat or the supply slows the work. The power cap, `sw_power_cap`, is how a board under
full load normally runs."""

STEADY_CLOCK = 0.9
"""Least share of a window's highest clock that its lowest one is; power goes at least linearly with the clock."""

DISAGREE = 0.05
"""Share by which a board's counter and its integrated power may differ: nobody has shown that both come from one sensor,
and the gains of two differ by about so much (arXiv 2312.02741)."""

DRIFT_C = 5.0
"""Boards tell whole degrees and swing by one or two in steady heat; more is a trend, and hotter silicon leaks more."""

HOST_KINDS = ("cpu", "dram", "soc")


def work_differs(
    scenario: Scenario, iterations: int, generation: Generation, lengths: Sequence[tuple[int, int]] = ()
) -> tuple[str, ...]:
    """Codes for every way in which what was done is not what was asked for.

    Args:
        scenario: What was asked for. iterations: How often.
        generation: What was done.
        lengths: Input and output tokens of each request of an iteration, where they differ.
    """
    found = []
    if len(generation.requests) != (len(lengths) or scenario.batch_size) * iterations:
        found.append("request_count_differs")
    alike = ((scenario.input_tokens, scenario.output_tokens),)
    asked = list(zip(generation.requests, itertools.cycle(lengths or alike), strict=False))
    if any(request.input_tokens != tokens for request, (tokens, _) in asked):
        found.append("input_tokens_differ")
    if any(request.output_tokens != tokens for request, (_, tokens) in asked):
        found.append("output_tokens_differ")
    if generation.prefix_cache_hit_tokens and not scenario.prefix_caching:
        found.append("prefix_cache_hit")
    return tuple(found)


def reading_invalid(reading: Reading, scope: tuple[str, ...], engine_s: float | None) -> tuple[str, ...]:
    """Codes for a reading that cannot be true, or is not of the work alone.

    Args:
        reading: What the meter saw.
        scope: Domains that stand for the work; what happened on other boards does not matter.
        engine_s: The engine's own time for the work, None without one.
    """
    boards = _boards(reading, scope)
    checks = {
        "energy_not_positive": any(_not_positive(reading, domain) for domain in scope),
        "benchmark_duration_mismatch": engine_s is not None
        and reading.method != "replay"  # its duration is the recorded one
        and not -CLOCK_SLACK_S <= reading.duration_s - engine_s <= CLOCK_SLACK_S + LATE * engine_s,
        "throttled": any(SLOWED.intersection(board.throttle) for board in boards),
        "power_limit_changed": any(board.power_limit_min_w != board.power_limit_max_w for board in boards),
        "foreign_process": any(board.foreign_processes for board in boards),
    }
    return tuple(dict.fromkeys((*reading.invalid_reasons, *_true(checks))))


def reading_doubts(
    reading: Reading, meter: MeterInfo, scope: tuple[str, ...], max_error: float | None
) -> tuple[str, ...]:
    """Codes for what weakens a reading that still counts.

    Args:
        reading: What the meter saw.
        meter: Who read it.
        scope: Domains that stand for the work.
        max_error: Largest half of a 95 % interval as a share of the joules in scope (0.01); None: any.
    """
    boards = _boards(reading, scope)
    error = reading.relative_error(scope)
    checks = {
        "power_capped": any("sw_power_cap" in board.throttle for board in boards),
        "clock_changed": any(_clock_changed(board) for board in boards),
        "whole_card_reading": any(board.mig for board in boards),
        "meters_disagree": any(meters_disagree(reading, domain) for domain in scope),
        "error_above_limit": error is not None and max_error is not None and error > max_error,
        # only where the meter states no error: a window of ten steps carries up to a tenth of edge error
        "window_short_for_meter": error is None
        and reading.joules(scope) is not None
        and reading.duration_s < 10 * meter.resolution_s,
        "host_energy_missing": _kinds(scope) == {"gpu"} and _kinds(reading.energy_j).isdisjoint(HOST_KINDS),
    }
    return tuple(dict.fromkeys((*reading.doubts, *_true(checks))))


def meters_disagree(reading: Reading, domain: str) -> bool:
    """Whether a domain's counter and its integrated power differ by more than gain and their own errors explain.

    False where only one of them was read.
    """
    counter_j, integrated_j = reading.energy_j.get(domain), reading.integrated_j.get(domain)
    if counter_j is None or integrated_j is None:
        return False
    errors_j = (reading.uncertainty_j.get(domain, 0.0), reading.integrated_uncertainty_j.get(domain, 0.0))
    return abs(integrated_j - counter_j) > DISAGREE * counter_j + 2 * math.hypot(*errors_j)


def limit_differs(reading: Reading, earlier: Sequence[Trial], scope: tuple[str, ...]) -> bool:
    """Whether a board in scope has another power limit than in the first valid one of the `earlier` trials.

    Somebody may have changed it while no window was open; the mean of two limits is the work of neither.
    """
    first = next((trial.reading for trial in earlier if trial.valid), None)
    before = {} if first is None else first.boards
    pairs_w = [
        (before[domain].power_limit_max_w, board.power_limit_max_w)
        for domain, board in reading.boards.items()
        if domain in scope and domain in before
    ]
    return any(None not in pair_w and len(set(pair_w)) > 1 for pair_w in pairs_w)


def temperature_drifts(trials: Sequence[Trial], scope: tuple[str, ...]) -> bool:
    """Whether the hottest board in scope was more than DRIFT_C warmer in one valid trial than in another.

    Each trial counts with the mean of the temperatures at its two ends; trials that do not know both are left out.
    """
    heat_c = [_heat_c(trial.reading, scope) for trial in trials if trial.valid]
    known_c = [celsius for celsius in heat_c if celsius is not None]
    return bool(known_c) and max(known_c) - min(known_c) > DRIFT_C


def generation_doubts(generation: Generation, *, dummy_weights: bool) -> tuple[str, ...]:
    """Codes for what weakens the work that was done."""
    found = []
    if generation.preemptions:
        found.append("requests_preempted")
    if dummy_weights:
        found.append("weights_are_dummies")
        if generation.drafted_tokens is not None:
            found.append("acceptance_of_random_weights")
    return tuple(found)


def _true(checks: dict[str, bool]) -> list[str]:
    return [code for code, holds in checks.items() if holds]


def _boards(reading: Reading, scope: tuple[str, ...]) -> list[BoardTrace]:
    return [reading.boards[domain] for domain in scope if domain in reading.boards]


def _kinds(domains: Iterable[str]) -> set[str]:
    return {domain.partition(":")[0] for domain in domains}


def _not_positive(reading: Reading, domain: str) -> bool:
    """A domain that the meter left out has its own reason, if the meter gave one."""
    joules = reading.energy_j.get(domain)
    return not reading.invalid_reasons if joules is None else joules <= 0.0


def _clock_changed(board: BoardTrace) -> bool:
    lowest_hz, highest_hz = board.sm_clock_min_hz, board.sm_clock_max_hz
    return lowest_hz is not None and highest_hz is not None and lowest_hz < STEADY_CLOCK * highest_hz


def _heat_c(reading: Reading, scope: tuple[str, ...]) -> float | None:
    means_c = [
        (board.temperature_start_c + board.temperature_end_c) / 2
        for board in _boards(reading, scope)
        if board.temperature_start_c is not None and board.temperature_end_c is not None
    ]
    return max(means_c, default=None)
