"""Is the change a reason to fail? The only place that turns numbers into a verdict.

    REGRESSED      the mean is worse by more than the limit, and an interval shows that it is worse at all
    IMPROVED       the same on the other side
    UNCHANGED      a whole interval lies inside the limit on both sides: equivalence is shown
    INCONCLUSIVE   none of these is shown (yet)
    INCOMPARABLE   the two are not the same work on the same machine

The interval of REGRESSED and IMPROVED holds at `Policy.confidence` for all gated cases of a session together (Bonferroni)
and however often one looks (`reports.sequential`); the one of UNCHANGED at the printed level. Limits on a median, minimum or
maximum, of which there is no such interval, are judged by the point alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import fmean, median

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS, Metric, headline, metric
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Result
from energy_fixtures.units import quantity
from reports.comparison import Pair, State, no_narrower, own_share
from reports.noise import Between
from reports.sequential import Samples
from reports.statistics import Ratio
from reports.within import Within, learn_within

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"mean": fmean, "median": median, "min": min, "max": max}
"""Over the values of all valid trials."""


SERVICE = ("ttft_p95", "tpot_p95")
"""What a caller feels: fewer joules are told together with these where they grew."""

MOST_LEARNT = 1000
"""Cases of a baseline that its noise is learnt from; more say nothing new."""


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
    """A verdict with its figures in one sentence. `open`: INCONCLUSIVE, and more rounds may well decide it."""

    limit: Limit
    verdict: Verdict
    sentence: str
    open: bool = False


def parse_limit(expression: str, option: str = "--energy-compare-fail=") -> Limit:
    """Read `metric:stat:limit` or `stat:limit`; the limit is `2.5%`, or a number in the metric's unit (SI).

    Args:
        expression: What was typed.
        option: What stands before it, for sentences.

    Raises:
        ConfigurationError: It does not parse, names an unknown metric or statistic, or a metric without a better side.

    Example:
        >>> parse_limit("mean:5%").expression
        'mean:5%'
    """
    parts = [part.strip() for part in expression.split(":")]
    if len(parts) not in (2, 3):
        raise _refused(option + expression, "it has not two or three parts")
    name = parts[0] if len(parts) == 3 else None
    stat, amount = parts[-2], parts[-1]
    if stat not in STATISTICS:
        raise _refused(option + expression, f"{stat!r} is not one of {', '.join(STATISTICS)}")
    number = re.fullmatch(r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)\s*(%?)", amount, re.ASCII)
    if number is None or not math.isfinite(float(number[1])):
        raise _refused(option + expression, f"{amount!r} is not a number >= 0, with or without %")
    if name is not None and metric(name).direction is None:
        judged = ", ".join(known.name for known in METRICS.values() if known.direction is not None)
        raise ConfigurationError(
            f"{option}{expression}: {name} is neither better when lower nor when higher; gate on one of {judged}"
        )
    return Limit(metric=name, stat=stat, amount=float(number[1]), percent=number[2] == "%")


def _refused(typed: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{typed} cannot be read: {why}; write METRIC:STAT:LIMIT, "
        "for example joules_per_output_token:mean:2.5%, or mean:5%"
    )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How sure the gate wants to be.

    Attributes:
        confidence: That no case of a session is called REGRESSED (or IMPROVED) without being it, in (0, 1).
        gated: How many cases are held against a limit in the session; the doubt that is left is shared among them.
        between: What two sessions differ by on their own; None where both sides are of one session.
        max_rounds: How many valid trials the new side may come to have.
        within: By metric, what all cases of the baseline say of one case's noise.
    """

    confidence: float = 0.99
    gated: int = 1
    between: Between | None = None
    max_rounds: int = 20
    within: Mapping[str, Within] = field(default_factory=dict)

    @property
    def level(self) -> float:
        """Confidence of one case's interval."""
        return 1 - (1 - self.confidence) / max(1, self.gated)

    def learning_from(self, baseline: Sequence[Result], limits: Iterable[Limit]) -> Policy:
        """The same, with the noise inside a session as the cases of the baseline show it."""
        seen = baseline[:MOST_LEARNT]
        wanted = {known.name: known for limit in limits for known in _judged(limit, seen)}
        learnt = {name: learn_within(seen, known) for name, known in wanted.items()}
        return replace(self, within={name: within for name, within in learnt.items() if within is not None})

    def of(self, result: Result) -> Policy:
        """The same for one case: with what its own sessions differ by."""
        between = self.between
        return self if between is None or not between.cases else replace(self, between=between.of(result.fullname))

    def interval(self, samples: Samples, known: Metric, level: float) -> Ratio:
        """New over base at a level, with what sessions differ by."""
        return samples.interval(level, between=self._between(level), within=self.within.get(known.name))

    def best(self, samples: Samples, known: Metric, level: float) -> Ratio:
        """The interval that all rounds there may be would give, if they went on like those there are."""
        rounds = max(self.max_rounds, samples.new)
        within = self.within.get(known.name)
        return samples.interval(level, between=self._between(level), within=within, as_if=rounds)

    def _between(self, level: float) -> float:
        return 0.0 if self.between is None else self.between.reach(level)


def _judged(limit: Limit, results: Iterable[Result]) -> Iterator[Metric]:
    """The metrics that a limit is about."""
    if limit.metric is not None:
        yield METRICS[limit.metric]
    else:
        yield from map(headline, results)


ONE_SESSION = Policy()


def judge(limit: Limit, pair: Pair, level: float, policy: Policy = ONE_SESSION) -> Judgement | None:
    """Hold a pair against a limit; None for a new case, of which there is nothing to say.

    Args:
        limit: What is allowed.
        pair: The case with its past.
        level: Confidence of the interval that UNCHANGED needs, in (0, 1).
        policy: How sure REGRESSED and IMPROVED have to be.
    """
    if pair.state is State.NEW or pair.baseline is None:
        return None
    case, policy = pair.candidate.case, policy.of(pair.candidate)
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
    base = 100 if limit.percent else old if old > 0 else 1
    worse = _Shares(old=old, new=new, allowed=limit.amount / base)
    if limit.stat == "mean":
        samples, own = Samples.of(old_values, new_values), own_share(known, pair)
        shown, inside = (no_narrower(policy.interval(samples, known, one), own) for one in (policy.level, level))
        verdict, may_decide = _verdict(known, worse, shown, inside), False
        if verdict is Verdict.INCONCLUSIVE:
            best = (no_narrower(policy.best(samples, known, one), own) for one in (policy.level, level))
            may_decide = _verdict(known, worse, *best) is not Verdict.INCONCLUSIVE
    else:
        shown, verdict, may_decide = None, worse.point_verdict(known), False
    label = "" if pair.candidate.method in MEASURED else f" ({pair.candidate.method}, not measured)"
    sentence = (
        f"{case}: {limit.stat} {known.name} {quantity(new, known.unit)}{label} against {quantity(old, known.unit)}"
        f"{_change(old, new)}, limit {limit.said(known.unit)} "
        f"(n = {len(new_values)} against {len(old_values)}{_range(shown)})"
    )
    if verdict is Verdict.INCONCLUSIVE and shown is not None and shown.doubts:
        sentence += f": {'; '.join(shown.doubts)}"
    if verdict is Verdict.IMPROVED and known.name not in SERVICE:
        sentence += "".join(
            f"; but slower: {clause}" for clause in _slower(pair, worse.allowed if old > 0 else 0.0, policy)
        )
    return Judgement(limit=limit, verdict=verdict, sentence=sentence, open=may_decide)


def _slower(pair: Pair, allowed: float, policy: Policy) -> Iterator[str]:
    """Latencies that were shown to grow by more than the share that is allowed: joules saved by being slow."""
    for name in SERVICE:
        known = METRICS[name]
        old = () if pair.baseline is None else known.values(pair.baseline)
        new = known.values(pair.candidate)
        if not old or not new:
            continue
        seen = policy.interval(Samples.of(old, new), known, policy.level)
        if seen.value is not None and seen.low is not None and seen.low > 1 and seen.value > 1 + allowed:
            yield f"{name} {quantity(fmean(new), known.unit)} against {quantity(fmean(old), known.unit)}{_change(1, seen.value)}"


@dataclass(frozen=True, kw_only=True)
class _Shares:
    """A statistic of both sides, and how much worse it may be as a share of the old one; in its own unit where that is not > 0."""

    old: float
    new: float
    allowed: float

    def worse_by(self, known: Metric) -> float:
        """How much worse it became, in what `allowed` is in."""
        change = self.old - self.new if known.direction == "higher" else self.new - self.old
        return change / self.old if self.old > 0 else change

    def point_verdict(self, known: Metric) -> Verdict:
        """By the point alone."""
        worse = self.worse_by(known)
        if worse > self.allowed:
            return Verdict.REGRESSED
        return Verdict.IMPROVED if worse < -self.allowed else Verdict.INCONCLUSIVE


def _verdict(known: Metric, shares: _Shares, shown: Ratio, inside: Ratio) -> Verdict:
    """Of a mean: `shown` is the interval that a change needs, `inside` the one that UNCHANGED needs."""
    worse = shares.worse_by(known)
    if shown.low is not None and shown.high is not None:
        rises, falls = shown.low > 1, shown.high < 1
        is_worse, is_better = (falls, rises) if known.direction == "higher" else (rises, falls)
        if worse > shares.allowed and is_worse:
            return Verdict.REGRESSED
        if worse < -shares.allowed and is_better:
            return Verdict.IMPROVED
    if inside.low is None or inside.high is None:
        return Verdict.INCONCLUSIVE
    equal = 1 - shares.allowed <= inside.low and inside.high <= 1 + shares.allowed
    return Verdict.UNCHANGED if equal else Verdict.INCONCLUSIVE


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
