"""Energy of prefill and of decode in one iteration: told apart, and checked. Pure.

    iteration  ├──── prefill ────┤──────────────── decode ────────────────┤
               start             every request has its first token        start of the next one

Two ways of knowing:

    beside   windows of the same work that end at its first token hold prefill; what a full window takes more is decode
    inside   the power timeline of a full window, told apart by the engine's time stamps; needs phases of many samples

Each alone adds up to the whole by construction, so each needs a check from outside:

    beside   prefill's power beside × prefill's time inside the full windows  =  prefill's energy beside
    both     prefill beside + decode inside                                  =  the whole
    inside   nothing to hold it against

No allowance is made beyond the errors: a percentage of the whole would let any prefill pass where prefill is a small
part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from energy_fixtures.phase_timeline import inside, mean_prefill_s
from energy_fixtures.readings import COVERAGE
from energy_fixtures.records import Result, Trial

Route = Literal["beside", "inside", "both"]
"""`both`: prefill from beside, decode from inside."""

STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom; the last serves for more, 14 % too wide at most."""

ROUNDING = 1e-9  # of the whole: sums of equal windows differ by this without meaning anything

FEW = "a spread needs >= 2 valid windows of each kind"
NO_TIMES = "the engine does not tell when its first tokens came"
ALONE = "both phases come from one timeline, and there are no windows that end at the first token to hold against it"


@dataclass(frozen=True, kw_only=True)
class PhaseSplit:
    """Joules of the scope in one iteration by phase, each with one standard uncertainty (COVERAGE times it: 95 %).

    Attributes:
        route: Where the phases come from.
        prefill_j, decode_j, whole_j: Means over the valid windows.
        prefill_u_j, decode_u_j, whole_u_j: None where fewer than two valid windows leave them unknown.
        residual_j, residual_u_j: What the check of the route leaves over, and its error; None where there is no check.
        adds_up: Whether the residual is explained by its error; None where that cannot be said.
        unchecked: Why it cannot be said; None where it can.
    """

    route: Route
    prefill_j: float
    prefill_u_j: float | None
    decode_j: float
    decode_u_j: float | None
    whole_j: float
    whole_u_j: float | None
    residual_j: float | None
    residual_u_j: float | None
    adds_up: bool | None
    unchecked: str | None


@dataclass(frozen=True, kw_only=True)
class _Mean:
    """A mean with one standard uncertainty, None for unknown."""

    value: float
    u: float | None

    def less(self, other: _Mean) -> _Mean:
        return _Mean(value=self.value - other.value, u=_hypot(self.u, other.u))


def split(result: Result) -> PhaseSplit | None:
    """Both phases from the valid trials of a result, summed over its scope; None where neither way is open."""
    whole = _mean_energy(_metered(result.trials, result.scope), result.scope)
    beside, within = _beside(result), _within(result)
    if whole is None:
        return None
    if beside is not None and within is not None:  # whole - (prefill beside + (whole - prefill inside))
        return _phases("both", beside, whole.less(within), whole, within.less(beside), FEW)
    if beside is not None:
        residual = _residual(result)
        return _phases("beside", beside, whole.less(beside), whole, residual, NO_TIMES if residual is None else FEW)
    return None if within is None else _phases("inside", within, whole.less(within), whole, None, ALONE)


def prefill_j(trial: Trial, result: Result) -> float | None:
    """Prefill's joules per iteration: of a window beside `trial`, else from inside it.

    The first valid trial goes with the first valid window beside, and so on; what has no partner is None.
    """
    beside = _metered(result.prefill_trials, result.scope)
    if not beside:
        found = inside(trial, result.scope)
        return None if found is None else found.prefill_j
    valid = [one.index for one in result.valid_trials]
    place = valid.index(trial.index) if trial.index in valid else len(beside)
    return _energy(beside[place], result.scope) / beside[place].iterations if place < len(beside) else None


def decode_j(trial: Trial, result: Result) -> float | None:
    """Decode's joules per iteration: from inside `trial` where all valid ones allow it, else what prefill leaves over."""
    whole_j = trial.reading.joules(result.scope)
    found = inside(trial, result.scope)
    prefill = prefill_j(trial, result) if found is None or _within(result) is None else found.prefill_j
    return None if whole_j is None or prefill is None else whole_j / trial.iterations - prefill


def _phases(
    route: Route, prefill: _Mean, decode: _Mean, whole: _Mean, residual: _Mean | None, unchecked: str
) -> PhaseSplit:
    adds_up = None
    if residual is not None and residual.u is not None:
        adds_up = abs(residual.value) <= COVERAGE * residual.u + ROUNDING * whole.value
    return PhaseSplit(
        route=route,
        prefill_j=prefill.value,
        prefill_u_j=prefill.u,
        decode_j=decode.value,
        decode_u_j=decode.u,
        whole_j=whole.value,
        whole_u_j=whole.u,
        residual_j=None if residual is None else residual.value,
        residual_u_j=None if residual is None else residual.u,
        adds_up=adds_up,
        unchecked=unchecked if adds_up is None else None,
    )


def _beside(result: Result) -> _Mean | None:
    trials = _metered(result.prefill_trials, result.scope)
    mean = _mean_energy(trials, result.scope)
    return None if mean is None else _Mean(value=mean.value, u=_hypot(mean.u, _after_token_j(trials, result.scope)))


def _after_token_j(trials: Sequence[Trial], scope: tuple[str, ...]) -> float:
    """What a call takes after its first token, at the window's mean power, as one standard uncertainty.

    It is in prefill's joules beside and in decode's inside, so it may be all theirs or not at all (rectangular).
    """
    later_s = [
        max(0.0, trial.reading.duration_s / trial.iterations - time_s)
        for trial in trials
        if (time_s := mean_prefill_s(trial)) is not None
    ]
    powers_w = [_energy(trial, scope) / trial.reading.duration_s for trial in trials]
    return fmean(later_s) * fmean(powers_w) / math.sqrt(3) if later_s else 0.0


def _residual(result: Result) -> _Mean | None:
    """Prefill as it ran inside the full windows less prefill as it ran beside them; None where its time is unknown."""
    times_s = [mean_prefill_s(trial) for trial in _metered(result.trials, result.scope)]
    if None in times_s:
        return None
    time = _mean([time_s for time_s in times_s if time_s is not None], 0.0)
    beside = _metered(result.prefill_trials, result.scope)
    powers_w = [_energy(trial, result.scope) / trial.reading.duration_s for trial in beside]
    # window by window: what a window's power is off cancels, as it is in both sides
    left_j = [
        power_w * (time.value - trial.reading.duration_s / trial.iterations)
        for power_w, trial in zip(powers_w, beside, strict=True)
    ]
    left = _mean(left_j, 0.0)
    time_j = None if time.u is None else time.u * fmean(powers_w)
    return _Mean(value=left.value, u=_hypot(left.u, time_j, _after_token_j(beside, result.scope)))


def _within(result: Result) -> _Mean | None:
    """Prefill from inside the valid trials; None where one of them does not allow it."""
    found = []
    for trial in _metered(result.trials, result.scope):
        one = inside(trial, result.scope)
        if one is None:
            return None
        found.append(one)
    if not found:
        return None
    mean = _mean([one.prefill_j for one in found], 0.0)
    return _Mean(value=mean.value, u=_hypot(mean.u, fmean(one.shift_j for one in found)))


def _mean_energy(trials: Sequence[Trial], scope: tuple[str, ...]) -> _Mean | None:
    if not trials:
        return None
    stated = [_stated_j(trial, scope) for trial in trials]
    known = [error_j for error_j in stated if error_j is not None]
    least_j = math.hypot(*known) / len(trials) if len(known) == len(trials) else 0.0
    return _mean([_energy(trial, scope) / trial.iterations for trial in trials], least_j)


def _mean(values: Sequence[float], least: float) -> _Mean:
    """Mean of a few values; from their spread, its uncertainty is such that COVERAGE times it is Student's interval.

    The spread of windows holds the meter's own error already, so that error (`least`) is a floor and not added: few
    windows may lie close together by chance.
    """
    if len(values) < 2:
        return _Mean(value=values[0], u=None)
    quantile = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    spread = stdev(values) / math.sqrt(len(values)) * quantile / COVERAGE
    return _Mean(value=fmean(values), u=max(spread, least))


def _metered(trials: Sequence[Trial], scope: tuple[str, ...]) -> list[Trial]:
    """The valid trials with joules of the whole scope and a length."""
    return [one for one in trials if one.valid and one.reading.joules(scope) is not None and one.reading.duration_s > 0]


def _energy(trial: Trial, scope: tuple[str, ...]) -> float:
    return math.fsum(trial.reading.energy_j[domain] for domain in scope)


def _stated_j(trial: Trial, scope: tuple[str, ...]) -> float | None:
    """The meter's own standard uncertainty per iteration; None where it states none."""
    errors = trial.reading.uncertainty_j
    if any(domain not in errors for domain in scope):
        return None
    return math.hypot(*(errors[domain] for domain in scope)) / trial.iterations


def _hypot(*parts: float | None) -> float | None:
    """Independent uncertainties together; unknown where one is."""
    known = [part for part in parts if part is not None]
    return math.hypot(*known) if len(known) == len(parts) else None
