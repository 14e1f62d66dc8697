"""A comparison as data: one Row per case and metric, ready for any format. Pure: pairs of Results in, rows out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Literal

from energy_fixtures.metrics import METRICS, Metric, headline, own_error
from energy_fixtures.readings import Method
from energy_fixtures.record import Record
from energy_fixtures.records import Environment, Result
from reports.comparison import Pair, State, contrast
from reports.gate import Judgement, Limit, Policy, Verdict, judge
from reports.statistics import summarise

Direction = Literal["lower", "higher"]


class Figure(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The mean of one side in the metric's own unit (SI), with its interval; None where too few trials give none."""

    mean: float
    low: float | None
    high: float | None
    trials: int


class Change(Record, frozen=True, kw_only=True, omit_defaults=False):
    """New over old, with its interval. 1.0 means no difference; None where it cannot be computed."""

    ratio: float | None
    low: float | None
    high: float | None


class Row(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One metric of one case on both sides.

    Attributes:
        case, question, fullname: As in the Result.
        of: The run, where several are put side by side, and the value on the axis that is asked about; else empty.
        against: What `baseline` is, where it is not the same case of an older run; else empty.
        metric, unit, direction: The metric; `direction` is the better side.
        method, scope, where: How the candidate's joules were obtained, of what, and on what.
        state: Where the case stands; the words of `reports.comparison.State`.
        baseline, candidate: Figures, None where a side does not know the metric, or is not there.
        change: None where the two are not compared.
        verdict, sentences: What the gate says; None and empty where no limit concerns this metric.
        differences, notes: Why the two are not compared; what differs although they are.
    """

    case: str
    question: str
    fullname: str
    of: str = ""
    against: str = ""
    metric: str
    unit: str
    direction: Direction | None
    method: Method
    scope: tuple[str, ...]
    where: str
    state: str
    baseline: Figure | None
    candidate: Figure | None
    change: Change | None
    verdict: str | None
    sentences: tuple[str, ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def shown(self) -> Literal["better", "worse"] | None:
        """Whether the interval of the change leaves out "no change", and on which side."""
        if self.change is None or self.change.low is None or self.change.high is None or self.direction is None:
            return None
        if self.change.low <= 1 <= self.change.high:
            return None
        return "better" if (self.change.low > 1) == (self.direction == "higher") else "worse"


class Report(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Everything one `joules compare` has to say.

    Attributes:
        schema_version: Of this record's JSON.
        verdict: `regressed`, `refused` (--strict and something cannot be compared), or `passed`.
        sentence: The verdict in one sentence.
        baseline, candidate: Names of the runs; `candidate` None where there is one run only.
        by: The axis along which cases are put side by side, None for the old against the new.
        level: Confidence of the intervals.
        limits: What the gate was told.
        labels: What is said of all figures: that joules are not measured, that boards differ.
        counts: Cases by state, then by verdict.
        rows: In run order of the candidate, then what is missing.
        notes: What differs around the cases, how the figures came about.
        environment: Where the candidate was measured.
    """

    schema_version: int = 1
    verdict: Literal["passed", "regressed", "refused"]
    sentence: str
    baseline: str
    candidate: str | None
    by: str | None
    level: float
    limits: tuple[str, ...]
    labels: tuple[str, ...]
    counts: dict[str, int]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    environment: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of every pair.

    Attributes:
        level: Confidence of intervals, in (0, 1).
        metrics: Names; empty for what each case is judged by.
        limits, policy: The gate's.
    """

    level: float
    metrics: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    policy: Policy = field(default_factory=Policy)

    def of(self, result: Result) -> tuple[Metric, ...]:
        """The metrics that are looked at, those of limits among them."""
        usual = (
            (headline(result).name,) if not self.metrics or any(limit.metric is None for limit in self.limits) else ()
        )
        names = (*self.metrics, *usual, *(limit.metric for limit in self.limits if limit.metric is not None))
        return tuple(METRICS[name] for name in dict.fromkeys(names))


def rows_of(pair: Pair, asked: Asked, where: str, *, of: str = "", against: str = "") -> list[Row]:
    """A row per metric of one case with its past."""
    rows = []
    known = asked.of(pair.candidate)
    judgements = [one for limit in asked.limits if (one := judge(limit, pair, asked.level, asked.policy)) is not None]
    for metric in known:
        once = _once(metric)
        change = contrast(once, pair, asked.level)
        said = [one for one in judgements if len(known) == 1 or _concerns(one.limit, metric, pair.candidate)]
        rows.append(
            _row(
                pair.candidate,
                metric,
                where,
                of=of,
                against=against,
                state=pair.state.value,
                baseline=None if pair.baseline is None else _figure(once, pair.baseline, asked.level),
                candidate=_figure(once, pair.candidate, asked.level),
                change=None
                if change is None
                else Change(ratio=change.value, low=change.low, high=_finite(change.high)),
                verdict=_worst(said),
                sentences=tuple(one.sentence for one in said),
                differences=pair.differences,
                notes=pair.notes,
            )
        )
    return rows


def missing_rows(past: Result, asked: Asked, where: str) -> list[Row]:
    """A row per metric of a case that the baseline has and the candidate has not."""
    state = State.MISSING.value
    return [
        _row(past, metric, where, state=state, baseline=_figure(metric, past, asked.level)) for metric in asked.of(past)
    ]


def _row(
    result: Result,
    metric: Metric,
    where: str,
    *,
    state: str,
    of: str = "",
    against: str = "",
    baseline: Figure | None = None,
    candidate: Figure | None = None,
    change: Change | None = None,
    verdict: str | None = None,
    sentences: tuple[str, ...] = (),
    differences: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Row:
    return Row(
        case=result.case,
        question=result.question,
        fullname=result.fullname,
        of=of,
        against=against,
        metric=metric.name,
        unit=metric.unit,
        direction=metric.direction,
        method=result.method,
        scope=result.scope,
        where=where,
        state=state,
        baseline=baseline,
        candidate=candidate,
        change=change,
        verdict=verdict,
        sentences=sentences,
        differences=differences,
        notes=notes,
    )


def place(environment: Environment | None) -> str:
    """Where results were made, in a few words: boards with their limit, else the processor; engine; meter.

    >>> here = Environment(host={"cpu": "Xeon"}, boards=(), packages={}, engine={}, meter={"name": "modelled"})
    >>> place(here), place(None)
    ('Xeon; meter modelled', 'unknown')
    """
    if environment is None:
        return "unknown"
    return "; ".join((boards_of(environment), *_engine(environment.engine), f"meter {environment.meter.get('name')}"))


def boards_of(environment: Environment) -> str:
    """The boards by name and power limit, or the processor where there is none."""
    names: dict[str, int] = {}
    for board in environment.boards:
        limit = board.get("power_limit_w")
        said = str(board.get("name", "GPU")) + (f", {limit:g} W" if isinstance(limit, int | float) else "")
        names[said] = names.get(said, 0) + 1
    boards = [name if count == 1 else f"{count} × {name}" for name, count in names.items()]
    return " + ".join(boards) or str(environment.host.get("cpu", "unknown processor"))


def _engine(engine: Mapping[str, object]) -> tuple[str, ...]:
    if "framework" not in engine:
        return ()
    version = engine.get("framework_version")
    return (f"{engine['framework']}{'' if version is None else f' {version}'}",)


def _concerns(limit: Limit, metric: Metric, result: Result) -> bool:
    return metric.name == (headline(result).name if limit.metric is None else limit.metric)


def _worst(judgements: Sequence[Judgement]) -> str | None:
    if not judgements:
        return None
    said = {judgement.verdict for judgement in judgements}
    return next((verdict.value for verdict in Verdict if verdict in said), None)


def _figure(metric: Metric, result: Result, level: float) -> Figure | None:
    values = metric.values(result)
    if not values:
        return None
    summary = summarise(values, level, own_error=own_error(metric, result))
    return Figure(mean=summary.center, low=summary.low, high=summary.high, trials=len(values))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class _Once(Metric):
    """A metric that computes the values of a result once, for as long as one pair is looked at."""

    seen: dict[int, tuple[float, ...]]

    def values(self, result: Result) -> tuple[float, ...]:
        found = self.seen.get(id(result))
        if found is None:
            found = self.seen[id(result)] = super().values(result)
        return found


@cache
def _remembering(metric: Metric) -> _Once:
    return _Once(**{one.name: getattr(metric, one.name) for one in fields(Metric)}, seen={})


def _once(metric: Metric) -> _Once:
    """For a new pair: another result may have the place in memory of one that is gone."""
    once = _remembering(metric)
    once.seen.clear()
    return once
