"""What can be said of one trial as a number: name, unit, direction, formula.

A metric is a function of one Trial and the Result it belongs to; it is None where it cannot be computed, never 0.
J/token of a trial is its joules over its tokens, never a mean of per-request ratios: requests inside a trial are
not independent samples. Latency words have vLLM's definitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.formulas import (
    HOST_KINDS,
    Formula,
    Metric,
    duration,
    energy,
    host_energy,
    kind_energy,
    mean_latency,
    net_energy,
    of_generation,
    output_tokens,
    per_iteration,
    percentile,
    ratio,
)
from energy_fixtures.phases import decode_j, prefill_j
from energy_fixtures.readings import COVERAGE
from energy_fixtures.records import Result
from energy_fixtures.serving.metrics import SERVING

__all__ = ["HOST_KINDS", "METRICS", "Formula", "Metric", "headline", "metric", "nearest", "own_error"]

_ALL = (
    Metric(
        name="joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over generated tokens",
        of=ratio(energy, output_tokens),
    ),
    Metric(
        name="joules_per_input_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over prompt tokens",
        of=ratio(energy, of_generation(lambda g: g.input_tokens)),
    ),
    Metric(
        name="joules_per_total_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over prompt and generated tokens",
        of=ratio(energy, of_generation(lambda g: g.input_tokens + g.output_tokens)),
    ),
    Metric(
        name="prefill_joules_per_input_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope until every request has its first token over prompt tokens",
        of=ratio(prefill_j, per_iteration(lambda g: g.input_tokens)),
    ),
    Metric(
        name="decode_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope after that over generated tokens without the first of each request",
        of=ratio(decode_j, per_iteration(lambda g: g.output_tokens - len(g.requests))),
    ),
    Metric(
        name="net_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="net joules of the scope (gross less power at rest over the window) over generated tokens",
        of=ratio(net_energy, output_tokens),
    ),
    Metric(
        name="host_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the CPU packages and memory beside a scope of GPUs over generated tokens",
        of=ratio(host_energy, output_tokens),
    ),
    Metric(
        name="joules_per_request",
        unit="J/request",
        direction="lower",
        what="joules of the scope over finished requests",
        of=ratio(energy, of_generation(lambda g: len(g.requests))),
    ),
    Metric(
        name="joules_per_accepted_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over accepted draft tokens",
        of=ratio(energy, of_generation(lambda g: g.accepted_tokens)),
    ),
    Metric(
        name="joules_per_drafted_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope over drafted tokens",
        of=ratio(energy, of_generation(lambda g: g.drafted_tokens)),
    ),
    Metric(
        name="joules_per_iteration",
        unit="J",
        direction="lower",
        what="joules of the scope over repeats inside the window",
        of=ratio(energy, lambda trial, result: trial.iterations),
    ),
    Metric(
        name="output_tokens_per_joule",
        unit="tokens/J",
        direction="higher",
        what="generated tokens over joules of the scope",
        of=ratio(output_tokens, energy),
    ),
    Metric(
        name="net_energy_j",
        unit="J",
        direction="lower",
        what="joules of the scope less its power at rest over the window",
        of=net_energy,
    ),
    Metric(
        name="gpu_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered GPUs in the window",
        of=kind_energy("gpu"),
    ),
    Metric(
        name="cpu_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered CPU packages in the window",
        of=kind_energy("cpu"),
    ),
    Metric(
        name="dram_energy_j",
        unit="J",
        direction="lower",
        what="joules of all metered memory in the window",
        of=kind_energy("dram"),
    ),
    Metric(
        name="soc_energy_j",
        unit="J",
        direction="lower",
        what="joules of the system on chip in the window",
        of=kind_energy("soc"),
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
        of=ratio(energy, duration),
    ),
    Metric(name="window_s", unit="s", direction=None, what="length of the metered window", of=duration),
    Metric(
        name="output_throughput",
        unit="tokens/s",
        direction="higher",
        what="generated tokens over seconds of the window",
        of=ratio(output_tokens, duration),
    ),
    Metric(
        name="ttft",
        unit="s",
        direction="lower",
        what="mean time to first token",
        of=mean_latency(lambda request: request.ttft_s),
    ),
    Metric(
        name="tpot",
        unit="s",
        direction="lower",
        what="mean time per output token after the first",
        of=mean_latency(lambda request: request.tpot_s),
    ),
    *(
        Metric(
            name=f"{name}_p{percent}",
            unit="s",
            direction="lower",
            what=f"{what}: {percent} of 100 requests of the window stay below",
            of=percentile(latency, percent / 100),
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
        of=mean_latency(lambda request: request.e2e_s),
    ),
    Metric(
        name="acceptance_rate",
        unit="1",
        direction="higher",
        what="accepted over drafted tokens",
        of=of_generation(lambda g: g.acceptance),
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*_ALL, *SERVING)}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        ConfigurationError: Unknown name; the message offers the nearest ones.
    """
    if name not in METRICS:
        raise ConfigurationError(f"unknown metric {name!r}; use one of {', '.join(nearest(name, METRICS))}")
    return METRICS[name]


MOST_COMPARED = 500
"""Characters of a name that is held against others; the time grows with their square, and longer ones are like none."""


def nearest(name: str, known: Iterable[str], count: int = 5) -> list[str]:
    """The known names most like `name`, or the first ones when none is like it."""
    import difflib

    names = list(known)
    near = [] if len(name) > MOST_COMPARED else difflib.get_close_matches(name, names, n=count, cutoff=0.3)
    return near or names[:count]


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
