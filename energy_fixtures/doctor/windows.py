"""How long a window has to be for an error; pure.

A window's joules are uncertain by what its two ends are uncertain by, so by sqrt(2) · edge_j, however long it is:

    error = COVERAGE · sqrt(2) · edge_j / (power_w · window_s)

Level load. An end is known to the moment of a counter's tick. That moment is uncertain by what consecutive windows at
rest show, and by no less than one reading's length; it weighs as much as the power, so the share is the same at any
power. "Level" means to within a hundredth, as the meter takes it (`meters/edges.py`). The counter's own step weighs most
at the lowest power: idle power is taken.

Changing load. Where power changes inside the tick in which a window ends, the counter says how much the tick held, not
how much of it came before the end. At worst power jumps once, by `swing_w`, at any moment of the tick; the joules
before the end are then spread evenly over up to period_s · swing_w, whose standard deviation is that over sqrt(12).
"""

from __future__ import annotations

import math

from energy_fixtures.examination import IdlePower, ShortestWindow
from energy_fixtures.meters.base import Cadence
from energy_fixtures.meters.edges import LEVEL
from energy_fixtures.readings import COVERAGE

LEAST_PERIODS = 2
"""A window without a whole update of the counter inside holds nothing that it could read."""


def shortest_window_s(*, error: float, edge_j: float, power_w: float) -> float:
    """The window whose joules are known to ± `error` in 95 of 100 cases.

    Args:
        error: Half of the 95 % interval as a share of the window's joules, > 0.
        edge_j: One standard uncertainty of the joules at one end.
        power_w: Mean power, > 0.

    >>> round(shortest_window_s(error=0.01, edge_j=0.5, power_w=100), 2)
    1.39
    """
    return COVERAGE * math.sqrt(2) * edge_j / (error * power_w)


def level_edge_j(cadence: Cadence, power_w: float, measured_j: float) -> float:
    """One end at level power: measured, not below the length of one reading; the counter's step; what counts as level."""
    timing_j = max(measured_j, cadence.read_s * power_w / math.sqrt(12))
    return math.hypot(timing_j, cadence.step_j / math.sqrt(12), LEVEL * power_w * (cadence.period_s or 0.0) / 2)


def changing_edge_j(cadence: Cadence, swing_w: float) -> float:
    """One end inside a tick in which power jumps by `swing_w`, at worst."""
    unseen_s = cadence.period_s if cadence.period_s is not None else cadence.read_s
    return unseen_s * swing_w / math.sqrt(12)


def shortest_window(cadence: Cadence, idle: IdlePower, *, error: float, limit_w: float | None) -> ShortestWindow | None:
    """Both answers for one counter; None where it read no power at rest, so that no share of it exists.

    Args:
        cadence: How the counter advances.
        idle: What it showed at rest.
        error: See `shortest_window_s`.
        limit_w: The most that the board may draw. Where it is unknown, power is taken to jump between zero and twice
            its mean: no load with that mean swings further up and down alike.
    """
    if idle.mean_w <= 0:
        return None
    level_j = level_edge_j(cadence, idle.mean_w, idle.edge_j)
    if limit_w is not None and limit_w > idle.mean_w:
        swing_w, changing_w = limit_w - idle.mean_w, (limit_w + idle.mean_w) / 2
    else:
        swing_w, changing_w = 2 * idle.mean_w, idle.mean_w
    changing_j = math.hypot(changing_edge_j(cadence, swing_w), level_j * changing_w / idle.mean_w)
    least_s = LEAST_PERIODS * (cadence.period_s or cadence.read_s)
    level_s = shortest_window_s(error=error, edge_j=level_j, power_w=idle.mean_w)
    changing_s = shortest_window_s(error=error, edge_j=changing_j, power_w=changing_w)
    return ShortestWindow(
        error=error,
        level_s=max(least_s, level_s),
        level_w=idle.mean_w,
        level_edge_j=level_j,
        changing_s=max(least_s, changing_s),
        changing_w=changing_w,
        swing_w=swing_w,
    )
