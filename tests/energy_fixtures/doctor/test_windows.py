from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.doctor.windows import changing_edge_j, shortest_window, shortest_window_s
from energy_fixtures.examination import IdlePower
from energy_fixtures.meters.base import Cadence
from energy_fixtures.readings import COVERAGE


def idle(mean_w: float = 70.0, edge_j: float = 0.0) -> IdlePower:
    return IdlePower(
        mean_w=mean_w, spread_w=0.1, lowest_w=mean_w, highest_w=mean_w, window_s=1.0, windows=20, edge_j=edge_j
    )


def cadence(period_s: float | None = 0.1, **changes: float) -> Cadence:
    return Cadence(**{"period_s": period_s, "period_error_s": 0.0, "step_j": 0.001, "read_s": 1e-4, **changes})


@given(edge_j=st.floats(1e-3, 50), power_w=st.floats(1, 1000), error=st.floats(0.001, 0.1))
def test_the_window_has_just_that_error(edge_j, power_w, error):
    """Two edges over the joules of the window that is told are half of a 95 % interval of just `error`."""
    window_s = shortest_window_s(error=error, edge_j=edge_j, power_w=power_w)

    assert COVERAGE * math.hypot(edge_j, edge_j) / (power_w * window_s) == pytest.approx(error)


def test_known_answer_of_a_changing_load():
    """100 ms ticks between 100 W at rest and 700 W: sqrt(2) · 1.96 · 0.1 s · 600 W / sqrt(12) over 1 % of 400 W is 12.0 s."""
    need = shortest_window(cadence(), idle(100), error=0.01, limit_w=700)

    assert need is not None
    assert need.changing_s == pytest.approx(12.0, abs=0.1)
    assert (need.swing_w, need.changing_w) == (600, 400)


def test_a_jump_inside_a_tick_is_no_worse_than_told():
    """The joules before an end inside a tick, in which power jumps at any moment, spread no more than the formula says."""
    draw = random.Random(4)
    low_w, high_w, period_s = 100.0, 700.0, 0.1
    misses = []
    for _ in range(4000):
        jump_s, end_s = draw.uniform(0, period_s), draw.uniform(0, period_s)
        true_j = high_w * min(jump_s, end_s) + low_w * max(0.0, end_s - jump_s)
        spread_j = (high_w * jump_s + low_w * (period_s - jump_s)) * end_s / period_s
        misses.append(true_j - spread_j)
    root_mean_square_j = math.sqrt(math.fsum(miss * miss for miss in misses) / len(misses))

    assert root_mean_square_j <= changing_edge_j(cadence(), high_w - low_w)


@pytest.mark.parametrize(("finer", "coarser"), [(0.02, 0.1), (0.1, 1.0)])
def test_a_slower_counter_needs_longer_windows(finer, coarser):
    """Both shortest windows grow with the period."""
    fine, coarse = (
        shortest_window(cadence(period_s), idle(), error=0.01, limit_w=700) for period_s in (finer, coarser)
    )

    assert fine is not None and coarse is not None
    assert fine.level_s < coarse.level_s
    assert fine.changing_s < coarse.changing_s


@given(edge_j=st.floats(0, 5), limit_w=st.one_of(st.none(), st.floats(75, 1200)), error=st.floats(0.002, 0.05))
def test_level_is_never_harder_than_changing(edge_j, limit_w, error):
    """A load that changes never needs a shorter window, and no window is shorter than two updates."""
    need = shortest_window(cadence(), idle(edge_j=edge_j), error=error, limit_w=limit_w)

    assert need is not None
    assert 0.2 <= need.level_s <= need.changing_s * (1 + 1e-9)


def test_no_power_no_window():
    """A counter that shows nothing at rest has no share of it to be wrong by."""
    assert shortest_window(cadence(), idle(0.0), error=0.01, limit_w=700) is None
