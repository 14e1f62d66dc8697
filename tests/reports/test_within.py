"""What the cases of a run say of each other's noise."""

from __future__ import annotations

import math
import random

import pytest
from scipy.special import polygamma

from energy_fixtures.metrics import METRICS
from reports.sequential import anytime_ratio
from reports.within import FEWEST_CASES, MOST_WORTH, Within, learn_within, pooled


def cases(rng: random.Random, deviations: list[float], count: int = 10) -> list[list[float]]:
    return [[math.exp(rng.gauss(0, deviation)) for _ in range(count)] for deviation in deviations]


def test_alike_cases_lend_all_they_may():
    """Fifty cases of one noise are worth the most that may be borrowed, at that noise."""
    within = pooled(cases(random.Random(1), [0.02] * 50))

    assert within is not None and within.cases == 50
    assert within.freedom == MOST_WORTH
    assert within.deviation == pytest.approx(0.02, rel=0.1)


def test_unlike_cases_lend_little():
    """Where noise differs tenfold from case to case there is less to borrow than one case's own five rounds."""
    rng = random.Random(2)
    within = pooled(cases(rng, [0.02 * math.exp(rng.gauss(0, 1.2)) for _ in range(50)]))

    assert within is not None
    assert within.freedom < 2


def test_the_moments_are_those_of_smyth():
    """The variance of the log variances beyond chance is trigamma of half the freedom, as in Smyth's section 6.2."""
    rng = random.Random(3)
    samples = cases(rng, [0.01 * math.exp(rng.gauss(0, 0.8)) for _ in range(80)], count=6)
    within = pooled(samples)
    assert within is not None and within.freedom < MOST_WORTH

    def log_variance(values: list[float]) -> float:
        logs = [math.log(value) for value in values]
        mean = sum(logs) / len(logs)
        return math.log(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))

    seen = [log_variance(sample) for sample in samples]
    middle = sum(seen) / len(seen)
    beyond = sum((one - middle) ** 2 for one in seen) / (len(seen) - 1) - float(polygamma(1, 2.5))
    assert float(polygamma(1, within.freedom / 2)) == pytest.approx(beyond, rel=1e-6)


@pytest.mark.parametrize("count", [0, 1, FEWEST_CASES - 1])
def test_few_cases_say_nothing(count: int):
    """Below five cases nothing is borrowed."""
    assert pooled(cases(random.Random(4), [0.02] * count)) is None


def test_repeats_that_never_differ_are_no_noise():
    """A counter so coarse that all repeats are equal lends no false calm."""
    alike = cases(random.Random(5), [0.02] * 10)

    assert pooled([[1.0] * 5] * 40) is None
    assert pooled([*alike, *[[1.0] * 10] * 40]) == pooled(alike)


def test_borrowed_noise_narrows_an_interval_of_few_rounds():
    """Three calm rounds a side and what the others say exclude more than the three rounds alone."""
    base, new = [1.0, 1.01, 0.99], [1.1, 1.11, 1.09]
    alone = anytime_ratio(base, new, 0.99)
    helped = anytime_ratio(base, new, 0.99, within=Within(deviation=0.01, freedom=6, cases=50))

    assert alone.low is not None and helped.low is not None and alone.value == helped.value
    assert 1 < helped.low
    assert helped.low > alone.low


def test_borrowed_noise_widens_an_interval_of_equal_repeats():
    """Equal values by luck or by a coarse counter are not taken for certain where other cases show noise."""
    helped = anytime_ratio([1.0] * 5, [1.001] * 5, 0.95, within=Within(deviation=0.01, freedom=6, cases=50))

    assert helped.low is not None and helped.high is not None
    assert helped.low < 1 < helped.high


def test_results_are_read_by_metric(case):
    """The noise is that of the metric's values; results without it say nothing."""
    results = [case(f"b{index}", [10.0, 10.2 + index / 100, 9.9, 10.1, 10.0]) for index in range(8)]

    within = learn_within(results, METRICS["joules_per_output_token"])
    assert within is not None and within.cases == 8
    assert 0.005 < within.deviation < 0.03
    assert learn_within(results, METRICS["joules_per_accepted_token"]) is None
