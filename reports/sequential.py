"""The ratio of two samples with an interval that stays true however often one looks, and whatever made one stop.

    after each round   base, new  ─►  e-value of "the ratio is r"  ─►  all r whose e-value stays below 1/alpha

The e-value is the Bayes factor of the two-sample t statistic between an effect of some size, normal around 0 with variance
`PRIOR` in units of the noise, and the effect r, with the right Haar prior on the noise and on the common level. In any order
of rounds that was fixed beforehand it is an e-process, so the chance that it ever exceeds 1/alpha is at most alpha
(Ville's inequality): rounds may be added for as long as the answer is open.

Sources:
    Pérez-Ortiz, Lardy, de Heide, Grünwald: E-statistics, group invariance and anytime-valid testing, Annals of Statistics
    52 (2024), for the two-sample t e-process.
    Wang, Ramdas: Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance, Sequential
    Analysis 44 (2025), for the interval by inversion.
    Gönen, Johnson, Lu, Westfall: The Bayesian two-sample t test, The American Statistician 59 (2005), for the closed form.

    Smyth: Linear models and empirical Bayes methods, Statistical Applications in Genetics and Molecular Biology 3 (2004), for
    the noise that is borrowed from other cases (`reports.within`): a prior on the noise instead of none, in closed form.

Values enter as logarithms: noise of energy is relative, and a ratio is what is asked for. Both samples are taken to have the
same relative noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from reports.statistics import Ratio
from reports.within import Within

PRIOR = 36.0
"""Variance of the effects that are looked for, in units of one value's noise: changes of a few times the noise. The interval
holds whatever it is; it is narrowest for effects of about this size."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Two samples in what an interval needs of them; made once, asked at several levels.

    Attributes:
        base, new: How many values.
        effect: ln of the ratio of the geometric means; None where a value is not above 0.
        squares: Sum of squared deviations of the logarithms from their own side's mean.
    """

    base: int
    new: int
    effect: float | None
    squares: float

    @classmethod
    def of(cls, base: Sequence[float], new: Sequence[float]) -> Samples:
        """From one value per valid trial; of a stored baseline all at once, else in turn.

        Raises:
            ValueError: A side is empty.
        """
        if not base or not new:
            raise ValueError(f"a ratio needs values on both sides, got {len(base)} and {len(new)}")
        if min(base) <= 0 or min(new) <= 0:
            return cls(base=len(base), new=len(new), effect=None, squares=0.0)
        before, after = [math.log(value) for value in base], [math.log(value) for value in new]
        mean_before, mean_after = math.fsum(before) / len(before), math.fsum(after) / len(after)
        squares = math.fsum([(one - mean_before) ** 2 for one in before] + [(one - mean_after) ** 2 for one in after])
        return cls(base=len(base), new=len(new), effect=mean_after - mean_before, squares=squares)

    def interval(
        self, level: float, *, between: float = 0.0, within: Within | None = None, as_if: int | None = None
    ) -> Ratio:
        """See `anytime_ratio`."""
        if self.effect is None:
            return Ratio(value=None, low=None, high=None, level=level, doubts=("a ratio needs values above 0",))
        value, fewest = math.exp(self.effect), min(self.base, self.new)
        if fewest < 2:
            doubt = f"a spread needs >= 2 valid trials, has {fewest}"
            return Ratio(value=value, low=None, high=None, level=level, doubts=(doubt,))
        alpha = (1 - level) / (2 if between > 0 else 1)
        borrowed = 0.0 if within is None else within.freedom
        freedom = self.base + self.new - 2 + borrowed
        squares = self.squares if within is None else self.squares + borrowed * within.deviation**2
        count = as_if or self.new
        pairs = self.base * count / (self.base + count)
        quantile = anytime_quantile(self.base + count - 2 + borrowed, pairs, alpha)
        if quantile is None:
            doubt = f"{self.base} and {self.new} trials cannot exclude anything at {100 * level:.4g} %"
            return Ratio(value=value, low=None, high=None, level=level, doubts=(doubt,))
        reach = quantile * math.sqrt(squares / freedom / pairs) + between
        high = math.exp(self.effect + reach) if self.effect + reach < 700 else math.inf  # exp overflows at 709
        return Ratio(value=value, low=math.exp(self.effect - reach), high=high, level=level)


def anytime_ratio(
    base: Sequence[float],
    new: Sequence[float],
    level: float,
    *,
    between: float = 0.0,
    within: Within | None = None,
    as_if: int | None = None,
) -> Ratio:
    """Geometric mean of `new` over that of `base`, with an anytime-valid interval.

    Args:
        base, new: One value per valid trial, all above 0; of a stored baseline all at once, else in turn.
        level: Confidence in (0, 1), simultaneously over all rounds.
        between: Half of the interval of what differs from one session to another by itself, as a difference of
            logarithms, at half of `1 - level`; 0 where both samples are of one session. See `reports.noise`.
        within: What other cases say of the noise; None to take it from these values alone.
        as_if: Answer as if `new` had so many values with the same mean and spread, to see what more would bring.

    Returns:
        `value` None where a value is not above 0. `low` and `high` are None below two values on a side, and where so few
        values cannot exclude anything at this level; `doubts` then says so.
    """
    return Samples.of(base, new).interval(level, between=between, within=within, as_if=as_if)


@lru_cache(maxsize=4096)
def anytime_quantile(freedom: float, pairs: float, alpha: float) -> float | None:
    """How many standard errors the interval reaches; None where it is endless.

    Solves BF(t) = 1/alpha for t, with BF(t) = (1 + g)^(-1/2) [(1 + t²/v) / (1 + t²/(v (1 + g)))]^((v + 1)/2), v = `freedom`,
    g = `pairs` x PRIOR.

    Args:
        freedom: Degrees of freedom, values less 2.
        pairs: n m / (n + m) of n and m values.
        alpha: Chance of ever being wrong.

    Example:
        >>> round(anytime_quantile(18, 5, 0.01), 2)
        4.2
    """
    growth = 1 + pairs * PRIOR
    needed = math.exp((math.log(growth) / 2 - math.log(alpha)) * 2 / (freedom + 1))
    if needed >= growth:
        return None
    return math.sqrt(freedom * (needed - 1) / (1 - needed / growth))
