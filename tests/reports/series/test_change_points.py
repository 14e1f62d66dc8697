"""Where a level changed: known answers, laws, and how often it is right on series of which the truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.series.change_points import FEWEST, LEAST, cuts, intervals, taken_in

DOUBT = 0.01


def normal(count: int, seed: int, deviation: float = 0.01) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, deviation, count)


def test_three_and_three_runs_show_a_step_between_them() -> None:
    """Six runs are enough where the step is large, and its place is the first run after it."""
    (found,) = cuts([0.0, 0.01, -0.01, 1.0, 1.01, 0.99], DOUBT)
    assert (found.at, found.earliest, found.latest) == (3, 3, 3)
    # Student's t of these six, by hand: 1 / sqrt(0.0001 * 2 / 3) = 122.5 with 4 degrees of freedom
    assert found.chance == pytest.approx(2.66e-8, rel=0.01)


@pytest.mark.parametrize("count", range(FEWEST))
def test_fewer_runs_show_nothing(count: int) -> None:
    """Below six runs there is no change, whatever the values."""
    assert cuts(np.arange(count) * 1.0, DOUBT) == []


@pytest.mark.parametrize("values", [[1.0] * 50, [1.0] * 25 + [9.0] + [1.0] * 24, [1.0] * 25 + [9.0] * 2 + [1.0] * 23])
def test_equal_runs_and_one_or_two_bad_ones_show_nothing(values: list[float]) -> None:
    """A coarse counter gives equal runs; one or two that stand out among them are no level."""
    assert cuts(values, DOUBT) == []


def test_equal_runs_on_two_levels_show_one_step() -> None:
    """Without any scatter a step is sure, and nothing is divided by zero."""
    (found,) = cuts([1.0] * 7 + [2.0] * 8, DOUBT)
    assert (found.at, found.earliest, found.latest) == (7, 7, 7)
    assert found.chance < 1e-9


def test_rounds_that_differ_more_than_runs_keep_a_step_from_being_told() -> None:
    """Runs that agree by luck better than their own rounds allow prove nothing."""
    values = [0.0, 0.0001, 0.0, 0.01, 0.0101, 0.01]
    assert len(cuts(values, DOUBT)) == 1
    assert cuts(values, DOUBT, floor=0.01) == []


def test_several_steps_are_told_apart() -> None:
    """Up, up again and down: three steps, each where it is."""
    values = np.repeat([0.0, 0.05, 0.10, 0.02], 25) + normal(100, 3)
    assert [found.at for found in cuts(values, DOUBT)] == [25, 50, 75]


@pytest.mark.parametrize(("count", "most"), [(6, 10), (30, 6), (100, 4)])
def test_constant_series_show_a_change_in_one_of_a_hundred_at_most(count: int, most: int) -> None:
    """Of 300 series of noise no more change than 1 in 100 and chance allow; longer ones are far below."""
    assert sum(bool(cuts(normal(count, seed), DOUBT)) for seed in range(300)) <= most


def test_a_step_of_three_times_the_noise_is_found_where_it_is() -> None:
    """Of 100 series of 30 runs with 1 % noise and a step of 3 % at least 95 show it, within two runs of its place."""
    step = np.r_[np.zeros(15), np.full(15, np.log(1.03))]
    found = [cuts(step + normal(30, seed), DOUBT) for seed in range(100)]
    assert sum(any(abs(one.at - 15) <= 2 for one in each) for each in found) >= 95
    held = [one.earliest <= 15 <= one.latest for each in found for one in each]
    assert sum(held) >= 0.93 * len(held)


def test_a_bad_run_hides_no_step() -> None:
    """Of 100 series of 30 runs with a step of 5 % and one run of 20 % more at least 95 show the step, and one alone."""
    hits = 0
    for seed in range(100):
        values = np.r_[np.zeros(15), np.full(15, np.log(1.05))] + normal(30, seed)
        values[seed % 30] += np.log(1.2)
        found = cuts(values, DOUBT)
        hits += len(found) == 1 and abs(found[0].at - 15) <= 2
    assert hits >= 95


@settings(max_examples=60)
@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=FEWEST, max_size=60),
    shift=st.floats(-1e3, 1e3),
    scale=st.sampled_from([0.25, 2.0, 1024.0]),
)
def test_the_unit_does_not_matter_and_every_cut_leaves_runs_on_both_sides(
    values: list[float], shift: float, scale: float
) -> None:
    """Powers of two scale every cut exactly; places are in order, LEAST apart, inside their range."""
    found = cuts(values, DOUBT)
    assert [one.at for one in cuts(np.asarray(values) * scale, DOUBT)] == [one.at for one in found]
    edges = [0, *(one.at for one in found), len(values)]
    assert all(after - before >= LEAST for before, after in itertools.pairwise(edges))
    assert all(one.earliest <= one.at <= one.latest and 0 <= one.chance <= DOUBT for one in found)


@given(count=st.integers(FEWEST, 3000))
def test_seeded_intervals_reach_everywhere_and_hold_few_runs(count: int) -> None:
    """The first is the whole series, every run is in a shortest one, and all of a layer hold about twice the runs."""
    layers = list(intervals(count))
    assert layers[0][0] == count
    assert layers[-1][0] == FEWEST or count == FEWEST
    for length, starts in layers:
        assert starts[0] == 0 and starts[-1] == count - length
        assert length * len(starts) <= 3 * count + 2 * length
    length, starts = layers[-1]
    assert np.all(np.diff(starts) <= length)


def test_only_runs_that_stand_out_are_taken_in() -> None:
    """A bad run moves to three standard deviations; a step of three runs, and runs of usual scatter, stay."""
    values = np.array([0.0, 1, 0, 1, 0, 1, 50, 1, 0, 1, 0, 30, 31, 30])
    kept = taken_in(values)
    assert kept[6] < 10
    assert np.array_equal(np.delete(kept, 6), np.delete(values, 6))
