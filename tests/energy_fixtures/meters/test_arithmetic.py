"""Joules from counters and power samples: what is believed, what is refused."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.arithmetic import believable, held_energy, soc_joules

RANGE_J = 262_143.328850  # what Intel's server packages show as max_energy_range_uj


@given(st.floats(0, 1000), st.floats(0.001, 1000))
def test_possible_joules_pass(power_w: float, duration_s: float):
    """What a board can draw is passed on unchanged."""
    assert believable("gpu:0", power_w * duration_s, duration_s, None) == power_w * duration_s


@pytest.mark.parametrize("joules", [-0.001, -999_000.0, math.nan, math.inf, 1e9])
def test_impossible_joules_are_refused(joules: float):
    """Negative, endless and absurd joules raise, with the domain and the value."""
    with pytest.raises(MeasurementInvalid, match="gpu:0 moved by"):
        believable("gpu:0", joules, 10.0, None)


@given(used=st.floats(0, 2000), start=st.floats(0, 262143), late=st.integers(-1, 1))
def test_wraparound_is_taken_out(used: float, start: float, late: int):
    """However late Zeus counts a wraparound, a short window of RAPL gives the joules that were used."""
    joules = (start + used) % RANGE_J - start + late * RANGE_J

    seen = believable("cpu:0", joules, 10.0, RANGE_J)
    assert min(abs(seen - used), abs(RANGE_J - abs(seen - used))) < 1e-6


def test_zero_is_a_number():
    """Zero joules are reported as zero; judging them is not the meter's task."""
    assert believable("gpu:0", 0.0, 10.0, None) == 0.0


def test_power_is_held_until_it_changes():
    """A sample holds until the next one, before the first and after the last one too."""
    samples = [(1.0, 100.0), (3.0, 200.0)]

    assert held_energy(samples, 0.0, 4.0) == 3 * 100 + 1 * 200
    assert held_energy(samples, 1.5, 2.5) == 100
    assert held_energy(samples, 10.0, 11.0) == 200
    assert held_energy([(1.0, 50.0)], 2.0, 4.0) == 100
    with pytest.raises(MeasurementInvalid, match="no power sample"):
        held_energy([], 0.0, 1.0)


def test_soc_counts_each_part_once():
    """A SoC's total is its total rail, or its parts without what is inside other parts, in joules."""
    jetson = SimpleNamespace(cpu_energy_mj=1000.0, gpu_energy_mj=2000.0, total_energy_mj=5000.0)
    apple = SimpleNamespace(cpu_total_mj=1000, performance_cluster_mj=[600], gpu_mj=2000, dram_mj=500, ane_mj=None)

    assert soc_joules(jetson) == 5.0
    assert soc_joules(apple) == 3.5
    assert soc_joules(None) is None
