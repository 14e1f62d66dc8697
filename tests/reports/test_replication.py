"""Samples of several sessions: known answers, and how often the interval holds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.replication import session_ratio
from reports.sequential import anytime_ratio

SESSIONS = st.lists(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=4), min_size=2, max_size=5)


def test_sessions_are_the_values_of_a_t_test():
    """Rounds that are equal inside each session leave Student's interval of the sessions' logarithms, as SciPy has it."""
    base, new = [1.00, 1.03, 0.98], [1.10, 1.15, 1.12]
    one = session_ratio([[value] * 2 for value in base], [[value] * 2 for value in new], 0.99)
    told = stats.ttest_ind([math.log(value) for value in new], [math.log(value) for value in base])
    wanted = told.confidence_interval(0.99)

    assert (math.log(one.low), math.log(one.high)) == pytest.approx((wanted.low, wanted.high))
    assert one.value == pytest.approx(math.exp((wanted.low + wanted.high) / 2))


def test_more_rounds_in_a_session_say_nothing_of_the_day():
    """Three sessions that differ by 2 % are as wide with a hundred equal rounds as with two."""
    days = ([1.00, 1.02, 0.98], [1.01, 1.03, 0.99])
    few, many = (session_ratio(*([[day] * count for day in side] for side in days), 0.99) for count in (2, 100))
    assert (few.low, few.high) == (many.low, many.high)
    assert many.low < 1 < many.high
    rounds = anytime_ratio(*([day for day in side for _ in range(100)] for side in days), 0.99)
    assert rounds.high - rounds.low < (many.high - many.low) / 5  # what it would be if rounds were independent


def test_sessions_that_agree_by_luck_are_no_better_than_their_rounds():
    """Two sessions of one mean leave the interval of the rounds, not none."""
    base, new = [[0.95, 1.05], [0.96, 1.04]], [[1.04, 0.96], [1.05, 0.95]]
    one = session_ratio(base, new, 0.95)
    flat = [[math.log(value) for session in side for value in session] for side in (base, new)]
    wanted = stats.ttest_ind(flat[1], flat[0]).confidence_interval(0.95)
    assert (math.log(one.high) - math.log(one.low)) == pytest.approx(wanted.high - wanted.low)


@given(SESSIONS, SESSIONS, st.floats(0.1, 10))
def test_units_and_sides_do_not_matter(base, new, factor):
    """In another unit the ratio is the same; the other way round it is the inverse."""
    one = session_ratio(base, new, 0.95)
    scaled = session_ratio(
        [[factor * value for value in values] for values in base],
        [[factor * v for v in values] for values in new],
        0.95,
    )
    back = session_ratio(new, base, 0.95)
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx((one.value, one.low, one.high))
    assert (back.value, back.low, back.high) == pytest.approx((1 / one.value, 1 / one.high, 1 / one.low))


@pytest.mark.parametrize("offset", [0.0, 0.02])
def test_the_interval_holds_whatever_sessions_differ_by(offset):
    """Of 1000 A/A runs of three sessions of two rounds about one in a hundred lies outside the 99 % interval."""
    draw, outside = random.Random(7), 0
    for _ in range(1000):
        days = [draw.lognormvariate(0, offset) for _ in range(6)]
        sessions = [[day * draw.lognormvariate(0, 0.01) for _ in range(2)] for day in days]
        one = session_ratio(sessions[:3], sessions[3:], 0.99)
        outside += not one.low <= 1 <= one.high
    assert outside <= 20


def test_one_session_says_nothing_of_days():
    """With one session on a side there is a ratio, no interval, and the reason."""
    one = session_ratio([[1.0, 1.0], []], [[1.1, 1.1], [1.1, 1.1]], 0.95)
    assert (one.low, one.high) == (None, None)
    assert one.value == pytest.approx(1.1)
    assert one.doubts == ("what sessions differ by needs >= 2 of them on each side, has 1",)


def test_what_cannot_be_a_ratio():
    """Nothing below zero has a logarithm, and a side without values is a mistake of the caller."""
    assert session_ratio([[0.0], [1.0]], [[1.0], [1.0]], 0.95).value is None
    with pytest.raises(ValueError, match="values on both sides"):
        session_ratio([[]], [[1.0]], 0.95)
