"""When requests come: each process keeps its law."""

from __future__ import annotations

import itertools
import math
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.workloads.arrivals import arrival_times_s

RATES = st.floats(0.01, 1e4)
COUNTS = st.integers(1, 60)
MANY = 40_000


@st.composite
def arrivals(draw):
    """Any process that needs no trace."""
    count, rate = draw(COUNTS), draw(RATES)
    return draw(
        st.sampled_from(
            [
                Arrivals.all_at_once(count),
                Arrivals.constant(count, rate),
                Arrivals.poisson(count, rate),
                Arrivals.gamma(count, rate, draw(st.floats(0.05, 50))),
            ]
        )
    )


@given(arrivals(), st.integers())
def test_times_begin_at_zero_and_never_fall(process, seed):
    """As many times as requests, the first at 0, none before the one before it, equal for equal seeds."""
    times = arrival_times_s(process, seed)

    assert len(times) == process.requests and times[0] == 0
    assert all(early <= late for early, late in itertools.pairwise(times))
    assert times == arrival_times_s(process, seed)


def gaps(process):
    """Gaps of a long run."""
    times = arrival_times_s(process, 7)
    return [late - early for early, late in itertools.pairwise(times)]


@pytest.mark.parametrize(
    ("process", "variation"),
    [
        (Arrivals.constant(MANY, 5.0), 0.0),
        (Arrivals.poisson(MANY, 5.0), 1.0),
        (Arrivals.gamma(MANY, 5.0, 1.0), 1.0),
        (Arrivals.gamma(MANY, 5.0, 0.25), 2.0),
        (Arrivals.gamma(MANY, 5.0, 4.0), 0.5),
    ],
)
def test_gaps_have_the_mean_and_spread_of_their_law(process, variation):
    """Gaps have mean 1 / rate; their standard deviation over it is 1 / sqrt(burstiness), 1 for Poisson."""
    found = gaps(process)

    # standard errors of 40,000 draws are below 0.01 for every law here but the burstiest, whose mean has 0.01
    assert fmean(found) == pytest.approx(0.2, rel=0.04)
    assert pstdev(found) / fmean(found) == pytest.approx(variation, abs=0.06)


def test_poisson_counts_scatter_as_much_as_their_mean():
    """Of a Poisson process the number in a fixed time has a variance equal to its mean."""
    times = arrival_times_s(Arrivals.poisson(MANY, 10.0), 3)
    counts = [0] * int(times[-1])
    for at_s in times:
        if at_s < len(counts):
            counts[int(at_s)] += 1

    assert pstdev(counts) ** 2 / fmean(counts) == pytest.approx(1.0, abs=0.1)


def test_seeds_give_other_times():
    """Neighbouring seeds have nothing in common."""
    process = Arrivals.poisson(20, 1.0)

    assert arrival_times_s(process, 1)[1:] != arrival_times_s(process, 2)[1:]


def test_conversations_start_at_the_rate_over_their_turns():
    """The rate counts every request: conversations of four turns start at a quarter of it."""
    process = Arrivals(process="constant", requests=12, request_rate=4.0, turns=4)

    assert arrival_times_s(process, 0) == [0.0, 1.0, 2.0]


@given(st.lists(st.floats(0, 1e5), min_size=3, max_size=3).map(sorted), st.floats(0.01, 100))
def test_a_trace_keeps_its_rhythm(recorded, scale):
    """Replayed times begin at 0 and are the recorded ones times the scale."""
    times = arrival_times_s(Arrivals.trace(3, "trace.csv", time_scale=scale), 0, recorded)

    assert times[0] == 0
    assert all(math.isclose(at_s, (was_s - recorded[0]) * scale) for at_s, was_s in zip(times, recorded, strict=True))


@pytest.mark.parametrize(("recorded", "said"), [(None, "holds no times"), ([0.0, 1.0], "holds 2 requests and 5")])
def test_a_trace_without_enough_times_is_refused(recorded, said):
    """What cannot be replayed is told, with the workload's name."""
    with pytest.raises(ConfigurationError, match=said):
        arrival_times_s(Arrivals.trace(5, "trace.csv"), 0, recorded)
