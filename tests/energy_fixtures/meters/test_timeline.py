"""Energy from power samples, and an uncertainty of it that holds; with the simulated board's sensor in closed form."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.base import PowerSample
from energy_fixtures.meters.timeline import Integral, Point, cut, integrate, thin
from tests.simulated_board.board import true_energy_j

WINDOW_S = 0.025  # "instant" power of the simulated board is the mean of this long before


def told_w(trace: str, at_s: float, renewal_s: float) -> float:
    """What the board's sensor says at a moment."""
    renewed_s = math.floor(at_s / renewal_s) * renewal_s
    return true_energy_j(trace, renewed_s - WINDOW_S, renewed_s) / WINDOW_S


def sampled(
    trace: str, begin_s: float, end_s: float, chance: random.Random, *, period_s: float, uneven: float, renewal_s: float
) -> list[PowerSample]:
    """Samples from a little before a window to a little after it."""
    samples = []
    at_s = begin_s - chance.uniform(1, 3) * period_s
    while at_s < end_s + 0.15:
        samples.append(PowerSample(at_s, told_w(trace, at_s, renewal_s)))
        at_s += period_s * chance.uniform(1 - uneven, 1 + uneven)
    return samples


def some_integral(samples: list[PowerSample], begin_s: float, end_s: float) -> Integral:
    """The integral of samples that are enough for one."""
    integral = integrate(samples, begin_s, end_s)
    assert integral is not None
    return integral


TRACES = {
    "constant": "400",
    "square": "100/600@0.7",
    "quick square": "100/600@0.2",
    "sine": "100~600@0.7",
    "steps": "0:150,12:150,12:500,13:500,13:300,14.5:300,14.5:600",
    "pulses": "0:100,0.05:100,0.05:600,0.2:600,0.2:100,1.1:100@1.1",
}


@pytest.mark.parametrize("period_s", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("renewal_s", [0.001, 0.1])
@pytest.mark.parametrize("trace", TRACES)
def test_the_interval_holds_the_truth(trace: str, renewal_s: float, period_s: float):
    """In at least 95 of 100 windows, sampled evenly or not, the truth is within 1.96 standard uncertainties."""
    chance = random.Random(f"{trace} {renewal_s} {period_s}")
    hits, windows = 0, 60
    for _ in range(windows):
        begin_s = chance.uniform(10, 14)
        end_s = begin_s + chance.choice((1.0, 3.0))
        uneven = chance.choice((0.0, 0.5))
        asked = {"period_s": period_s, "uneven": uneven, "renewal_s": renewal_s}
        integral = some_integral(sampled(TRACES[trace], begin_s, end_s, chance, **asked), begin_s, end_s)
        truth_j = true_energy_j(TRACES[trace], begin_s, end_s)
        hits += abs(integral.energy_j - truth_j) <= 1.96 * integral.sample_gaps_j + 1e-9 * truth_j
    assert hits >= 0.95 * windows


def test_uneven_samples_make_the_error_of_a_fast_board_smaller():
    """Where a board renews its power often, uneven samples of a periodic load are worth several times even ones."""
    chance = random.Random(1)
    asked = {"period_s": 0.05, "renewal_s": 0.001}
    even, uneven = (sampled(TRACES["square"], 10, 15, chance, uneven=share, **asked) for share in (0.0, 0.5))
    of_even, of_uneven = (integrate(samples, 10, 15, renewal_s=0.02) for samples in (even, uneven))

    assert of_even is not None and of_uneven is not None
    assert of_uneven.sample_gaps_j < 0.5 * of_even.sample_gaps_j


@given(
    power_w=st.floats(1, 2000),
    gaps_s=st.lists(st.floats(0.001, 0.5), min_size=5, max_size=50),
    begin=st.floats(0, 0.4),
    end=st.floats(0.6, 1),
)
def test_level_power_is_exact(power_w: float, gaps_s: list[float], begin: float, end: float):
    """Constant power gives power times time and no uncertainty, wherever the samples are."""
    times = [sum(gaps_s[:count]) for count in range(len(gaps_s) + 1)]
    begin_s, end_s = begin * times[-1], end * times[-1]
    integral = integrate([PowerSample(at_s, power_w) for at_s in times], begin_s, end_s)

    inside = sum(begin_s <= at_s <= end_s for at_s in times)
    if inside < 2:
        assert integral is None
    else:
        assert integral is not None and integral.count == inside
        assert integral.energy_j == pytest.approx(power_w * (end_s - begin_s))
        assert integral.sample_gaps_j == pytest.approx(0, abs=1e-9 * integral.energy_j)


@given(st.floats(-100, 100), st.floats(300, 500), st.lists(st.floats(0.01, 0.2), min_size=15, max_size=30))
def test_even_climbs_are_exact(slope: float, start_w: float, gaps_s: list[float]):
    """A straight line of power gives its closed form, whatever the gaps, once the sensor's lag is taken off."""
    times = [sum(gaps_s[:count]) for count in range(len(gaps_s) + 1)]
    begin_s, end_s = 0.2 * times[-1], 0.7 * times[-1]
    samples = [PowerSample(at_s, start_w + slope * (at_s - 0.02)) for at_s in times]
    integral = integrate(samples, begin_s, end_s, lag_s=0.02)

    if integral is not None:
        truth_j = start_w * (end_s - begin_s) + slope * (end_s**2 - begin_s**2) / 2
        assert integral.energy_j == pytest.approx(truth_j)


def test_noise_on_level_power_costs_little():
    """A few watts of noise on 400 W are far below one percent, although every gap has another value at its end."""
    chance = random.Random(2)
    samples = [PowerSample(index * 0.05, 400 + chance.gauss(0, 4)) for index in range(140)]

    integral = some_integral(samples, 1, 6)

    assert integral.energy_j == pytest.approx(2000, rel=0.005)
    assert 0 < integral.sample_gaps_j < 0.004 * integral.energy_j


def test_a_pause_in_sampling_is_doubted_and_told():
    """A second without samples inside a changing load is told, and costs what the load may have done in it."""
    samples = sampled(TRACES["square"], 10, 15, random.Random(3), period_s=0.05, uneven=0.5, renewal_s=0.001)
    paused = [sample for sample in samples if not 12 < sample.at_s < 13]
    whole, holed = (integrate(seen, 10, 15, renewal_s=0.02) for seen in (samples, paused))

    assert whole is not None and holed is not None
    assert whole.longest_gap_s < 0.1 < 1 <= holed.longest_gap_s < 1.15
    assert holed.sample_gaps_j > 100 > whole.sample_gaps_j
    assert abs(holed.energy_j - true_energy_j(TRACES["square"], 10, 15)) < 1.96 * holed.sample_gaps_j


def test_what_lies_beyond_the_last_sample_is_doubted():
    """Without samples up to the window's end the last value holds on, with more doubt than samples there would leave."""
    samples = sampled(TRACES["sine"], 10, 12, random.Random(4), period_s=0.05, uneven=0.5, renewal_s=0.001)
    whole, short = (
        integrate(seen, 10, 12, renewal_s=0.02)
        for seen in (samples, [sample for sample in samples if sample.at_s < 11.6])
    )

    assert whole is not None and short is not None
    assert short.sample_gaps_j > 2 * whole.sample_gaps_j
    assert short.longest_gap_s == pytest.approx(0.4, abs=0.1)
    assert abs(short.energy_j - true_energy_j(TRACES["sine"], 10, 12)) < 1.96 * short.sample_gaps_j


@pytest.mark.parametrize("times", [[], [0.5], [0.5, 1.5], [-1.0, 2.0]])
def test_too_few_samples_are_no_measurement(times: list[float]):
    """One sample inside the window is no integral, not even with others around it."""
    assert integrate([PowerSample(at_s, 300.0) for at_s in times], 0.0, 1.0) is None


def test_cut_takes_one_neighbour_on_either_side():
    """The samples of a window come with the nearest one before and after it, where there is one."""
    samples = [PowerSample(float(at_s), 1.0) for at_s in range(10)]

    assert [sample.at_s for sample in cut(samples, 2.5, 4.0)] == [2, 3, 4, 5]
    assert [sample.at_s for sample in cut(samples, -1, 20)] == list(range(10))


POINT = st.tuples(st.floats(1, 1000), st.none() | st.floats(20, 90))


@given(st.lists(POINT, max_size=300), st.integers(3, 120))
def test_thin_keeps_the_picture(values: list[tuple[float, float | None]], most: int):
    """Few enough points, in order of time, with the lowest and the highest power and the hottest moment among them."""
    points: list[Point] = [(index * 0.05, power_w, celsius) for index, (power_w, celsius) in enumerate(values)]
    kept = thin(points, most)

    assert len(kept) <= most
    assert [at_s for at_s, _, _ in kept] == sorted({at_s for at_s, _, _ in kept})
    if points:
        for extreme in (min, max):
            assert extreme(power_w for _, power_w, _ in kept) == extreme(power_w for _, power_w, _ in points)
        known = [celsius for _, _, celsius in points if celsius is not None]
        assert max((c for _, _, c in kept if c is not None), default=None) == max(known, default=None)
    if len(points) <= most:
        assert list(kept) == points
