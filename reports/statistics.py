"""What repeated values say: a centre with its interval, and the ratio of two samples with its interval.

One value per valid trial. Level and thresholds are arguments; this file knows no policy. What cannot be computed is
None with a doubt that says what is needed.

    values      ─► summarise ─► Summary   mean, Student-t interval
    base, new   ─► ratio     ─► Ratio     ratio of means, Welch-t interval on the log scale
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A sample in one number and an interval that covers the true mean with probability `level`.

    `low` and `high` are None where the sample is too small for a spread; `doubts` then says so.
    """

    center: float
    low: float | None
    high: float | None
    level: float
    n: int
    doubts: tuple[str, ...] = ()

    @property
    def half_width(self) -> float | None:
        """What stands behind ±, in the sample's unit; None where there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """New over base, with an interval; 1.0 means no difference.

    `value` is None where the base's mean is not above 0.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    doubts: tuple[str, ...] = ()


def summarise(values: Sequence[float], level: float, *, own_error: float = 0.0) -> Summary:
    """Mean with Student's t interval, never narrower than the error that all values may have in common.

    Args:
        values: One per valid trial, shape (n,), n >= 1, finite.
        level: Confidence in (0, 1).
        own_error: One standard uncertainty of each value by itself, as a share of it. Windows of the same work meet the
            steps of a counter alike, so that repeats do not show it and their mean does not lessen it.

    Raises:
        ValueError: No values, or a level outside (0, 1).

    Example:
        >>> summary = summarise([9.0, 10.0, 11.0], 0.95)
        >>> summary.center, round(summary.half_width, 3)
        (10.0, 2.484)
    """
    _check(level)
    n = len(values)
    if n == 0:
        raise ValueError("a summary needs at least one value, got none")
    mean = math.fsum(values) / n
    if n < 2:
        return Summary(center=mean, low=None, high=None, level=level, n=n, doubts=(_too_few(n),))
    reach = quantile(n - 1, level) * math.sqrt(_variance(values, mean) / n)
    if own_error > 0:
        reach = max(reach, quantile(math.inf, level) * own_error * abs(mean))
    return Summary(center=mean, low=mean - reach, high=mean + reach, level=level, n=n)


def ratio(base: Sequence[float], new: Sequence[float], level: float) -> Ratio:
    """Mean of `new` over mean of `base`, with Welch's t interval of its logarithm.

    The variance of log(mean) is taken as (s / mean)^2 / n (delta method), which is what spreads of a few percent need;
    samples may have different spreads and sizes.

    Args:
        base, new: One value per valid trial, shapes (n,) and (m,), n, m >= 1, finite.
        level: Confidence in (0, 1).

    Raises:
        ValueError: A sample is empty, or a level outside (0, 1).

    Source:
        B. L. Welch, Biometrika 34 (1947), for the degrees of freedom.

    Example:
        >>> ratio([10.0, 10.0], [11.0, 11.0], 0.95).value
        1.1
    """
    _check(level)
    if not base or not new:
        raise ValueError(f"a ratio needs values on both sides, got {len(base)} and {len(new)}")
    below, above = math.fsum(base) / len(base), math.fsum(new) / len(new)
    if below <= 0 or above <= 0:
        value = above / below if below > 0 else None
        doubt = "a ratio needs means above 0 for an interval"
        return Ratio(value=value, low=None, high=None, level=level, doubts=(doubt,))
    value = above / below
    if min(len(base), len(new)) < 2:
        return Ratio(value=value, low=None, high=None, level=level, doubts=(_too_few(min(len(base), len(new))),))
    # relative first: squares of very small or very large values would not be numbers any more
    part = tuple(
        _variance([value / mean for value in values], 1.0) / len(values)
        for values, mean in ((base, below), (new, above))
    )
    error = math.fsum(part)
    if error == 0:
        return Ratio(value=value, low=value, high=value, level=level)
    # shares first: squares of tiny errors would vanish
    freedom = 1 / ((part[0] / error) ** 2 / (len(base) - 1) + (part[1] / error) ** 2 / (len(new) - 1))
    reach = quantile(freedom, level) * math.sqrt(error)
    high = math.exp(math.log(value) + reach) if math.log(value) + reach < 700 else math.inf  # exp overflows at 709
    return Ratio(value=value, low=value * math.exp(-reach), high=high, level=level)


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level!r}")


def _too_few(n: int) -> str:
    return f"a spread needs >= 2 valid trials, has {n}"


def _variance(values: Sequence[float], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


@lru_cache(maxsize=4096)
def quantile(freedom: float, level: float) -> float:
    """Two-sided quantile of Student's t: so many standard errors to either side hold `level`."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes 0.3 s to import, so never at collection

    return float(stdtrit(freedom, (1 + level) / 2))
