"""The energy at a moment between two steps of a counter; pure.

A counter that steps every 100 ms does not say what was drawn between its last step and a window's end:

    counter   ────────┐before          ┌────────  after     known: both steps in time and energy,
                      └────────────────┘                    so the mean power p between them
    power     ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂       and, from samples and the next step,
                      ↑        ↑moment         ↑            the power b before and a after
                      0        v               1            (in units of the step's length)

Three curves have the right mean: level power, a smooth change from b to a (cubic Hermite in energy), one sudden change
from b to a whose place follows from p. A large difference between b and a is taken for a sudden change, because work that
begins or ends does that; a small one for a smooth change. What the curves disagree on is the uncertainty: none where
power is level, some where it changes once, most where it changes faster than the counter steps.
The weights below were set so that the 95 % interval holds on constant, square (0.15 to 3 s), sine (0.3 and 2 s), ending
and decaying power; `tests/energy_fixtures/meters/test_edges.py` checks them on other draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SMOOTH, SUDDEN = 0.25, 0.5  # |a - b| / p: below the first a smooth change is assumed, above the second a sudden one
SLACK = 0.05  # of a step's length: a sudden change may seem to lie this far outside it, by noise
UNSTEADY = 0.5  # standard uncertainty per spread among the powers on one side, times sqrt(v (1 - v)) of the step
UNDECIDED = 0.6  # the same per difference between a sudden and a smooth change: powers may be a little old
UNEXPLAINED = 0.5  # the same per largest difference from p, where no single change explains p
LEVEL = 0.01  # power that seems level is so to within this


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One step of a counter: when it was seen, give or take one standard uncertainty, and its value since then."""

    at_s: float
    error_s: float
    energy_j: float


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the counter would show at a moment if it did not step.

    `tick_j` and `edges_j` are standard uncertainties, from when the steps were and from what power did between them.
    """

    energy_j: float
    tick_j: float
    edges_j: float


def after_tick(tick: Tick, moment_s: float, powers_w: Sequence[float], around_w: Sequence[float] = ()) -> Edge:
    """Shortly after a step, with samples of the power since about then: it is drawn on at their latest.

    Args:
        tick: The last step before the moment, or one seen just after it.
        moment_s: On the tick's clock.
        powers_w: At least one, the latest last.
        around_w: Others from about then: power may have moved so far unseen, as its sensor is up to a tenth late.
    """
    since_s = moment_s - tick.at_s
    power_w = powers_w[-1]
    swing_w = max(*powers_w, *around_w, power_w) - min(*powers_w, *around_w, power_w)
    # power is either what it was or has moved all the way, and at the window's other end perhaps the same way
    edges_j = abs(since_s) * math.hypot(0.75 * swing_w, LEVEL * power_w)
    return Edge(energy_j=tick.energy_j + power_w * since_s, tick_j=power_w * tick.error_s, edges_j=edges_j)


def between_ticks(
    before: Tick, after: Tick, moment_s: float, before_w: Sequence[float], after_w: Sequence[float]
) -> Edge:
    """Between two steps.

    Args:
        before, after: Neighbouring steps.
        moment_s: Between them (it is moved there where it is not).
        before_w: Powers before the first step, the latest first; empty where nothing is known.
        after_w: Powers after the second, each by another way of knowing; empty where nothing is known.

    Example:
        >>> first, second = Tick(at_s=0, error_s=0, energy_j=0), Tick(at_s=0.1, error_s=0, energy_j=25)
        >>> between_ticks(first, second, 0.04, [400], [100]).energy_j  # 400 W until 50 ms, 100 W after
        16.0
    """
    length_s = after.at_s - before.at_s
    place = min(1.0, max(0.0, (moment_s - before.at_s) / length_s))
    mean_w = (after.energy_j - before.energy_j) / length_s
    width = math.sqrt(place * (1 - place))
    guesses_w, disagreement_w = [], 0.0
    b = before_w[0] if before_w else mean_w
    for a in after_w or [mean_w]:
        guess_w, apart_w = _guess(mean_w, b, a, place, width)
        guesses_w.append(guess_w)
        disagreement_w = max(disagreement_w, apart_w)
    parts_w = [
        disagreement_w,
        (max(guesses_w) - min(guesses_w)) / 2,
        UNSTEADY * width * max(_spread(before_w), _spread(after_w)),
        LEVEL * width * mean_w,
    ]
    if not before_w or not after_w:  # nothing says that power was level: it may have stopped inside
        parts_w.append(UNEXPLAINED * width * mean_w)
    return Edge(
        energy_j=before.energy_j + length_s * sum(guesses_w) / len(guesses_w),
        tick_j=mean_w * before.error_s,
        edges_j=length_s * math.hypot(*parts_w),
    )


def _guess(p: float, b: float, a: float, place: float, width: float) -> tuple[float, float]:
    """Energy until `place` over the step's length, and how far the curves are apart, both in W."""
    smooth = (place**3 - 2 * place**2 + place) * b + (3 * place**2 - 2 * place**3) * p + (place**3 - place**2) * a
    smooth = min(max(smooth, 0.0), max(p, 0.0))
    changed_at = (p - a) / (b - a) if b != a else math.nan
    if not -SLACK <= changed_at <= 1 + SLACK:  # also for nan: level on both sides
        return p * place, max(abs(smooth - p * place), UNEXPLAINED * width * max(abs(b - p), abs(a - p)))
    changed_at = min(1.0, max(0.0, changed_at))
    whole = b * changed_at + a * (1 - changed_at)  # p, unless the change seemed to lie outside
    sudden = (b * min(place, changed_at) + a * max(0.0, place - changed_at)) * (p / whole if whole > 0 else 0.0)
    suddenness = min(1.0, max(0.0, (abs(b - a) / max(p, 1e-9) - SMOOTH) / (SUDDEN - SMOOTH)))
    return suddenness * sudden + (1 - suddenness) * smooth, UNDECIDED * abs(sudden - smooth)


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values) if values else 0.0
