"""An interval that stays true however often one looks."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.sequential import PRIOR, anytime_quantile, anytime_ratio


def lognormal(rng: random.Random, mean: float, spread: float, count: int) -> list[float]:
    return [mean * math.exp(rng.gauss(0, spread)) for _ in range(count)]


def bayes_factor(t: float, freedom: int, pairs: float) -> float:
    """As Gönen et al. print it, beside the solved form that the product uses."""
    growth = 1 + pairs * PRIOR
    inner = (1 + t * t / freedom) / (1 + t * t / (freedom * growth))
    return float(inner ** ((freedom + 1) / 2) / math.sqrt(growth))


@given(st.integers(2, 60), st.integers(2, 60), st.sampled_from([0.05, 0.01, 0.0002]))
def test_the_quantile_solves_the_bayes_factor(n: int, m: int, alpha: float):
    """At the quantile the Bayes factor is exactly 1/alpha; where there is none it never gets there."""
    pairs, freedom = n * m / (n + m), n + m - 2
    quantile = anytime_quantile(freedom, pairs, alpha)

    if quantile is None:
        assert bayes_factor(1e9, freedom, pairs) <= 1 / alpha * (1 + 1e-6)
    else:
        assert bayes_factor(quantile, freedom, pairs) == pytest.approx(1 / alpha, rel=1e-6)


def test_looking_after_every_round_keeps_the_promise():
    """Of sessions without a change, looked at after each of up to 30 rounds, at most 5 of 100 ever exclude 1 at 95 %."""
    rng, wrong = random.Random(1), 0
    for _ in range(400):
        base, new = (lognormal(rng, 1.0, 0.02, 30) for _ in range(2))
        intervals = (anytime_ratio(base[:count], new[:count], 0.95) for count in range(3, 31))
        wrong += any(one.low is not None and not one.low <= 1 <= one.high for one in intervals)

    assert wrong <= 0.05 * 400


def test_a_change_is_found():
    """A change of 5 % at a noise of 1 % is shown within eight rounds a side, nearly always."""
    rng, found = random.Random(2), 0
    for _ in range(100):
        base, new = lognormal(rng, 1.0, 0.01, 8), lognormal(rng, 1.05, 0.01, 8)
        found += any(anytime_ratio(base[:count], new[:count], 0.99).low > 1 for count in range(4, 9))

    assert found >= 95


@given(st.lists(st.floats(0.5, 2), min_size=4, max_size=12), st.lists(st.floats(0.5, 2), min_size=4, max_size=12))
def test_turning_the_sides_turns_the_interval(base: list[float], new: list[float]):
    """Old over new is one over new over old, interval included."""
    there, back = anytime_ratio(base, new, 0.95), anytime_ratio(new, base, 0.95)

    assert there.value == pytest.approx(1 / back.value)
    if there.low is not None and math.isfinite(there.high):
        assert there.low == pytest.approx(1 / back.high)


def test_what_days_differ_by_widens_the_interval():
    """A between-session part is added to either side."""
    base, new = [1.0, 1.01, 0.99, 1.0], [1.1, 1.11, 1.09, 1.1]
    alone, across = anytime_ratio(base, new, 0.95), anytime_ratio(base, new, 0.95, between=0.03)

    assert math.log(across.high) - math.log(across.value) > math.log(alone.high) - math.log(alone.value) + 0.03


@pytest.mark.parametrize(
    ("base", "new", "doubt"),
    [
        ([1.0], [1.0, 1.0], "a spread needs >= 2 valid trials, has 1"),
        ([1.0, 1.0], [2.0, 2.0], "2 and 2 trials cannot exclude anything at 99 %"),
        ([0.0, 1.0, 1.0], [1.0, 1.0, 1.0], "a ratio needs values above 0"),
    ],
)
def test_too_little_is_said(base: list[float], new: list[float], doubt: str):
    """Where nothing can be concluded there is no interval, and the reason."""
    seen = anytime_ratio(base, new, 0.99)

    assert (seen.low, seen.high, seen.doubts) == (None, None, (doubt,))


def test_more_rounds_are_foretold():
    """The interval as if there were more rounds is narrower, around the same value."""
    base, new = [1.0, 1.02, 0.98, 1.0], [1.0, 1.02, 0.98, 1.01]
    now, later = anytime_ratio(base, new, 0.95), anytime_ratio(base, new, 0.95, as_if=20)

    assert later.value == now.value
    assert later.high < now.high


def test_nothing_is_no_ratio():
    """An empty side is a mistake of the caller."""
    with pytest.raises(ValueError, match="got 0 and 1"):
        anytime_ratio([], [1.0], 0.95)
