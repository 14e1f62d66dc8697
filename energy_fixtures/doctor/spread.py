"""The little statistics that a few dozen windows need; pure, and without SciPy, which takes a second to import."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from energy_fixtures.readings import COVERAGE

# Quantiles of Student's t for a two-sided 95 % interval by degrees of freedom 1, 2, ... (any statistics table).
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def student_factor(freedom: int) -> float:
    """By how much a standard uncertainty from few values grows so that COVERAGE of it still covers 95 % (GUM, annex G).

    >>> round(student_factor(1), 2), round(student_factor(1000), 2)
    (6.48, 1.0)
    """
    if freedom < 1:
        return math.inf
    quantile = _T95[freedom - 1] if freedom <= len(_T95) else COVERAGE + 2.4 / freedom
    return quantile / COVERAGE


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample, 0 for a single value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def uncertainty_of_mean(values: Sequence[float]) -> float:
    """One standard uncertainty of the mean of independent values; infinite for a single one."""
    return deviation(values) / math.sqrt(len(values)) * student_factor(len(values) - 1) if len(values) > 1 else math.inf


def edge_uncertainty(window_j: Sequence[float]) -> float:
    """What one end of a window is uncertain by, from the joules of windows of equal length, each beginning where the last ended.

    An error at an edge gives to one window what it takes from the next, so neighbours vary against each other: their
    covariance is -edge². Power that really varies does not do that. To be on the safe side one standard error of that
    covariance is added; the edge cannot vary by more than the windows do.

        edge² = min(variance / 2, max(0, -covariance + variance / sqrt(windows - 1)))

    Args:
        window_j: At least two.
    """
    centre, count = mean(window_j), len(window_j)
    off = [value - centre for value in window_j]
    variance = math.fsum(value * value for value in off) / (count - 1)
    covariance = math.fsum(a * b for a, b in itertools.pairwise(off)) / (count - 1)
    return math.sqrt(min(variance / 2, max(0.0, -covariance + variance / math.sqrt(count - 1))))
