from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import ratio, summarise

POSITIVE = st.floats(min_value=1e-6, max_value=1e6)
SAMPLES = st.lists(POSITIVE, min_size=1, max_size=12)


def test_the_interval_of_a_mean_is_students():
    """Three values 9, 10, 11 give 10 ± 4.3027 / sqrt(3), as in every table of t."""
    summary = summarise([9.0, 10.0, 11.0], 0.95)

    assert (summary.center, summary.n, summary.doubts) == (10.0, 3, ())
    assert summary.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_one_trial_has_no_spread_and_says_so():
    """A single value is its own centre, has no interval, and a doubt says how many trials are needed."""
    summary = summarise([5.0], 0.95)

    assert (summary.center, summary.low, summary.high, summary.half_width) == (5.0, None, None, None)
    assert summary.doubts == ("a spread needs >= 2 valid trials, has 1",)


def test_the_interval_of_a_ratio_is_welchs():
    """1, 1.02, 0.98 against 1.1, 1.12, 1.08: SciPy's Welch test on the same numbers has the same t and freedom."""
    stats = pytest.importorskip("scipy.stats")
    base, new = [0.98, 1.0, 1.02], [1.078, 1.1, 1.122]  # the same relative spread, so the freedom is exactly 4
    found = ratio(base, new, 0.95)
    reach = stats.t.ppf(0.975, 4) * math.sqrt(2 * 0.02**2 / 3)

    assert found.value == pytest.approx(1.1)
    assert found.low is not None
    assert found.high is not None
    assert math.log(found.high / 1.1) == pytest.approx(reach)
    assert math.log(1.1 / found.low) == pytest.approx(reach)


def test_a_ratio_without_a_spread_has_no_interval():
    """One value on a side leaves the ratio and takes the interval."""
    found = ratio([2.0], [3.0, 3.1], 0.95)

    assert found.value == pytest.approx(3.05 / 2)
    assert (found.low, found.high) == (None, None)
    assert found.doubts


def test_a_ratio_to_zero_is_unknown():
    """A baseline whose mean is zero has no ratio, neither 0 nor infinity."""
    assert ratio([0.0, 0.0], [1.0, 1.0], 0.95).value is None


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_is_a_probability(level):
    """A level outside (0, 1) is refused."""
    with pytest.raises(ValueError, match="confidence level"):
        summarise([1.0, 2.0], level)


def test_nothing_cannot_be_summarised():
    """No values is an error, not a zero."""
    with pytest.raises(ValueError, match="at least one"):
        summarise([], 0.95)
    with pytest.raises(ValueError, match="both sides"):
        ratio([], [1.0], 0.95)


@given(SAMPLES, SAMPLES)
def test_the_ratio_of_swapped_samples_is_the_inverse(base, new):
    """Baseline and candidate may be swapped: value and interval turn into their inverses."""
    there, back = ratio(base, new, 0.95), ratio(new, base, 0.95)

    assert there.value == pytest.approx(1 / back.value)
    if there.low is not None and back.high not in (None, 0.0, math.inf):
        assert there.low == pytest.approx(1 / back.high, rel=1e-6, abs=1e-300)


@given(SAMPLES, st.floats(min_value=1e-3, max_value=1e3))
def test_a_summary_scales_with_its_unit(values, factor):
    """Millijoules and joules give the same picture."""
    one, other = summarise(values, 0.9), summarise([value * factor for value in values], 0.9)

    assert other.center == pytest.approx(one.center * factor)
    if one.half_width is not None:
        assert other.half_width == pytest.approx(one.half_width * factor, rel=1e-6, abs=1e-9 * one.center * factor)


@pytest.mark.parametrize(("n", "spread"), [(3, 0.02), (5, 0.05), (10, 0.02)])
def test_a_95_percent_interval_covers_about_95_percent(n, spread):
    """On seeded lognormal noise without a change, the interval of the ratio holds 1 in 94 to 98 of 100 sessions."""
    random = __import__("random").Random(20260101)
    draws, held = 2000, 0
    for _ in range(draws):
        base, new = ([random.lognormvariate(0, spread) for _ in range(n)] for _ in range(2))
        found = ratio(base, new, 0.95)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1 <= found.high

    assert 0.94 <= held / draws <= 0.98


def test_repeats_do_not_hide_what_they_share():
    """An error that all values may have in common keeps the interval from shrinking below it, and widens no other."""
    alike, apart = [10.0, 10.01, 9.99, 10.0], [8.0, 10.0, 12.0]

    assert summarise(alike, 0.95, own_error=0.01).half_width == pytest.approx(0.01 * 10 * 1.959964, rel=1e-6)
    assert summarise(apart, 0.95, own_error=0.01) == summarise(apart, 0.95)
    assert summarise([10.0], 0.95, own_error=0.01).half_width is None


@pytest.mark.parametrize("size", [1e-200, 1e-308, 1e14])
def test_ratio_of_extreme_values_is_a_number(size):
    """Values that a valid file can hold, however small or large, give a ratio and no crash."""
    seen = ratio([size, 1.01 * size], [2 * size, 2.02 * size], 0.95)

    assert seen.value == pytest.approx(2.0, rel=0.01)
    assert seen.low < 2 < seen.high
