"""Can a counter have moved by so much? Pure."""

from __future__ import annotations

import math

from energy_fixtures.readings import BoardTrace

IMPOSSIBLE_W = 10_000.0
"""No part of one machine that is read draws this much: the largest boards and sockets stay below a quarter of it."""

HOST_W = 1_000.0
"""No processor package nor its memory draws this much; the largest are made for half of it."""

ABOVE_LIMIT = 1.25
"""A mean power so many times the power limit is nonsense: sensors say up to 13 % too much (arXiv 2312.02741), and a
limit is a mean over some hundred milliseconds that a single one may exceed."""

LATE_S = 1.0
"""A counter may hand over the joules of its last step late, so a short window can hold a second's worth of them."""


def unwrapped(joules: float, duration_s: float, range_j: float | None) -> float:
    """The difference of a host's counter that starts again from zero at `range_j` joules; None: it never does.

    Taken modulo the range where it cannot have gone round twice (for four minutes at Intel's 262 kJ), so the answer is
    right whatever was counted on the way. After that whoever reads it counts the rounds, at most one too few or many.
    """
    if range_j is None or not math.isfinite(joules):
        return joules
    most_j = HOST_W * (duration_s + LATE_S)
    if most_j < range_j:
        return joules % range_j
    return next((one for one in (joules, joules + range_j, joules - range_j) if 0 <= one <= most_j), joules)


def implausible(joules: float, duration_s: float, resolution_s: float, board: BoardTrace | None) -> str | None:
    """The reason code of a difference that no sound counter can have given; None for one that can be.

    Args:
        joules: What the counter moved by.
        duration_s: Length of the window.
        resolution_s: Length of the counter's steps; a window may hold one more than its own length.
        board: What was seen of the board, for its power limit; None for what is no board.
    """
    if not math.isfinite(joules) or joules < 0:
        return "counter_went_backwards"
    limit_w = None if board is None else board.power_limit_max_w
    if limit_w is not None and joules > ABOVE_LIMIT * limit_w * (duration_s + resolution_s):
        return "energy_impossible"
    return "energy_impossible" if joules > IMPOSSIBLE_W * (duration_s + LATE_S) else None
