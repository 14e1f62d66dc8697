"""What repeats of one case differ by inside a session, learnt from all cases of a run.

Five trials say little about their own noise; fifty cases of the same run say a lot. Where their noise is alike, each case
borrows from the others, so that a change is found in fewer rounds; where it is not alike, there is little to borrow.

    variances of the cases  ─►  how much they differ beyond chance  ─►  Within: a deviation, worth so many values

Source:
    Smyth: Linear models and empirical Bayes methods, Statistical Applications in Genetics and Molecular Biology 3 (2004),
    section 6.2, for both moments. What it promises is right on average over the cases it was learnt from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from energy_fixtures.metrics import Metric
from energy_fixtures.records import Result

MOST_WORTH = 6.0
"""However alike the cases are, what they say of a new one counts for no more values than this: a case may be its own."""

FEWEST_CASES = 5
MOST_CASES = 200  # more say nothing new
FEWEST_TRIALS = 3


@dataclass(frozen=True, kw_only=True)
class Within:
    """What the other cases say of one case's noise.

    Attributes:
        deviation: Standard deviation of the logarithm of a trial.
        freedom: For how many degrees of freedom that counts.
        cases: From how many cases it was learnt.
    """

    deviation: float
    freedom: float
    cases: int


def learn_within(results: Iterable[Result], of: Metric) -> Within | None:
    """From all results of one run that have the metric; None where fewer than FEWEST_CASES have a spread of it."""
    samples = (of.values(result) for result in results)
    usable = (one for one in samples if len(one) >= FEWEST_TRIALS and min(one) > 0)
    return pooled(list(itertools.islice(usable, MOST_CASES)))


def pooled(samples: Sequence[Sequence[float]]) -> Within | None:
    """From values of several cases, each of shape (n,), n >= 2, above 0.

    Repeats that do not differ at all (a coarse counter) are left out: they say that the step is larger than the noise.
    """
    spread = [(variance(logs), len(logs) - 1) for logs in ([math.log(value) for value in one] for one in samples)]
    seen = [(square, freedom) for square, freedom in spread if square > 0]
    if len(seen) < FEWEST_CASES:
        return None
    square, freedom = common(seen, MOST_WORTH)
    return Within(deviation=math.sqrt(square), freedom=freedom, cases=len(seen))


def common(seen: Sequence[tuple[float, float]], most: float) -> tuple[float, float]:
    """What variances of several cases have in common, and for how many degrees of freedom that counts in one of them.

    Args:
        seen: Each case's mean square, above 0, with its degrees of freedom; two cases at least.
        most: It counts for no more than this, however alike the cases are.
    """
    from scipy.special import digamma, polygamma  # type: ignore[import-untyped]  # takes 0.3 s to import

    logs = [math.log(square) - float(digamma(freedom / 2)) + math.log(freedom / 2) for square, freedom in seen]
    by_chance = fmean(float(polygamma(1, freedom / 2)) for _, freedom in seen)
    beyond = variance(logs) - by_chance
    freedom = most if beyond <= 0 else min(most, 2 * _inverse_trigamma(beyond))
    return math.exp(fmean(logs) + float(digamma(freedom / 2)) - math.log(freedom / 2)), freedom


def _inverse_trigamma(value: float) -> float:
    """The y of which trigamma(y) = value > 0, by Newton's steps on 1/trigamma (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-9 * y:
            break
    return y
