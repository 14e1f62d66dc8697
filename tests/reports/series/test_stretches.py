"""Levels, drifts, and runs that stand out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.series.stretches import End, difference, found_in
from reports.statistics import ratio

DOUBT = 0.01


def noise(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, count)


def kinds(values: np.ndarray) -> str:
    """A stroke for each level, a slash for each drift."""
    return "".join("/" if part.slope else "-" for part in found_in(values, DOUBT).stretches)


def test_a_constant_series_is_one_level() -> None:
    """Of 200 series of noise no more than 1 in 100 and chance allow are anything else (binomial, 99.9 %)."""
    assert sum(kinds(noise(40, seed)) != "-" for seed in range(200)) <= 8


def test_a_slow_drift_is_a_drift() -> None:
    """A rise of 10 % over 60 runs is one slope in nine of ten series, and hardly ever a single step."""
    told = [kinds(noise(60, seed) + np.linspace(0, 0.1, 60)) for seed in range(50)]
    assert told.count("/") >= 45
    assert told.count("--") <= 1


def test_a_step_is_a_step() -> None:
    """One of 5 % in the middle of 30 runs is two levels and one step, not a slope."""
    told = [found_in(noise(30, seed) + np.r_[np.zeros(15), np.full(15, 0.05)], DOUBT) for seed in range(50)]
    assert sum(len(one.stretches) == 2 and len(one.steps) == 1 for one in told) >= 48


def test_a_staircase_stays_one() -> None:
    """Three clear steps to the same side are steps: a line would miss them by far."""
    values = noise(80, 1) + np.repeat([0.0, 0.06, 0.12, 0.18], 20)
    assert [cut.at for cut in found_in(values, DOUBT).steps] == [20, 40, 60]


def test_a_step_in_a_drift_is_both() -> None:
    """A jump of 10 % half-way along a rise of 5 % is told as a step between slopes."""
    values = noise(100, 4) + np.linspace(0, 0.05, 100) + np.r_[np.zeros(50), np.full(50, 0.1)]
    found = found_in(values, DOUBT)
    assert [cut.at for cut in found.steps] == [50]
    assert any(part.slope for part in found.stretches)


def test_one_bad_run_stands_out_and_nothing_else() -> None:
    """A run of 10 % more in 1 % noise is named, and no change is told."""
    values = noise(40, 2)
    values[13] += 0.1
    found = found_in(values, DOUBT)
    assert found.standing_out == (13,)
    assert found.steps == () and len(found.stretches) == 1
    assert found.deviation == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_runs_are_a_level_and_no_more(count: int) -> None:
    """A series of one run is a level of that value."""
    found = found_in(np.arange(count) * 1.0, DOUBT)
    assert [(part.start, part.end, part.slope) for part in found.stretches] == [(0, count, 0.0)]
    assert found.steps == () and found.standing_out == ()
    assert found.stretches[0].first.value == (count - 1) / 2


def test_equal_runs_have_no_scatter_and_nothing_stands_out() -> None:
    """Nothing is divided by zero."""
    found = found_in(np.ones(30), DOUBT)
    assert (found.deviation, found.steps, found.standing_out) == (0.0, (), ())


def test_a_difference_has_the_interval_of_a_ratio() -> None:
    """Of two levels on the log scale it is Welch's, as the rest of the product has it (to the delta method)."""
    low, high = [1.00, 1.01, 0.99, 1.005], [1.05, 1.06, 1.04, 1.055]
    ends = []
    for values in (low, high):
        logs = np.log(values)
        ends.append(End(value=float(logs.mean()), variance=float(logs.var(ddof=1)) / 4, freedom=3))
    by, reach = difference(ends[0], ends[1], 0.95)
    known = ratio(low, high, 0.95)
    assert known.low is not None and known.high is not None
    assert math.exp(by - reach) == pytest.approx(known.low, rel=1e-4)
    assert math.exp(by + reach) == pytest.approx(known.high, rel=1e-4)
