"""Joules from counters: what is believed, what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.plausible import implausible, unwrapped
from energy_fixtures.readings import BoardTrace

RANGE_J = 262_143.328850  # what Intel's server packages show as max_energy_range_uj


@given(st.floats(0, 1000), st.floats(0.001, 1000))
def test_possible_joules_pass(power_w: float, duration_s: float):
    """What a board can draw is believed, and zero too: whether a domain must have drawn something is not asked here."""
    assert implausible(power_w * duration_s, duration_s, 0.1, None) is None
    assert implausible(0.0, duration_s, 0.1, None) is None


@pytest.mark.parametrize("joules", [-0.001, -999_000.0, math.nan, math.inf])
def test_backwards(joules: float):
    """Negative and endless joules are a counter that went backwards."""
    assert implausible(joules, 10.0, 0.1, None) == "counter_went_backwards"


def test_more_than_the_limit_allows():
    """A mean power far above the board's limit is impossible; what sensors and short peaks explain is not."""
    board = BoardTrace(power_limit_max_w=700.0)

    assert implausible(700 * 10 * 1.2, 10.0, 0.1, board) is None
    assert implausible(700 * 10 * 1.4, 10.0, 0.1, board) == "energy_impossible"
    assert implausible(1e9, 10.0, 0.1, None) == "energy_impossible"


@given(used=st.floats(0, 2000), start=st.floats(0, 262143), late=st.integers(-1, 1))
def test_wraparound_is_taken_out(used: float, start: float, late: int):
    """However late Zeus counts a wraparound, a short window of RAPL gives the joules that were used."""
    joules = (start + used) % RANGE_J - start + late * RANGE_J

    seen = unwrapped(joules, 10.0, RANGE_J)
    assert min(abs(seen - used), abs(RANGE_J - abs(seen - used))) < 1e-6


def test_long_windows_are_left_to_zeus():
    """Where a counter may have gone round twice its remainder says nothing, and the difference stays as it is."""
    assert unwrapped(300_000.0, 3600.0, RANGE_J) == 300_000.0
    assert unwrapped(-5.0, 1.0, None) == -5.0
