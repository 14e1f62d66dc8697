from __future__ import annotations

import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.doctor.spread import deviation, edge_uncertainty, mean, student_factor, uncertainty_of_mean
from energy_fixtures.readings import COVERAGE


@pytest.mark.parametrize("freedom", [1, 2, 5, 10, 11, 30, 200])
def test_student_factor_is_scipys(freedom):
    """COVERAGE times the factor is Student's quantile, to within a percent where the table ends."""
    assert COVERAGE * student_factor(freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=0.012)


def test_mean_covers_the_truth():
    """Of 2000 means of four normal values 95 in 100 lie within COVERAGE uncertainties of the truth."""
    draw = random.Random(1)
    inside = 0
    for _ in range(2000):
        values = [draw.gauss(70, 2) for _ in range(4)]
        inside += abs(mean(values) - 70) <= COVERAGE * uncertainty_of_mean(values)

    assert 0.935 <= inside / 2000 <= 0.965


def test_edges_are_told_from_power_that_varies():
    """Errors at the edges are found from their neighbours' covariance; power that varies is mostly not taken for them."""
    draw = random.Random(2)
    edges = [draw.gauss(0, 0.5) for _ in range(401)]
    by_edges = [70 + edges[place + 1] - edges[place] for place in range(400)]
    by_power = [70 + draw.gauss(0, 0.7) for _ in range(400)]

    assert edge_uncertainty(by_edges) == pytest.approx(0.5, rel=0.15)
    assert edge_uncertainty(by_power) < 0.3


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=50))
def test_edges_never_vary_more_than_windows(window_j):
    """The edge is never uncertain by more than the windows' deviation over the square root of two, and never below zero."""
    assert 0 <= edge_uncertainty(window_j) <= deviation(window_j) / 2**0.5 + 1e-9
