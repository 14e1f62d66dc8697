"""What can be said of one trial as a number: name, unit, direction, formula.

A metric is a function of one Trial and the Result it belongs to; it is None where it cannot be computed, never 0.
J/token of a trial is its joules over its tokens, never a mean of per-request ratios: requests inside a trial are
not independent samples. Latency words have vLLM's definitions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.phases import decode_j, prefill_j
from energy_fixtures.readings import COVERAGE
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


def _energy(trial: Trial, result: Result) -> float | None:
    return trial.reading.joules(result.scope)


def _kind_energy(prefix: str) -> Formula:
    def of(trial: Trial, result: Result) -> float | None:
        domains = tuple(domain for domain in trial.reading.energy_j if domain.split(":")[0] == prefix)
        return trial.reading.joules(domains) if domains else None

    return of


def _net_energy(trial: Trial, result: Result) -> float | None:
    """Below zero where the window drew less than the boards did at rest: a sign that the baseline was not at rest."""
    gross_j = _energy(trial, result)
    if gross_j is None or any(domain not in result.idle_w for domain in result.scope):
        return None
    return gross_j - math.fsum(result.idle_w[domain] for domain in result.scope) * trial.reading.duration_s


def _host_energy(trial: Trial, result: Result) -> float | None:
    """Of processors and memory beside GPUs; None where the scope is not GPUs alone, or the processors are not metered."""
    kinds = {domain: domain.split(":")[0] for domain in trial.reading.energy_j}
    if any(domain.split(":")[0] != "gpu" for domain in result.scope) or "cpu" not in kinds.values():
        return None
    return trial.reading.joules(tuple(domain for domain, kind in kinds.items() if kind in HOST_KINDS))


def _per_iteration(count: Callable[[Generation], int]) -> Formula:
    """Tokens of one iteration."""
    return lambda trial, result: None if trial.generation is None else count(trial.generation) / trial.iterations


def _ratio(above: Formula, below: Formula) -> Formula:
    def of(trial: Trial, result: Result) -> float | None:
        numerator, denominator = above(trial, result), below(trial, result)
        return None if numerator is None or not denominator else numerator / denominator

    return of


def _of_generation(count: Callable[[Generation], float | None]) -> Formula:
    return lambda trial, result: None if trial.generation is None else count(trial.generation)


def _percentile(latency: Callable[[Request], float | None], share: float) -> Formula:
    """Linear between the two nearest requests, as NumPy's default."""

    def of(trial: Trial, result: Result) -> float | None:
        values = [] if trial.generation is None else [latency(request) for request in trial.generation.requests]
        known = sorted(value for value in values if value is not None)
        if not known:
            return None
        place = share * (len(known) - 1)
        below, above = known[math.floor(place)], known[math.ceil(place)]
        return below + (place - math.floor(place)) * (above - below)

    return of


def _mean_latency(latency: Callable[[Request], float | None]) -> Formula:
    def of(trial: Trial, result: Result) -> float | None:
        values = [] if trial.generation is None else [latency(request) for request in trial.generation.requests]
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if known else None

    return of


_output_tokens = _of_generation(lambda generation: generation.output_tokens)
_duration = lambda trial, result: trial.reading.duration_s  # noqa: E731 - a formula among formulas

_ALL = (
    Metric(
        name="joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over generated tokens",
        of=_ratio(_energy, _output_tokens),
    ),
    Metric(
        name="joules_per_input_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over prompt tokens",
        of=_ratio(_energy, _of_generation(lambda g: g.input_tokens)),
    ),
    Metric(
        name="joules_per_total_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over prompt and generated tokens",
        of=_ratio(_energy, _of_generation(lambda g: g.input_tokens + g.output_tokens)),
    ),
    Metric(
        name="prefill_joules_per_input_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope until every request has its first token over prompt tokens",
        of=_ratio(prefill_j, _per_iteration(lambda g: g.input_tokens)),
    ),
    Metric(
        name="decode_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope after that over generated tokens without the first of each request",
        of=_ratio(decode_j, _per_iteration(lambda g: g.output_tokens - len(g.requests))),
    ),
    Metric(
        name="net_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="net joules of the scope (gross less power at rest over the window) over generated tokens",
        of=_ratio(_net_energy, _output_tokens),
    ),
    Metric(
        name="host_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the CPU packages and memory beside a scope of GPUs over generated tokens",
        of=_ratio(_host_energy, _output_tokens),
    ),
    Metric(
        name="joules_per_request",
        unit="J/request",
        direction="lower",
        what="joules of the scope over finished requests",
        of=_ratio(_energy, _of_generation(lambda g: len(g.requests))),
    ),
    Metric(
        name="joules_per_accepted_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over accepted draft tokens",
        of=_ratio(_energy, _of_generation(lambda g: g.accepted_tokens)),
    ),
    Metric(
        name="joules_per_drafted_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over drafted tokens",
        of=_ratio(_energy, _of_generation(lambda g: g.drafted_tokens)),
    ),
    Metric(
        name="joules_per_iteration",
        unit="J",
        direction="lower",
        what="joules of the scope over repeats inside the window",
        of=_ratio(_energy, lambda trial, result: trial.iterations),
    ),
    Metric(
        name="output_tokens_per_joule",
        unit="tokens/J",
        direction="higher",
        what="generated tokens over joules of the scope",
        of=_ratio(_output_tokens, _energy),
    ),
    Metric(
        name="net_energy_j",
        unit="J",
        direction="lower",
        what="joules of the scope less its power at rest over the window",
        of=_net_energy,
    ),
    Metric(
        name="gpu_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered GPUs in the window",
        of=_kind_energy("gpu"),
    ),
    Metric(
        name="cpu_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered CPU packages in the window",
        of=_kind_energy("cpu"),
    ),
    Metric(
        name="dram_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered memory in the window",
        of=_kind_energy("dram"),
    ),
    Metric(
        name="soc_energy_j",
        unit="J",
        direction="lower",
        what="joules of the system on chip in the window",
        of=_kind_energy("soc"),
    ),
    Metric(
        name="total_energy_j",
        unit="J",
        direction="lower",
        what="joules of every metered domain in the window",
        of=lambda trial, result: trial.reading.joules(),
    ),
    Metric(
        name="avg_power_w",
        unit="W",
        direction=None,
        what="joules of the scope over seconds of the window",
        of=_ratio(_energy, _duration),
    ),
    Metric(name="window_s", unit="s", direction=None, what="length of the metered window", of=_duration),
    Metric(
        name="output_throughput",
        unit="tokens/s",
        direction="higher",
        what="generated tokens over seconds of the window",
        of=_ratio(_output_tokens, _duration),
    ),
    Metric(
        name="ttft",
        unit="s",
        direction="lower",
        what="mean time to first token",
        of=_mean_latency(lambda request: request.ttft_s),
    ),
    Metric(
        name="tpot",
        unit="s",
        direction="lower",
        what="mean time per output token after the first",
        of=_mean_latency(lambda request: request.tpot_s),
    ),
    *(
        Metric(
            name=f"{name}_p{percent}",
            unit="s",
            direction="lower",
            what=f"{what}: {percent} of 100 requests of the window stay below",
            of=_percentile(latency, percent / 100),
        )
        for name, what, latency in (
            ("ttft", "time to first token", lambda request: request.ttft_s),
            ("tpot", "time per output token after the first", lambda request: request.tpot_s),
        )
        for percent in (95, 99)
    ),
    Metric(
        name="e2el",
        unit="s",
        direction="lower",
        what="mean time to the last token",
        of=_mean_latency(lambda request: request.e2e_s),
    ),
    Metric(
        name="acceptance_rate",
        unit="1",
        direction="higher",
        what="accepted over drafted tokens",
        of=_of_generation(lambda g: g.acceptance),
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        ConfigurationError: Unknown name; the message offers the nearest ones.
    """
    if name not in METRICS:
        raise ConfigurationError(f"unknown metric {name!r}; use one of {', '.join(nearest(name, METRICS))}")
    return METRICS[name]


def nearest(name: str, known: Iterable[str], count: int = 5) -> list[str]:
    """The known names most like `name`, or the first ones when none is like it."""
    import difflib

    names = list(known)
    return difflib.get_close_matches(name, names, n=count, cutoff=0.3) or names[:count]


def headline(result: Result) -> Metric:
    """The metric that a result is judged by when nobody names one: per output token, else per iteration."""
    per_token = METRICS["joules_per_output_token"]
    known = any(trial.valid and per_token.of(trial, result) is not None for trial in result.trials)  # mostly the first
    return per_token if known else METRICS["joules_per_iteration"]


def own_error(known: Metric, result: Result) -> float:
    """One standard uncertainty of a value by itself, from the meter, as a share of it; 0 where none is stated.

    The median over the valid trials, for metrics that are joules of the scope over something that was counted.
    """
    of_scope = known.name.startswith(("joules_per_", "output_tokens_per_joule", "avg_power_w"))
    errors = [trial.reading.relative_error(result.scope) for trial in result.valid_trials] if of_scope else []
    stated = [error / COVERAGE for error in errors if error is not None]
    return median(stated) if stated else 0.0
