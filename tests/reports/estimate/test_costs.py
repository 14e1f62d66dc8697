"""What a query costs by each way to know it, by hand and by law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.estimate.costs import JoulesRange, Linear, Predicted, Released
from reports.estimate.distributions import Lognormal, Purpose, streams
from reports.estimate.lengths import Lengths, single
from reports.estimate.throughput import Phases, Piecewise, Scatter

HALF = Lognormal(mu=math.log(0.5), sigma=0.0)
CONSTANT = Piecewise(cap=1000.0, coefficients=None, r_squared=None, rows=2)
FIT = Phases(prefill=0.001, decode=0.01, root=((0.5, 0.0), (0.1, 0.3)), squares=0.0, freedom=2, rows=4)
SCATTER = Scatter(deviation=0.2, freedom=12)


def queries(*pairs: tuple[float, float]) -> Lengths:
    """Queries of one turn."""
    return single(np.array([a for a, _ in pairs], dtype=float), np.array([b for _, b in pairs], dtype=float))


def test_the_released_equation_by_hand() -> None:
    """10 kW × 0.5 for 300 tokens at 1,000 tokens/s is 5 kW for 0.3 s: 1,500 J, 0.41667 Wh."""
    cost = Released(throughput=CONSTANT, power_kw=10.0, utilisation=HALF)
    wh = cost.each_wh(queries((500, 300), (500, 0)), streams(1, "x", 0))
    assert wh.tolist() == pytest.approx([1500 / 3600, 0.0])


def test_the_input_term_adds_tokens() -> None:
    """With a divisor of 30 a prompt of 600 counts as 20 more output tokens."""
    cost = Released(throughput=CONSTANT, power_kw=10.0, utilisation=HALF, input_divisor=30.0)
    assert cost.each_wh(queries((600, 280)), streams(1, "x", 0)).item() == pytest.approx(1500 / 3600)


def test_utilisation_may_follow_throughput() -> None:
    """At the largest throughput a node draws 0.24 + 0.56 = 0.80 of its power, and nothing is drawn at random."""
    cost = Released(throughput=CONSTANT, power_kw=10.0, utilisation=HALF, follows_throughput=True)
    wh = [cost.each_wh(queries((500, 300)), streams(seed, "x", 0)).item() for seed in (1, 2)]
    assert wh == pytest.approx([0.8 * 3000 / 3600] * 2)
    assert cost.shared_wh(queries((500, 300)), streams(1, "x", 0), 3).tolist() == pytest.approx([wh[0]] * 3)


def test_prefill_and_decode_are_separate_terms() -> None:
    """Without doubt 2,000 prompt and 100 output tokens take 2 s and 1 s of a node of 10 kW at 0.5: 15 kJ."""
    cost = Linear(fit=FIT, scatter=None, power_kw=10.0, utilisation=HALF)
    wh = cost.each_wh(queries((2000, 100), (0, 100)), streams(1, "x", 0))
    assert wh.tolist() == pytest.approx([15_000 / 3600, 5_000 / 3600])


def test_joules_need_no_power() -> None:
    """A fit of joules is joules: 2,000 × 0.001 J and 100 × 0.01 J are 3 J."""
    cost = Linear(fit=FIT, scatter=None, power_kw=None, utilisation=None, meets="boards")
    assert cost.each_wh(queries((2000, 100)), streams(1, "x", 0)).item() == pytest.approx(3 / 3600)


def test_doubt_of_the_fit_is_a_students_t() -> None:
    """A query of prefill alone scatters as deviation × √(r00² + 1) × t with the pooled degrees of freedom."""
    cost = Linear(fit=FIT, scatter=Scatter(deviation=0.2, freedom=5), power_kw=None, utilisation=None)
    lengths = single(np.array([3600.0 / 0.001]), np.zeros(100_000))
    logs = np.log(cost.each_wh(lengths, streams(3, "x", 0)))
    wide = 0.2 * math.sqrt(0.5**2 + 1)
    student = {0.05: -2.015, 0.25: -0.727, 0.5: 0.0, 0.95: 2.015}  # quantiles of t with 5 degrees of freedom
    for share, value in student.items():
        assert np.quantile(logs, share) == pytest.approx(wide * value, abs=0.015)


def test_the_wildest_doubt_stays_a_number() -> None:
    """A scatter of one degree of freedom gives finite Wh above 0, also for an empty prompt."""
    cost = Linear(fit=FIT, scatter=Scatter(deviation=50.0, freedom=1), power_kw=None, utilisation=None)
    wh = cost.each_wh(single(np.array([0.0]), np.full(20_000, 300.0)), streams(1, "x", 0))
    assert np.isfinite(wh).all()
    assert (wh > 0).all()


def test_what_a_fleet_shares_does_not_average_out() -> None:
    """The mean of many queries under shared doubt spreads as one query does; under doubts of their own it would not."""
    cost = Linear(fit=FIT, scatter=SCATTER, power_kw=10.0, utilisation=Lognormal(mu=-0.5, sigma=0.25, high=1.0))
    lengths = single(np.array([500.0]), np.full(50_000, 300.0))
    each = cost.each_wh(lengths, streams(1, "x", 0))
    shared = cost.shared_wh(lengths, streams(1, "x", 1), 50_000)
    assert np.percentile(shared, (5, 50, 95)) == pytest.approx(np.percentile(each, (5, 50, 95)), rel=0.03)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 9)), min_size=1, max_size=20))
def test_a_weighted_mean_is_that_of_the_repeated_queries(rows: list[tuple[int, int, int]]) -> None:
    """Counting a query n times gives what n copies of it give."""
    cost = Linear(fit=FIT, scatter=SCATTER, power_kw=10.0, utilisation=HALF)
    counted = queries(*((a, b) for a, b, _ in rows))
    copies = queries(*((a, b) for a, b, n in rows for _ in range(n)))
    weights = np.array([float(n) for _, _, n in rows])
    ours = cost.shared_wh(counted, streams(1, "x", 0), 3, weights)
    assert ours.tolist() == pytest.approx(cost.shared_wh(copies, streams(1, "x", 0), 3).tolist())


@given(
    first=st.tuples(st.integers(0, 100_000), st.integers(1, 100_000)),
    more=st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)),
)
def test_more_tokens_never_cost_less(first: tuple[int, int], more: tuple[int, int]) -> None:
    """By our method no query becomes cheaper by a longer prompt or answer."""
    cost = Linear(fit=FIT, scatter=SCATTER, power_kw=10.0, utilisation=HALF)
    longer = (first[0] + more[0], first[1] + more[1])
    a, b = (cost.each_wh(queries(pair), streams(1, "x", 0)).item() for pair in (first, longer))
    assert b >= a


def predictor(inputs: float, outputs: float) -> JoulesRange:
    """A power law in each phase, surer of short answers: within a factor of 1 + outputs / 10,000."""
    prefill, decode, factor = inputs**0.5, 3.0 * inputs**0.25 * outputs, 1 + outputs / 10_000
    return JoulesRange(
        prefill_j=prefill, decode_j=decode, low_j=(prefill + decode) / factor, high_j=(prefill + decode) * factor
    )


ASKED = Predicted.ask(predictor, most_input=10_000, most_output=10_000)


def turns(*rows: tuple[float, float, float]) -> Lengths:
    """One query of these turns: whole prompt, what of it is computed, answer."""
    contexts, computed, outputs = (np.array([[row[column]] for row in rows]) for column in range(3))
    return Lengths(contexts=contexts, computed=computed, outputs=outputs)


def test_a_predictor_is_read_off_between_its_points() -> None:
    """A power law asked on a grid comes back everywhere inside it, turn by turn."""
    cost = Predicted.ask(
        lambda i, o: JoulesRange(prefill_j=0.4 * i**0.5 * o, decode_j=0.6 * i**0.5 * o, low_j=1.0, high_j=2.25),
        most_input=10_000,
        most_output=10_000,
    )
    wh, deviation = cost.expected(turns((123, 123, 77), (456, 456, 1999)))
    assert wh.item() == pytest.approx((123**0.5 * 77 + 456**0.5 * 1999) / 3600, rel=1e-6)
    assert deviation.item() == pytest.approx(math.log(1.5) / 1.645)


def test_a_cached_prefix_saves_prefill_alone() -> None:
    """Prefill is that of the tokens to compute, decode that over the whole context."""
    (wh,), _ = ASKED.expected(turns((8000, 1000, 300)))
    expected = predictor(1000, 300).prefill_j + predictor(8000, 300).decode_j
    assert wh * 3600 == pytest.approx(expected, rel=0.01)
    (cold,), _ = ASKED.expected(turns((8000, 8000, 300)))
    assert (cold - wh) * 3600 == pytest.approx(predictor(8000, 300).prefill_j - predictor(1000, 300).prefill_j, rel=0.1)


def test_a_predictors_doubt_is_that_at_the_lengths_of_the_query() -> None:
    """A short answer keeps its narrow interval where the same predictor is a guess for a long one."""
    for outputs in (100.0, 1000.0, 9000.0):
        _, (deviation,) = ASKED.expected(queries((500, outputs)))
        assert deviation == pytest.approx(math.log(1 + outputs / 10_000) / 1.645, rel=0.05)
    short = ASKED.each_wh(queries(*[(500, 100)] * 50_000), streams(1, "x", 0))
    assert np.percentile(short, 95) / np.percentile(short, 5) == pytest.approx(1.01**2, rel=0.01)


def test_a_fleets_predictor_errs_once_and_keeps_its_median() -> None:
    """All queries share one error, as wide as their widths weighted by energy; the median is the predictor's own mean."""
    lengths, weights = queries((500, 100), (500, 9000)), np.array([90.0, 10.0])
    wh, deviation = ASKED.expected(lengths)
    drawn = ASKED.shared_wh(lengths, streams(1, "x", 0), 200_000, weights)
    energy = wh * weights
    wide = float((energy * deviation).sum() / energy.sum())
    middle = energy.sum() / 100
    expected = middle * np.exp(1.645 * wide * np.array([-1, 0, 1]))
    assert np.percentile(drawn, (5, 50, 95)) == pytest.approx(expected, rel=0.01)
    assert drawn.mean() == pytest.approx(middle * math.exp(wide**2 / 2), rel=0.01)


def test_a_predictor_at_one_end_of_its_interval_is_sure_of_it() -> None:
    """Wrong by 1.645 standard deviations it gives the high end of its range, whatever is drawn."""
    lengths = queries((500, 1000))
    wrong = ASKED.erring(1.645)
    assert wrong.each_wh(lengths, streams(1, "x", 0)) == wrong.each_wh(lengths, streams(2, "x", 0))
    assert wrong.each_wh(lengths, streams(1, "x", 0)).item() == pytest.approx(
        predictor(500, 1000).high_j / 3600, rel=0.02
    )


def test_utilisation_and_fit_have_streams_of_their_own() -> None:
    """The draws of utilisation are the same with and without doubt of the fit."""
    one = Lognormal(mu=0.0, sigma=0.3)
    with_doubt = Linear(fit=FIT, scatter=Scatter(deviation=1e-12, freedom=9), power_kw=3.6, utilisation=one)
    without = Linear(fit=FIT, scatter=None, power_kw=3.6, utilisation=one)
    lengths = single(np.array([0.0]), np.full(100, 100.0))
    assert with_doubt.each_wh(lengths, streams(1, "x", 0)) == pytest.approx(
        without.each_wh(lengths, streams(1, "x", 0))
    )
    assert without.each_wh(lengths, streams(1, "x", 0)) == pytest.approx(
        one.draw(streams(1, "x", 0)(Purpose.UTILISATION), 100)
    )
