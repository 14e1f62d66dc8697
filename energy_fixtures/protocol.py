"""What to do next with a case: warm up, open a window, or stop. Pure; `runner` carries it out.

    warm-up, warm-up, ...          unmetered; their length sizes the windows
    window 0, window 1, ...        each over whole iterations, at least `min_window_s` long
    enough                         all rounds done, or the time is spent

Every window repeats the same number of iterations, so that trials are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ITERATIONS = 10_000
"""Repeats inside one window; work too short even for this (below 20 µs for 0.2 s) is not what a meter can see."""


SHORT = 0.8  # of the length that was asked for; below this a window is sized again


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to measure of one case.

    Attributes:
        warmup_rounds: Unmetered rounds before the first window; at least one is done where it has to size the windows.
        rounds: Windows, at least one.
        min_window_s: Work shorter than this is repeated inside one window.
        max_time_s: After this long in windows no further one is opened (but never fewer than two where `rounds` asks).
        iterations: Fixed repeats per window, one entry per window; None sizes them from the warm-up.
    """

    warmup_rounds: int
    rounds: int
    min_window_s: float
    max_time_s: float
    iterations: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """Do one unmetered iteration."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Meter `iterations` iterations as trial `index`."""

    index: int
    iterations: int


@dataclass(frozen=True, kw_only=True)
class Enough:
    """Stop; `cut_short` when time ran out before all rounds were done."""

    cut_short: bool


def next_step(plan: Plan, warmups_s: Sequence[float], windows_s: Sequence[float]) -> WarmUp | Window | Enough:
    """The next step after `warmups_s` and `windows_s`, the durations of what was done so far, in seconds."""
    if len(warmups_s) < max(0 if plan.iterations else 1, plan.warmup_rounds):
        return WarmUp(index=len(warmups_s))
    if plan.iterations is not None:
        if len(windows_s) < len(plan.iterations):
            return Window(index=len(windows_s), iterations=plan.iterations[len(windows_s)])
        return Enough(cut_short=False)
    if len(windows_s) >= plan.rounds:
        return Enough(cut_short=False)
    if len(windows_s) >= min(2, plan.rounds) and math.fsum(windows_s) >= plan.max_time_s:
        return Enough(cut_short=True)
    return Window(index=len(windows_s), iterations=iterations_for(plan.min_window_s, warmups_s[-1]))


def too_short(plan: Plan, window_s: float, iterations: int) -> bool:
    """Whether a first window came out so short that it was sized from a warm-up slower than what followed.

    Compiling, filling caches and starting a device make the first run slow; such a window is another warm-up.
    """
    return plan.iterations is None and iterations < MAX_ITERATIONS and window_s < SHORT * plan.min_window_s


def iterations_for(min_window_s: float, iteration_s: float) -> int:
    """How many iterations of `iteration_s` fill `min_window_s`, in [1, MAX_ITERATIONS].

    A tenth is added where more than one is needed: the warm-up that was timed tends to be slower than what follows.
    """
    if iteration_s >= min_window_s:
        return 1
    return min(MAX_ITERATIONS, math.ceil(1.1 * min_window_s / max(iteration_s, 1e-9)))
