"""Prefill told from decode inside one window: the engine's time stamps laid over the boards' power timelines.

    power      ▇▇▇▇▇▇▇▃▃▃▃▃▃▃▃▃▃▃▃▃▇▇▇▇▇▇▇▃▃▃▃▃▃▃▃▃▃▃▃▃
    spans      ├prefill┤           ├prefill┤             the rest is decode

Pure; the timelines' clock begins with the window, the spans' with the engine's work inside it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from energy_fixtures.records import Trial

FEWEST_SAMPLES = 8
"""Power samples that each phase needs inside one window, so that its mean power is more than an impression."""

OLDEST_S = 0.125
"""How old a power value may be when it is told, from 0 (arXiv 2312.02741: renewed every 20 to 100 ms, each the mean of
25 ms)."""

FEWEST_TIMES = 4
"""Times that a phase must last longer than a sampling gap, or than the oldest value: else it shows the phase before."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Prefill of one window from its own timeline, joules per iteration.

    `shift_j` is the standard uncertainty of where the boundary lies on the timeline; alike in all windows.
    """

    prefill_j: float
    shift_j: float


def inside(trial: Trial, scope: tuple[str, ...]) -> Inside | None:
    """Prefill of one window from its boards' timelines; None where one has none or the phases are too short for it.

    The counter's joules are shared out by the integral of power over the prefill spans. Where these lie on the timeline
    is known up to the gap between samples, up to the age of a value, and up to what the window is longer than the
    engine's work; the middle of each is assumed.
    """
    spans = prefill_spans_s(trial)
    joules = trial.reading.joules(scope)
    if not spans or joules is None or trial.generation is None:
        return None
    ends_s = [span.end_s for span in trial.generation.spans]
    slack_s = max(0.0, trial.reading.duration_s - ends_s[-1])
    late_s = (slack_s + OLDEST_S) / 2
    spans = [(start_s + late_s, first_s + late_s) for start_s, first_s in spans]
    prefill_s = math.fsum(first_s - start_s for start_s, first_s in spans) / len(spans)
    rest_s = trial.reading.duration_s / len(spans) - prefill_s
    prefill, shift = 0.0, 0.0
    for domain in scope:
        trace = trial.reading.boards.get(domain)
        timeline = () if trace is None else trace.timeline
        curve = _Curve([at_s for at_s, _, _ in timeline], [power_w for _, power_w, _ in timeline])
        if min(prefill_s, rest_s) < FEWEST_TIMES * max(curve.gap_s, OLDEST_S):  # first, as it is cheap and mostly so
            return None
        prefill_w, rest_w = curve.told_apart(spans)
        if min(len(prefill_w), len(rest_w)) < FEWEST_SAMPLES:
            return None
        whole = curve.integral(0.0, trial.reading.duration_s)
        part = math.fsum(curve.integral(*span) for span in spans)
        if whole <= 0:
            return None
        gain = trial.reading.energy_j[domain] / whole  # from sampled to counted joules
        step_w = abs(median(prefill_w) - median(rest_w))  # medians: samples at a boundary are of neither phase
        prefill += gain * part / len(spans)
        shift += (
            gain * step_w * math.hypot(curve.gap_s / math.sqrt(3), slack_s / math.sqrt(12), OLDEST_S / math.sqrt(12))
        )
    return Inside(prefill_j=prefill, shift_j=shift)


class _Curve:
    """Power over time, straight between samples and level outside them."""

    def __init__(self, times_s: Sequence[float], powers_w: Sequence[float]) -> None:
        self._times_s, self._powers_w = times_s, powers_w
        self._sums_j = [0.0]
        for (early_s, before_w), (late_s, after_w) in pairwise(zip(times_s, powers_w, strict=True)):
            self._sums_j.append(self._sums_j[-1] + (late_s - early_s) * (before_w + after_w) / 2)
        self.gap_s = median(late_s - early_s for early_s, late_s in pairwise(times_s)) if len(times_s) > 1 else math.inf

    def told_apart(self, spans: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
        """The samples inside of these spans, which are in order, and all others."""
        inside: list[float] = []
        outside: list[float] = []
        last = 0
        for since_s, until_s in spans:
            first, after = bisect_left(self._times_s, since_s), bisect_right(self._times_s, until_s)
            outside += self._powers_w[last:first]
            inside += self._powers_w[first:after]
            last = after
        return inside, [*outside, *self._powers_w[last:]]

    def integral(self, since_s: float, until_s: float) -> float:
        """Joules between two moments."""
        return self._until_j(until_s) - self._until_j(since_s)

    def _until_j(self, moment_s: float) -> float:
        times_s, powers_w = self._times_s, self._powers_w
        place = bisect_right(times_s, moment_s) - 1
        if place < 0:
            return (moment_s - times_s[0]) * powers_w[0]
        if place == len(times_s) - 1:
            return self._sums_j[-1] + (moment_s - times_s[-1]) * powers_w[-1]
        share = (moment_s - times_s[place]) / (times_s[place + 1] - times_s[place])
        power_w = powers_w[place] + share / 2 * (powers_w[place + 1] - powers_w[place])
        return self._sums_j[place] + (moment_s - times_s[place]) * power_w


def prefill_spans_s(trial: Trial) -> list[tuple[float, float]]:
    """Start and first token of every iteration; empty where one is unknown."""
    spans = () if trial.generation is None else trial.generation.spans
    known = [(span.start_s, span.first_token_s) for span in spans if span.first_token_s is not None]
    return known if len(known) == len(spans) == trial.iterations else []


def mean_prefill_s(trial: Trial) -> float | None:
    """Mean time from an iteration's start to its first tokens; None where it is unknown of one."""
    spans = prefill_spans_s(trial)
    return fmean(first_s - start_s for start_s, first_s in spans) if spans else None
