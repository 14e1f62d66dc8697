"""What is drawn has the shape that was asked for, and does not depend on who draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.estimate.distributions import BLOCK, Lognormal, Purpose, exponential_lengths, streams
from reports.estimate.scenario import Spread

UTILISATION = Spread(p5=0.4, p95=0.9)
PUE = Spread(p5=1.05, p95=1.60)


@pytest.mark.parametrize(
    ("spread", "mu", "sigma", "median"),
    [(UTILISATION, -0.5108, 0.2465, 0.600), (PUE, 0.2594, 0.1280, 1.296)],
)
def test_a_lognormal_from_its_percentiles(spread: Spread, mu: float, sigma: float, median: float) -> None:
    """P5 and P95 give the published mu, sigma and median."""
    found = Lognormal.of(spread)
    assert (round(found.mu, 4), round(found.sigma, 4), round(found.median, 3)) == (mu, sigma, median)


def test_nothing_is_clipped_by_the_released_method() -> None:
    """1.9 % of utilisations exceed 1 and 2.1 % of PUEs lie below 1, as published."""
    rng = np.random.default_rng(1)
    assert (Lognormal.of(UTILISATION).draw(rng, 400_000) > 1).mean() == pytest.approx(0.019, abs=0.001)
    assert (Lognormal.of(PUE).draw(rng, 400_000) < 1).mean() == pytest.approx(0.021, abs=0.001)


@pytest.mark.parametrize("cut", [Lognormal.of(UTILISATION, high=1.0), Lognormal.of(PUE, low=1.0)])
def test_a_cut_lognormal_keeps_its_bounds_and_its_mean(cut: Lognormal) -> None:
    """No draw lies outside, the mean is the closed form's, and inside the shape is that of the whole."""
    drawn = cut.draw(np.random.default_rng(2), 400_000)
    assert drawn.min() >= cut.low and drawn.max() <= cut.high
    assert drawn.mean() == pytest.approx(cut.mean, rel=0.002)
    whole = Lognormal(mu=cut.mu, sigma=cut.sigma).draw(np.random.default_rng(3), 400_000)
    kept = whole[(whole >= cut.low) & (whole <= cut.high)]
    assert np.percentile(drawn, (10, 50, 90)) == pytest.approx(np.percentile(kept, (10, 50, 90)), rel=0.005)


def test_a_range_of_no_width_is_a_constant() -> None:
    """Equal percentiles give the same value every time, also at a bound."""
    drawn = Lognormal.of(Spread(p5=1.0, p95=1.0), low=1.0).draw(np.random.default_rng(4), 1000)
    assert set(drawn.tolist()) == {1.0}


def test_lengths_are_rounded_exponentials() -> None:
    """Median 300 gives a mean of 432.8, quartiles 124.5 and 600, P95 1,297, whole numbers, and about 0.1 % zeros."""
    drawn = exponential_lengths(np.random.default_rng(5), 300.0, 400_000)
    assert drawn.mean() == pytest.approx(300 / math.log(2), rel=0.01)
    assert np.percentile(drawn, (25, 50, 75, 95)) == pytest.approx((124.5, 300, 600, 1297), rel=0.01)
    assert (drawn == np.floor(drawn)).all()
    assert (drawn == 0).mean() == pytest.approx(0.00116, abs=0.0003)


def test_streams_are_named_and_apart() -> None:
    """The same name gives the same numbers; another seed, purpose, owner or block gives others."""

    def first(seed: int, name: str, block: int, purpose: Purpose) -> float:
        return float(streams(seed, name, block)(purpose).random())

    base = first(42, "a", 0, Purpose.PUE)
    others = [
        first(43, "a", 0, Purpose.PUE),
        first(42, "b", 0, Purpose.PUE),
        first(42, "a", 1, Purpose.PUE),
        first(42, "a", 0, Purpose.FIT),
    ]
    assert first(42, "a", 0, Purpose.PUE) == base
    assert len({base, *others}) == 5


def test_streams_of_two_purposes_are_not_correlated() -> None:
    """Utilisation and PUE of one block are independent, unlike a generator that is seeded twice."""
    draw = streams(42, "a", 0)
    pair = [draw(purpose).standard_normal(BLOCK) for purpose in (Purpose.UTILISATION, Purpose.PUE)]
    assert abs(np.corrcoef(*pair)[0, 1]) < 0.015
