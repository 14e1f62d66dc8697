"""Is the change a reason to fail? The only place that turns numbers into a verdict.

First version, the habit of pytest-benchmark: a case REGRESSED when the chosen statistic is worse than the baseline's by
more than the limit. UNCHANGED is said only where the whole interval of the ratio lies inside the limit on both sides;
"not shown" is INCONCLUSIVE and never called unchanged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, median

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS, Metric, headline, metric
from energy_fixtures.readings import MEASURED
from energy_fixtures.units import quantity
from reports.comparison import Pair, State, contrast
from reports.statistics import Ratio

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"mean": fmean, "median": median, "min": min, "max": max}
"""Over the values of all valid trials."""


class Verdict(Enum):
    """What the gate says of one case, worst first."""

    REGRESSED = "REGRESSED"
    INCOMPARABLE = "INCOMPARABLE"
    INCONCLUSIVE = "INCONCLUSIVE"
    IMPROVED = "IMPROVED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How much worse a statistic may become: `amount` in percent of the baseline, or in the metric's own unit.

    `metric` None stands for the metric that a result is judged by when nobody names one.
    """

    metric: str | None
    stat: str
    amount: float
    percent: bool

    @property
    def expression(self) -> str:
        """As `parse_limit` reads it."""
        amount = repr(self.amount).removesuffix(".0") + ("%" if self.percent else "")
        return ":".join(part for part in (self.metric, self.stat, amount) if part is not None)

    def said(self, unit: str) -> str:
        """The amount as a person says it."""
        return f"{self.amount:g} %" if self.percent else quantity(self.amount, unit)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with its figures in one sentence."""

    limit: Limit
    verdict: Verdict
    sentence: str


def parse_limit(expression: str) -> Limit:
    """Read `metric:stat:limit` or `stat:limit`; the limit is `2.5%`, or a number in the metric's unit (SI).

    Raises:
        ConfigurationError: It does not parse, names an unknown metric or statistic, or a metric without a better side.

    Example:
        >>> parse_limit("mean:5%").expression
        'mean:5%'
    """
    parts = [part.strip() for part in expression.split(":")]
    if len(parts) not in (2, 3):
        raise _refused(expression, "it has not two or three parts")
    name = parts[0] if len(parts) == 3 else None
    stat, amount = parts[-2], parts[-1]
    if stat not in STATISTICS:
        raise _refused(expression, f"{stat!r} is not one of {', '.join(STATISTICS)}")
    number = re.fullmatch(r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)\s*(%?)", amount, re.ASCII)
    if number is None or not math.isfinite(float(number[1])):
        raise _refused(expression, f"{amount!r} is not a number >= 0, with or without %")
    if name is not None and metric(name).direction is None:
        judged = ", ".join(known.name for known in METRICS.values() if known.direction is not None)
        raise ConfigurationError(
            f"--energy-compare-fail={expression}: {name} is neither better when lower nor when higher; "
            f"gate on one of {judged}"
        )
    return Limit(metric=name, stat=stat, amount=float(number[1]), percent=number[2] == "%")


def _refused(expression: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"--energy-compare-fail={expression} cannot be read: {why}; write METRIC:STAT:LIMIT, "
        "for example joules_per_output_token:mean:2.5%, or mean:5%"
    )


def judge(limit: Limit, pair: Pair, level: float) -> Judgement | None:
    """Hold a pair against a limit; None for a new case, of which there is nothing to say.

    Args:
        limit: What is allowed.
        pair: The case with its past.
        level: Confidence of the interval that UNCHANGED needs, in (0, 1).
    """
    if pair.state is State.NEW or pair.baseline is None:
        return None
    case = pair.candidate.case
    if pair.state is not State.COMPARED:
        why = "; ".join(pair.differences)
        return Judgement(limit=limit, verdict=Verdict.INCOMPARABLE, sentence=f"{case}: {pair.state.value}: {why}")
    known = headline(pair.candidate) if limit.metric is None else METRICS[limit.metric]
    old_values, new_values = known.values(pair.baseline), known.values(pair.candidate)
    if not old_values or not new_values:
        side = "the baseline" if not old_values else "this run"
        return Judgement(limit=limit, verdict=Verdict.INCONCLUSIVE, sentence=f"{case}: {side} has no {known.name}")
    of = STATISTICS[limit.stat]
    old, new = of(old_values), of(new_values)
    if limit.percent and old <= 0:
        sentence = (
            f"{case}: the baseline's {limit.stat} {known.name} is {quantity(old, known.unit)}, no base for a percentage"
        )
        return Judgement(limit=limit, verdict=Verdict.INCONCLUSIVE, sentence=sentence)
    interval = contrast(known, pair, level) if limit.stat == "mean" else None  # of the ratio of means, nothing else
    verdict = _verdict(limit, known, old, new, interval)
    label = "" if pair.candidate.method in MEASURED else f" ({pair.candidate.method}, not measured)"
    sentence = (
        f"{case}: {limit.stat} {known.name} {quantity(new, known.unit)}{label} against {quantity(old, known.unit)}"
        f"{_change(old, new)}, limit {limit.said(known.unit)} "
        f"(n = {len(new_values)} against {len(old_values)}{_range(interval)})"
    )
    return Judgement(limit=limit, verdict=verdict, sentence=sentence)


def _verdict(limit: Limit, known: Metric, old: float, new: float, interval: Ratio | None) -> Verdict:
    allowed = old * limit.amount / 100 if limit.percent else limit.amount
    worse = old - new if known.direction == "higher" else new - old
    if worse > allowed:
        return Verdict.REGRESSED
    if limit.stat != "mean" and worse < -allowed:
        return Verdict.IMPROVED  # the limit is on a point, and so is the answer
    if interval is None or interval.low is None or interval.high is None or old <= 0:
        return Verdict.INCONCLUSIVE
    better = interval.low > 1 if known.direction == "higher" else interval.high < 1
    if worse < -allowed and better:
        return Verdict.IMPROVED
    band = allowed / old
    return Verdict.UNCHANGED if 1 - band <= interval.low and interval.high <= 1 + band else Verdict.INCONCLUSIVE


def percent_change(ratio: float) -> str:
    """A ratio as a signed change.

    >>> percent_change(1.061), percent_change(0.5), percent_change(1.0)
    ('+6.1 %', '-50.0 %', '0.0 %')
    """
    change = 100 * (ratio - 1)
    digits = 2 if 0.005 <= abs(change) < 0.95 else 1
    said = f"{change:+.{digits}f}"
    return "0.0 %" if said in ("+0.0", "-0.0") else f"{said} %"


def _change(old: float, new: float) -> str:
    return f" ({percent_change(new / old)})" if old > 0 else ""


def _range(interval: Ratio | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f", {100 * interval.level:g} % interval {percent_change(interval.low)} to {percent_change(interval.high)}"
