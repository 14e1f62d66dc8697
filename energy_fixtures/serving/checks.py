"""Was every request served as it was asked for, and when it was asked for? Pure: records in, reason codes out."""

from __future__ import annotations

from energy_fixtures import guards
from energy_fixtures.formulas import quantile
from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.serving.records import Failure, ServingRun
from energy_fixtures.serving.schedule import Schedule, schedule_of

FAILED: dict[Failure, str] = {
    "at_capacity": "requests_refused",
    "http_error": "requests_failed",
    "malformed": "streams_malformed",
    "cut_off": "streams_cut_off",
    "stalled": "streams_stalled",
    "unreachable": "server_unreachable",
}
"""Reason code of each way in which a request can fail. All of them void the trial: its joules were spent on them too."""

LATE_S = 0.05
"""How late the 99th percentile of the requests may be sent. Most latencies that services promise are some tenths of a second."""

BEHIND = 0.1
"""Share of the arrivals' time by which their last answers may come later than one request takes: more is a queue that grew."""


def invalid(scenario: Scenario, iterations: int, generation: Generation) -> tuple[str, ...]:
    """Codes for requests that failed, and for every way in which what was done is not what was asked for."""
    codes = [
        FAILED[served.failure] for run in generation.serving for served in run.requests if served.failure is not None
    ]
    schedule = schedule_of(scenario)
    if len(generation.serving) != iterations or any(
        len(run.requests) != len(schedule.requests) for run in generation.serving
    ):
        codes.append("request_count_differs")
    elif not codes:
        codes += _lengths_differ(schedule, iterations, generation)
    if generation.prefix_cache_hit_tokens and not scenario.prefix_caching:
        codes.append("prefix_cache_hit")
    if any(run.foreign_requests for run in generation.serving):
        codes.append("foreign_requests")
    return tuple(dict.fromkeys(codes))


def doubts(scenario: Scenario, generation: Generation, *, metered: bool = True) -> tuple[str, ...]:
    """Codes for what weakens an arrival run that still counts; `metered` says whether the meter can look inside a window."""
    schedule = schedule_of(scenario)
    checks = {
        "requests_sent_late": any(_late_s(run) > LATE_S for run in generation.serving),
        "rate_above_capacity": any(_fell_behind(schedule, run) for run in generation.serving),
        "workload_cut": schedule.cut > 0,
        "steady_state_unknown": any(run.steady is None for run in generation.serving),
        "steady_state_not_metered": metered and any(_not_metered(run) for run in generation.serving),
    }
    return tuple(code for code, holds in checks.items() if holds)


def steady_invalid(reading: Reading, scope: tuple[str, ...], steady_s: float) -> tuple[str, ...]:
    """Codes for a reading that is not of the steady state: it cannot be true, or the meter looked too early or too late.

    A meter takes milliseconds to look, at either end; mean power counts, so both directions are alike.
    """
    codes = guards.reading_invalid(reading, scope, None)
    apart_s = abs(reading.duration_s - steady_s)
    late = apart_s > guards.CLOCK_SLACK_S + guards.LATE * steady_s
    return (*codes, "benchmark_duration_mismatch") if late else codes


def _lengths_differ(schedule: Schedule, iterations: int, generation: Generation) -> list[str]:
    pairs = list(zip(schedule.requests * iterations, generation.requests, strict=True))
    found = []
    if any(planned.input_tokens != request.input_tokens for planned, request in pairs):
        found.append("input_tokens_differ")
    if any(planned.output_tokens != request.output_tokens for planned, request in pairs):
        found.append("output_tokens_differ")
    return found


def _not_metered(run: ServingRun) -> bool:
    """Whether a steady state has no joules that can be true."""
    if run.steady is None:
        return False
    return run.steady.reading is None or bool(run.steady.reading.invalid_reasons)


def _late_s(run: ServingRun) -> float:
    """99th percentile of the time from due to sent."""
    return quantile(sorted(served.sent_s - served.due_s for served in run.requests), 0.99)


def _fell_behind(schedule: Schedule, run: ServingRun) -> bool:
    """Whether answers came ever later than requests: the queue was still long when the last request had been sent.

    One request alone takes what the median one of the first tenth took, when hardly any queue stood before it.
    """
    if schedule.last_s <= 0 or not run.requests:
        return False
    first = sorted(served.ended_s - served.sent_s for served in run.requests[: max(1, len(run.requests) // 10)])
    drained_s = run.duration_s - schedule.last_s
    return drained_s > quantile(first, 0.5) + BEHIND * schedule.last_s and drained_s > 2 * quantile(first, 0.5)
