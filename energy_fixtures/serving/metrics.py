"""What can be said of an arrival run as a number; None for every other kind of work."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from energy_fixtures.formulas import Formula, Metric, energy, percentile, quantile, ratio
from energy_fixtures.records import Result, Trial
from energy_fixtures.serving.checks import FAILED
from energy_fixtures.serving.records import Gaps, ServingRun
from energy_fixtures.serving.slo import is_good, is_met


def _runs(trial: Trial) -> tuple[ServingRun, ...]:
    return () if trial.generation is None else trial.generation.serving


def _summed(of: Callable[[ServingRun], float | None]) -> Formula:
    """Over all runs of a window; None where one of them does not say."""

    def formula(trial: Trial, result: Result) -> float | None:
        values = [of(run) for run in _runs(trial)]
        known = [value for value in values if value is not None]
        return math.fsum(known) if values and len(known) == len(values) else None

    return formula


def _steady_energy(trial: Trial, result: Result) -> float | None:
    """Joules of the scope in the steady states; None where a meter could not look, or what it saw cannot be true.

    The meter looks a little after the moments that it is told of: its mean power counts for the whole of the state.
    """
    total_j = 0.0
    for run in _runs(trial):
        steady = run.steady
        if steady is None or steady.reading is None or steady.reading.invalid_reasons:
            return None
        joules = steady.reading.joules(result.scope)
        if joules is None or steady.reading.duration_s <= 0:
            return None
        total_j += joules * steady.duration_s / steady.reading.duration_s
    return total_j or None


def _steady_request_energy(trial: Trial, result: Result) -> float | None:
    per_token_j, tokens_each = _steady_per_token(trial, result), _tokens_each(trial)
    return None if per_token_j is None or tokens_each is None else per_token_j * tokens_each


def _tokens_each(trial: Trial) -> float | None:
    generation = trial.generation
    return (
        None if generation is None or not generation.requests else generation.output_tokens / len(generation.requests)
    )


def _gap(of: Callable[[Gaps], float]) -> Formula:
    """Of the one run of a window; of several runs the mean, weighted by their gaps."""

    def formula(trial: Trial, result: Result) -> float | None:
        gaps = [run.gaps for run in _runs(trial) if run.gaps is not None]
        count = sum(one.count for one in gaps)
        return math.fsum(of(one) * one.count for one in gaps) / count if count else None

    return formula


def _lag_p99(trial: Trial, result: Result) -> float | None:
    lags = sorted(served.sent_s - served.due_s for run in _runs(trial) for served in run.requests)
    return quantile(lags, 0.99) if lags else None


def _good(trial: Trial, result: Result) -> float | None:
    level = result.service_level
    if level is None or trial.generation is None or not _runs(trial):
        return None
    return float(sum(is_good(request, level) for request in trial.generation.requests))


def _met(trial: Trial, result: Result) -> float | None:
    level = result.service_level
    if level is None or trial.generation is None or not _runs(trial):
        return None
    sent = sum(len(run.requests) for run in _runs(trial))
    return float(is_met(trial.generation.requests, sent, level))


def _tokens(trial: Trial, result: Result) -> float | None:
    return None if trial.generation is None or not _runs(trial) else trial.generation.output_tokens


def _energy_at_level(trial: Trial, result: Result) -> float | None:
    return energy(trial, result) if _met(trial, result) else None


_steady_tokens = _summed(lambda run: None if run.steady is None else run.steady.output_tokens)
_steady_s = _summed(lambda run: None if run.steady is None else run.steady.duration_s)
_run_s = _summed(lambda run: run.duration_s)
_answers = _summed(lambda run: float(sum(served.failure is None for served in run.requests)))
_sent_s = _summed(lambda run: max(served.due_s for served in run.requests))
_sent = _summed(lambda run: float(len(run.requests) - 1))
_steady_per_token = ratio(_steady_energy, _steady_tokens)


@dataclass(frozen=True, kw_only=True)
class _OfAllSent(Metric):
    """Also of the trials that failed requests have voided: no level is met by leaving those out."""

    def values(self, result: Result) -> tuple[float, ...]:
        """One value per trial that is valid, or whose requests failed."""
        trials = [trial for trial in result.trials if trial.valid or _VOIDING.intersection(trial.invalid_reasons)]
        values = [self.of(trial, result) for trial in trials]
        return tuple([value for value in values if value is not None])


_VOIDING = frozenset(FAILED.values())

SERVING = (
    Metric(
        name="steady_joules_per_output_token",
        unit="J/token",
        direction="lower",
        what="joules of the scope in the steady state over tokens generated inside it",
        of=_steady_per_token,
    ),
    Metric(
        name="steady_joules_per_request",
        unit="J/request",
        direction="lower",
        what="that, times the mean output tokens of a request: derived, not metered",
        of=_steady_request_energy,
    ),
    Metric(
        name="steady_power_w",
        unit="W",
        direction=None,
        what="joules of the scope in the steady state over its seconds",
        of=ratio(_steady_energy, _steady_s),
    ),
    Metric(
        name="steady_output_throughput",
        unit="tokens/s",
        direction="higher",
        what="tokens generated in the steady state over its seconds",
        of=ratio(_steady_tokens, _steady_s),
    ),
    Metric(
        name="request_throughput",
        unit="requests/s",
        direction="higher",
        what="whole answers over seconds from the first request to the last answer",
        of=ratio(_answers, _run_s),
    ),
    Metric(
        name="offered_rate",
        unit="requests/s",
        direction=None,
        what="requests after the first over seconds until the last was due",
        of=ratio(_sent, _sent_s),
    ),
    Metric(
        name="goodput",
        unit="requests/s",
        direction="higher",
        what="answers that keep every limit of --energy-slo over seconds from the first request to the last answer",
        of=ratio(_good, _run_s),
    ),
    _OfAllSent(
        name="slo_met",
        unit="1",
        direction="higher",
        what="1 where enough of all requests keep each limit of --energy-slo, else 0; trials whose requests failed count",
        of=_met,
    ),
    Metric(
        name="joules_per_output_token_at_slo",
        unit="J/token",
        direction="lower",
        what="joules of the scope over generated tokens, of trials that meet --energy-slo alone",
        of=ratio(_energy_at_level, _tokens),
    ),
    Metric(
        name="joules_per_good_request",
        unit="J/request",
        direction="lower",
        what="joules of the scope over answers that keep every limit of --energy-slo",
        of=ratio(energy, _good),
    ),
    Metric(
        name="itl",
        unit="s",
        direction="lower",
        what="mean gap between two chunks of an answer",
        of=_gap(lambda gaps: gaps.mean_s),
    ),
    Metric(
        name="itl_p95",
        unit="s",
        direction="lower",
        what="gap between two chunks of an answer: 95 of 100 of the run stay below",
        of=_gap(lambda gaps: gaps.p95_s),
    ),
    Metric(
        name="itl_p99",
        unit="s",
        direction="lower",
        what="gap between two chunks of an answer: 99 of 100 of the run stay below",
        of=_gap(lambda gaps: gaps.p99_s),
    ),
    Metric(
        name="e2el_p99",
        unit="s",
        direction="lower",
        what="time to the last token: 99 of 100 requests of the window stay below",
        of=percentile(lambda request: request.e2e_s, 0.99),
    ),
    Metric(
        name="schedule_lag_p99",
        unit="s",
        direction="lower",
        what="time from due to sent: 99 of 100 requests of the window stay below",
        of=_lag_p99,
    ),
)
