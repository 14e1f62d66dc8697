"""The search for a rate: few measurements, and the cheapest that meets the level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Scenario
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.search import CLOSE, MOST_RATES, Tried, at_rate, cheapest, next_rate


def search(limit, low=1.0, high=64.0):
    """All rates that are measured where those up to `limit` meet the level; joules fall with the rate."""
    tried = []
    while (rate := next_rate(tried, low, high)) is not None:
        tried.append(Tried(rate=rate, met=rate <= limit, joules_per_token=1 / rate))
    return tried


@given(st.floats(0.5, 100))
def test_the_limit_is_closed_in(limit):
    """With few measurements the answer is the highest rate that meets the level, to a tenth or so of it."""
    tried = search(limit)
    best = cheapest(tried)

    assert len(tried) <= MOST_RATES
    assert len({one.rate for one in tried}) == len(tried)
    if limit >= 64:
        assert best.rate == 64.0 and len(tried) == 2  # the lowest too: which of the two is cheaper is measured
    elif limit < 1:
        assert best is None and len(tried) == 2
    else:
        # 64 is halved by ratio five times: 2 ** (6 / 32)
        assert best.rate <= limit <= best.rate * max(CLOSE, 2 ** (6 / 2**5)) * 1.001


def test_low_rates_are_told_apart():
    """Rates far below one per second are halved as well, and none is measured twice."""
    rates = [one.rate for one in search(0.0015, low=0.001, high=0.004)]

    assert len(set(rates)) == len(rates) > 3
    assert all(0.001 <= rate <= 0.004 for rate in rates)


def test_the_cheapest_need_not_be_the_highest():
    """Of all rates that meet the level the one with the fewest joules per token is named."""
    tried = [Tried(rate=1, met=True, joules_per_token=3.0), Tried(rate=2, met=True, joules_per_token=5.0)]

    assert cheapest([*tried, Tried(rate=4, met=False, joules_per_token=1.0)]) == tried[0]


def test_only_rates_can_be_searched():
    """Arrivals without a rate are refused, others get the rate and nothing else."""
    base = Scenario(
        engine="vllm_server", batch_size=1, input_tokens=8, output_tokens=4, arrivals=Arrivals.poisson(3, 1.0)
    )
    other = Scenario(
        engine="vllm_server", batch_size=1, input_tokens=8, output_tokens=4, arrivals=Arrivals.all_at_once(3)
    )

    assert at_rate(base, 2.5).arrivals == Arrivals.poisson(3, 2.5)
    with pytest.raises(ConfigurationError, match="needs constant, poisson or gamma"):
        at_rate(other, 2.5)
