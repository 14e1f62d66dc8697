"""A comparison as data: one Row per case and metric, ready for any format. Pure: pairs of Results in, rows out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from energy_fixtures.metrics import Metric, headline, own_error
from energy_fixtures.readings import Method
from energy_fixtures.record import Record
from energy_fixtures.records import Environment, Result
from reports.compare.glance import Glance
from reports.comparison import Pair, State, contrast_of
from reports.explain.told import Told
from reports.gate import Judgement, Limit, Policy, Verdict, judge
from reports.metrics import named
from reports.noise import Between
from reports.statistics import summarise

Direction = Literal["lower", "higher"]
Notes = tuple[str, ...]


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
        relative: Across boards, the change over that of the control; None without one. See `reports.compare.control`.
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
    relative: Change | None = None

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
        explanations, unexplained: Why cases regressed or improved, the largest first; how many more did.
        notes: What differs around the cases, how the figures came about.
        environment: Where the candidate was measured.
        control: What figures are relative to across boards, in words; None without a control.
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
    explanations: tuple[Told, ...] = ()
    unexplained: int = 0
    notes: tuple[str, ...]
    environment: str
    control: str | None = None


@dataclass(frozen=True)
class Sample:
    """One value per valid trial, and one standard uncertainty of a value from the meter, as a share of it."""

    values: tuple[float, ...]
    own_error: float

    @classmethod
    def of(cls, metric: Metric, result: Result) -> Sample:
        """Of one result; empty when the metric does not apply to it."""
        values = metric.values(result)
        return cls(values, own_error(metric, result) if values else 0.0)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of every pair.

    Attributes:
        level: Confidence of intervals, in (0, 1).
        metrics: Names; empty for what each case is judged by.
        limits, policy: The gate's.
        between: What two sessions differ by on their own, for the intervals of changes; None where both are of one.
        environments: By key, for metrics that hang on where a result was made.
    """

    level: float
    metrics: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    policy: Policy = field(default_factory=Policy)
    between: Between | None = None
    environments: Mapping[str, Environment] = field(default_factory=dict)

    def of(self, result: Result) -> tuple[Metric, ...]:
        """The metrics that are looked at, those of limits among them."""
        if not self.metrics and not self.limits:
            return (headline(result),)
        usual = (
            (headline(result).name,) if not self.metrics or any(limit.metric is None for limit in self.limits) else ()
        )
        names = (*self.metrics, *usual, *(limit.metric for limit in self.limits if limit.metric is not None))
        return tuple(named(name, self.environments) for name in dict.fromkeys(names))


def rows_of(pair: Pair, asked: Asked, where: str, *, of: str = "", against: str = "") -> list[Row]:
    """A row per metric of one case with its past."""
    past, candidate = pair.baseline, pair.candidate
    judgements = [one for limit in asked.limits if (one := judge(limit, pair, asked.level, asked.policy)) is not None]
    known = asked.of(candidate)
    rows = []
    for metric in known:
        base, new = None if past is None else Sample.of(metric, past), Sample.of(metric, candidate)
        said = [one for one in judgements if len(known) == 1 or _concerns(one.limit, metric, candidate)]
        row = row_of(
            candidate,
            metric,
            where,
            of=of,
            against=against,
            state=pair.state.value,
            baseline=None if base is None else _figure(base, asked.level),
            candidate=_figure(new, asked.level),
            change=None
            if base is None or pair.state is not State.COMPARED
            else _change(candidate.fullname, base, new, asked),
            verdict=_worst(said),
            sentences=tuple([one.sentence for one in said]),
            differences=pair.differences,
            notes=pair.notes,
        )
        rows.append(row)
    return rows


def compared_row(
    case: Result | Glance, metric: Metric, where: str, base: Sample, new: Sample, notes: Notes, asked: Asked
) -> Row:
    """The row of a case that is compared and held against no limit, from the values of both sides."""
    return row_of(
        case,
        metric,
        where,
        state=State.COMPARED.value,
        baseline=_figure(base, asked.level),
        candidate=_figure(new, asked.level),
        change=_change(case.fullname, base, new, asked),
        notes=notes,
    )


def _change(name: str, base: Sample, new: Sample, asked: Asked) -> Change | None:
    """As `reports.comparison.contrast`, of values that are known already."""
    if not base.values or not new.values:
        return None
    own = math.hypot(base.own_error, new.own_error)
    between = None if asked.between is None else asked.between.of(name)
    found = contrast_of(base.values, new.values, asked.level, own=own, between=between)
    return Change(ratio=found.value, low=found.low, high=_finite(found.high))


def missing_rows(past: Result, asked: Asked, where: str) -> list[Row]:
    """A row per metric of a case that the baseline has and the candidate has not."""
    state = State.MISSING.value
    return [
        row_of(past, metric, where, state=state, baseline=_figure(Sample.of(metric, past), asked.level))
        for metric in asked.of(past)
    ]


def row_of(
    case: Result | Glance,
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
    differences: Notes = (),
    notes: Notes = (),
) -> Row:
    """A row of one metric of a case; what is not given is unknown."""
    return Row(
        case=case.case,
        question=case.question,
        fullname=case.fullname,
        of=of,
        against=against,
        metric=metric.name,
        unit=metric.unit,
        direction=metric.direction,
        method=case.method,
        scope=case.scope,
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


def _figure(seen: Sample, level: float) -> Figure | None:
    if not seen.values:
        return None
    found = summarise(seen.values, level, own_error=seen.own_error)
    return Figure(mean=found.center, low=found.low, high=found.high, trials=found.n)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
