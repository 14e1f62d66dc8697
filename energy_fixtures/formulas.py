"""What metrics are made of: functions of one trial and its result that give None where they do not apply, never 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from energy_fixtures.records import Generation, Request, Result, Trial

Formula = Callable[[Trial, Result], float | None]
"""The value of one trial of a result; None where it cannot be computed."""

HOST_KINDS = ("cpu", "dram")
"""Kinds of domains that make up the host beside GPUs."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A named quantity of a trial.

    `direction` is "lower" or "higher" for what is better, None where neither is. `what` says the divisor.
    """

    name: str
    unit: str
    direction: Literal["lower", "higher"] | None
    what: str
    of: Formula

    def values(self, result: Result) -> tuple[float, ...]:
        """One value per valid trial; empty when the metric does not apply to this result."""
        values = [self.of(trial, result) for trial in result.valid_trials]
        return tuple([value for value in values if value is not None])


def energy(trial: Trial, result: Result) -> float | None:
    """Joules of the scope."""
    return trial.reading.joules(result.scope)


def kind_energy(prefix: str) -> Formula:
    """Joules of every metered domain of one kind."""

    def of(trial: Trial, result: Result) -> float | None:
        domains = tuple(domain for domain in trial.reading.energy_j if domain.split(":")[0] == prefix)
        return trial.reading.joules(domains) if domains else None

    return of


def net_energy(trial: Trial, result: Result) -> float | None:
    """Below zero where the window drew less than the boards did at rest: a sign that the baseline was not at rest."""
    gross_j = energy(trial, result)
    if gross_j is None or any(domain not in result.idle_w for domain in result.scope):
        return None
    return gross_j - math.fsum(result.idle_w[domain] for domain in result.scope) * trial.reading.duration_s


def host_energy(trial: Trial, result: Result) -> float | None:
    """Of processors and memory beside GPUs; None where the scope is not GPUs alone, or the processors are not metered."""
    kinds = {domain: domain.split(":")[0] for domain in trial.reading.energy_j}
    if any(domain.split(":")[0] != "gpu" for domain in result.scope) or "cpu" not in kinds.values():
        return None
    return trial.reading.joules(tuple(domain for domain, kind in kinds.items() if kind in HOST_KINDS))


def per_iteration(count: Callable[[Generation], int]) -> Formula:
    """Tokens of one iteration."""
    return lambda trial, result: None if trial.generation is None else count(trial.generation) / trial.iterations


def ratio(above: Formula, below: Formula) -> Formula:
    """One formula over another; None where either is, or nothing to divide by, or so little that it is none."""

    def of(trial: Trial, result: Result) -> float | None:
        numerator, denominator = above(trial, result), below(trial, result)
        if numerator is None or not denominator:
            return None
        value = numerator / denominator
        return value if math.isfinite(value) else None

    return of


def of_generation(count: Callable[[Generation], float | None]) -> Formula:
    """A figure of what the engine did."""
    return lambda trial, result: None if trial.generation is None else count(trial.generation)


def percentile(latency: Callable[[Request], float | None], share: float) -> Formula:
    """Linear between the two nearest requests, as NumPy's default."""

    def of(trial: Trial, result: Result) -> float | None:
        values = [] if trial.generation is None else [latency(request) for request in trial.generation.requests]
        known = sorted(value for value in values if value is not None)
        if not known:
            return None
        return quantile(known, share)

    return of


def quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest of ascending values, as NumPy's default; at least one value."""
    place = share * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (place - math.floor(place)) * (above - below)


def mean_latency(latency: Callable[[Request], float | None]) -> Formula:
    """Mean over the requests that have it."""

    def of(trial: Trial, result: Result) -> float | None:
        values = [] if trial.generation is None else [latency(request) for request in trial.generation.requests]
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if known else None

    return of


output_tokens = of_generation(lambda generation: generation.output_tokens)


def duration(trial: Trial, result: Result) -> float | None:
    """Length of the metered window."""
    return trial.reading.duration_s
