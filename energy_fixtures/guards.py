"""Was it the same work, and can the reading be believed? Pure: records in, reason codes out."""

from __future__ import annotations

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Scenario

CLOCK_SLACK_S = 0.05
"""How much longer than the metered window an engine's own time may be: both read one clock, messages take < 1 ms."""


def work_differs(scenario: Scenario, iterations: int, generation: Generation) -> tuple[str, ...]:
    """Codes for every way in which what was done is not what was asked for."""
    found = []
    if len(generation.requests) != scenario.batch_size * iterations:
        found.append("request_count_differs")
    if any(request.input_tokens != scenario.input_tokens for request in generation.requests):
        found.append("input_tokens_differ")
    if any(request.output_tokens != scenario.output_tokens for request in generation.requests):
        found.append("output_tokens_differ")
    if generation.prefix_cache_hit_tokens and not scenario.prefix_caching:
        found.append("prefix_cache_hit")
    return tuple(found)


def reading_invalid(reading: Reading, scope: tuple[str, ...], engine_s: float | None) -> tuple[str, ...]:
    """Codes for a reading that cannot be true. `engine_s` is the engine's own time for the work, None without one."""
    found = []
    if any(reading.energy_j.get(domain, 0.0) <= 0.0 for domain in scope):
        found.append("energy_not_positive")
    replayed = reading.method == "replay"  # its duration is the recorded one
    if engine_s is not None and not replayed and engine_s > reading.duration_s + CLOCK_SLACK_S:
        found.append("benchmark_duration_mismatch")
    return tuple(found)


def reading_doubts(reading: Reading, meter: MeterInfo) -> tuple[str, ...]:
    """Codes for what weakens a reading that still counts."""
    short = reading.duration_s < 10 * meter.resolution_s  # a window of ten steps carries up to a tenth of edge error
    return (*reading.doubts, "window_short_for_meter") if short else reading.doubts


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
