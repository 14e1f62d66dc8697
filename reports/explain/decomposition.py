"""A change in energy split into factors, exactly: what each adds to the logarithm of the whole.

    J/token       =  power  ×  seconds per iteration  ÷  tokens per iteration
    Δ ln(J/token) = Δ ln(power) + Δ ln(seconds) − Δ ln(tokens)

Seconds are prefill's and decode's together. A sum is shared out by the logarithmic mean L, which leaves nothing over:

    Δ ln(seconds) = Δ prefill / L + Δ decode / L,   L = (seconds' − seconds) / Δ ln(seconds)

Source:
    B. W. Ang, "Decomposition analysis for policymaking in energy", Energy Policy 32 (2004): the logarithmic mean Divisia
    index in its additive form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from energy_fixtures.metrics import METRICS, Metric, headline
from energy_fixtures.phases import split
from energy_fixtures.readings import COVERAGE
from energy_fixtures.records import Result, Trial
from reports.explain.parts import Name, Noise, Part, compared, log_mean, noise_of
from reports.noise import Between

PER_TOKEN, PER_ITERATION, POWER = (
    METRICS[name] for name in ("joules_per_output_token", "joules_per_iteration", "avg_power_w")
)


@dataclass(frozen=True, kw_only=True)
class Split:
    """The whole and its parts.

    Attributes:
        metric: Name of what the whole is: joules per output token, or per iteration where there are no tokens.
        whole: The change of that metric.
        power, time, tokens: What they add sums to the whole's change. `tokens` is None where there are none.
        phases: Prefill and decode by time; what they add sums to time's. Empty where first tokens are not known.
        energies: Prefill and decode by joules, as shares of the change of joules per iteration; empty where phases were
            not measured on both sides, or do not add up.
        windows: Trials that count, before and after.
    """

    metric: str
    whole: Part
    power: Part
    time: Part
    tokens: Part | None
    phases: tuple[Part, ...]
    energies: tuple[Part, ...]
    windows: tuple[int, int]


def split_change(baseline: Result, candidate: Result, level: float, between: Between | None) -> Split | None:
    """Split the change of the metric that both are judged by; None where there is nothing to split.

    The whole, the seconds and the tokens are ratios of means, as everywhere in the report. Power is what closes the
    identity: where all windows hold the same work, all joules over all seconds.

    Args:
        baseline, candidate: Joules of the same scope, obtained by the same method.
        level: Confidence of the intervals, in (0, 1).
        between: What two sessions differ by on their own; None where both sides are of one session.
    """
    known = PER_TOKEN if headline(baseline) is headline(candidate) is PER_TOKEN else PER_ITERATION
    old, new = _counted(known, baseline), _counted(known, candidate)
    noise, time_noise = noise_of(known, baseline, candidate, level, between), Noise(level=level, between=between)
    whole = compared("energy", known.values(baseline), known.values(candidate), noise)
    time = compared("time", _seconds(old), _seconds(new), time_noise)
    power = compared("power", POWER.values(baseline), POWER.values(candidate), noise)
    tokens = _divisor(_tokens(old), _tokens(new), level) if known is PER_TOKEN else None
    if whole is None or time is None or power is None or (known is PER_TOKEN and tokens is None):
        return None
    before, after, adds = (1.0, 1.0, 0.0) if tokens is None else (tokens.before, tokens.after, tokens.adds)
    power = replace(
        power,
        before=whole.before * before / time.before,
        after=whole.after * after / time.after,
        adds=whole.adds - time.adds - adds,
    )
    return Split(
        metric=known.name,
        whole=whole,
        power=power,
        time=time,
        tokens=tokens,
        phases=_phases(time, old, new, time_noise),
        energies=_energies(baseline, candidate, time_noise.days),
        windows=(len(old), len(new)),
    )


def _divisor(base: Sequence[float], new: Sequence[float], level: float) -> Part | None:
    """Tokens: they divide the whole, are counted without error, and need no spread where all windows hold the same."""
    found = compared("tokens", base, new, Noise(level=level))
    if found is None:
        return None
    constant = len(set(base)) == len(set(new)) == 1
    return replace(found, adds=-found.adds, reach=0.0 if constant else found.reach)


def _phases(time: Part, old: Sequence[Trial], new: Sequence[Trial], noise: Noise) -> tuple[Part, ...]:
    """Prefill and decode by time; what follows a window's last token is decode's."""
    before, after = _prefill_s(old), _prefill_s(new)
    prefill = compared("prefill", before, after, noise)
    if prefill is None:
        return ()
    decode = compared("decode", _less(_seconds(old), before), _less(_seconds(new), after), noise)
    if decode is None:
        return ()
    mean_s = log_mean(time.before, time.after)
    prefill = _weighted(prefill, mean_s)
    return prefill, replace(_weighted(decode, mean_s), adds=time.adds - prefill.adds)  # not off by a rounding


def _weighted(phase: Part, mean: float) -> Part:
    """A phase's change in units of the whole's logarithm."""
    weight = log_mean(phase.before, phase.after) / mean
    return replace(phase, adds=weight * phase.adds, reach=None if phase.reach is None else weight * phase.reach)


def _energies(baseline: Result, candidate: Result, days: float) -> tuple[Part, ...]:
    """Prefill and decode by joules, with 95 % intervals: those of `energy_fixtures.phases`."""
    if not baseline.prefill_trials or not candidate.prefill_trials:
        return ()
    old, new = split(baseline), split(candidate)
    if old is None or new is None or old.adds_up is False or new.adds_up is False:
        return ()
    if min(old.prefill_j, old.decode_j, new.prefill_j, new.decode_j) <= 0:
        return ()
    mean_j = log_mean(old.whole_j, new.whole_j)

    def part(name: Name, before_j: float, after_j: float, *errors_j: float | None) -> Part:
        known_j = [error_j for error_j in errors_j if error_j is not None]
        reach_j = math.hypot(COVERAGE * math.hypot(*known_j), days * after_j) if len(known_j) == len(errors_j) else None
        return Part(
            name=name,
            before=before_j,
            after=after_j,
            adds=(after_j - before_j) / mean_j,
            reach=None if reach_j is None else reach_j / mean_j,
        )

    return (
        part("prefill", old.prefill_j, new.prefill_j, old.prefill_u_j, new.prefill_u_j),
        part("decode", old.decode_j, new.decode_j, old.decode_u_j, new.decode_u_j),
    )


def _counted(known: Metric, result: Result) -> list[Trial]:
    """The valid trials that have a value of the metric."""
    return [trial for trial in result.valid_trials if known.of(trial, result) is not None]


def _seconds(trials: Sequence[Trial]) -> list[float]:
    return [trial.reading.duration_s / trial.iterations for trial in trials]


def _tokens(trials: Sequence[Trial]) -> list[float]:
    return [trial.generation.output_tokens / trial.iterations for trial in trials if trial.generation is not None]


def _less(wholes: Sequence[float], parts: Sequence[float]) -> list[float]:
    return [whole - part for whole, part in zip(wholes, parts, strict=True)]


def _prefill_s(trials: Sequence[Trial]) -> list[float]:
    """Mean seconds to the first tokens of an iteration by window; empty where one window does not know all of them."""
    means = []
    for trial in trials:
        spans = () if trial.generation is None else trial.generation.spans
        times = [span.first_token_s - span.start_s for span in spans if span.first_token_s is not None]
        if len(times) != trial.iterations:
            return []
        means.append(fmean(times))
    return means
