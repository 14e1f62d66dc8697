from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.doctor.plan import BETWEEN_SPANS_S, DEFAULT_S, QUICK_S, SHORTEST_SPAN_S, SPANS, Plan, seconds_of
from energy_fixtures.errors import ConfigurationError


@given(seconds=st.floats(5, 600), counters=st.integers(0, 20))
def test_the_time_is_kept(seconds, counters):
    """Windows and spans take the seconds that were given, unless many counters need the shortest spans there are."""
    plan = Plan.of(seconds, counters)
    windows_s = plan.windows * plan.window_s
    spans_s = counters * plan.rounds * SPANS * (plan.span_s + BETWEEN_SPANS_S)

    assert windows_s <= seconds
    assert spans_s <= max(seconds, counters * SPANS * (SHORTEST_SPAN_S + BETWEEN_SPANS_S) + 1e-9)
    assert plan.windows >= 6 and plan.rounds >= 1


def test_about_a_minute_for_one_board():
    """By default one board gets two dozen windows of a second and three rounds of spans."""
    assert Plan.of(DEFAULT_S, 1) == Plan(windows=24, window_s=1.0, span_s=1.0, rounds=3)


@pytest.mark.parametrize(
    ("asked_s", "quick", "seconds"), [(None, False, DEFAULT_S), (None, True, QUICK_S), (30.0, False, 30.0)]
)
def test_seconds_that_were_asked_for(asked_s, quick, seconds):
    """What the user says counts, else --quick, else the default."""
    assert seconds_of(asked_s, quick=quick) == seconds


@pytest.mark.parametrize(
    ("asked_s", "quick", "why"),
    [
        (30.0, True, "leave it or --seconds out"),
        (1.0, False, "it needs 5 to 3600"),
        (float("nan"), False, "it needs 5 to 3600"),
    ],
)
def test_seconds_that_cannot_be(asked_s, quick, why):
    """Too few, too many, no number, or two answers at once are refused with what would do."""
    with pytest.raises(ConfigurationError, match=why):
        seconds_of(asked_s, quick=quick)
