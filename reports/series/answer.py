"""Everything that `joules history` says, as one record: the same for the terminal and for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from energy_fixtures.metrics import Metric
from energy_fixtures.readings import MEASURED, Method
from reports.series.change_points import FEWEST, Cut
from reports.series.examine import Examined
from reports.series.gather import Series
from reports.series.stretches import End, Stretch, difference
from reports.statistics import quantile

SHAPE = 20
"""Means of neighbouring runs that stand for a series in one line."""

Suspects = Literal["code", "environment", "code or environment", "neither"]
"""What changed where a step lies, as far as the store knows; `neither` leaves the day, or what no fingerprint holds."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A run of a series; `number` counts from 1, the oldest. `dirty`: edits on top of the commit, None where not known."""

    number: int
    run: str
    commit: str | None
    branch: str | None
    dirty: bool | None
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Turned:
    """What changed around the work at a run, against the run before it."""

    at: Moment
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Size:
    """From one value to another, in the metric's unit.

    `share` is the change as a share of the first with its interval at the answer's level; None where values are not all
    above 0. `better` is None of a metric that is neither better when lower nor when higher.
    """

    before: float
    after: float
    share: float | None
    share_low: float | None
    share_high: float | None
    better: bool | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """The level changed between two runs.

    Attributes:
        last_before, first_after: The two runs.
        earliest, latest: Between which runs the first one after may lie, 95 in 100.
        commits: How many commits come into question, 0 where it is the same commit on both sides.
        size: How much.
        confidence: That no series of this answer shows so clear a step by noise alone.
        suspects: What changed there; the environment's part is `environment`.
    """

    last_before: Moment
    first_after: Moment
    earliest: Moment
    latest: Moment
    commits: int
    size: Size
    confidence: float
    suspects: Suspects
    environment: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The level moved slowly over many runs, so that no one commit is to blame."""

    first: Moment
    last: Moment
    size: Size


@dataclass(frozen=True, kw_only=True)
class StandingOut:
    """One run that is far from the level around it, and not called a change. `share`: of that level, or None."""

    at: Moment
    value: float
    share: float | None


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest run's value; `low` and `high` by its own rounds, at the answer's level, None where it has one round."""

    at: Moment
    value: float
    low: float | None
    high: float | None
    rounds: int


@dataclass(frozen=True, kw_only=True)
class History:
    """One series.

    Attributes:
        measured: Whether its joules were obtained by a meter.
        enough: Whether it has the runs that a change needs.
        between_runs: Standard deviation from run to run about its levels, as a share; None below three runs or of values
            that are not above 0.
        within_runs: The median run's standard deviation from round to round, as a share.
        apart: Why it is no part of the series of the same case before it.
        shape: Up to SHAPE means of neighbouring runs, oldest first.
    """

    case: str
    fullname: str
    board: str | None
    machine: str
    method: Method
    measured: bool
    runs: int
    enough: bool
    newest: Newest
    between_runs: float | None
    within_runs: float | None
    steps: tuple[Step, ...]
    drifts: tuple[Drift, ...]
    standing_out: tuple[StandingOut, ...]
    environment: tuple[Turned, ...]
    apart: tuple[str, ...]
    shape: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All series of a metric. `level` is that of every interval, `confidence` that of all steps and drifts together."""

    metric: str
    unit: str
    direction: Literal["lower", "higher"] | None
    what: str
    storage: str
    confidence: float
    level: float
    histories: tuple[History, ...]
    notes: tuple[str, ...]


def history(one: Examined, metric: Metric, level: float, series: int) -> History:
    """A series in words.

    Args:
        one: The series with what was found in it.
        metric: What its values are.
        level: Of the intervals, in (0, 1).
        series: How many series share the confidence.
    """
    rows, found = one.series.rows, one.found
    spread = (rows["sd"] / rows["mean"]).drop_nulls() if one.shares else rows["sd"].head(0)
    return History(
        case=one.series.case,
        fullname=one.series.fullname,
        board=one.series.board,
        machine=one.series.machine,
        method=one.series.method,
        measured=one.series.method in MEASURED,
        runs=len(rows),
        enough=len(rows) >= FEWEST,
        newest=_newest(one.series, level),
        between_runs=found.deviation if one.shares else None,
        within_runs=float(np.median(spread.to_numpy())) if len(spread) else None,
        steps=tuple(_step(one, cut, metric, level, series) for cut in found.steps),
        drifts=tuple(_drift(one, stretch, metric, level) for stretch in found.stretches if stretch.slope),
        standing_out=tuple(_standing_out(one, index) for index in found.standing_out),
        environment=tuple(Turned(at=moment(one.series, at.at), differences=at.differences) for at in one.series.turns),
        apart=one.series.apart,
        shape=tuple(float(part.mean()) for part in np.array_split(one.values, min(SHAPE, len(one.values)))),
    )


def moment(series: Series, index: int) -> Moment:
    """One of its runs."""
    row = series.rows.row(index, named=True)
    return Moment(
        number=index + 1,
        run=row["run"],
        commit=row["commit"],
        branch=row["branch"],
        dirty=row["dirty"],
        started_at=row["started_at"],
    )


def _newest(series: Series, level: float) -> Newest:
    row = series.rows.row(-1, named=True)
    value, spread, rounds = row["mean"], row["sd"], row["rounds"]
    reach = None if spread is None or rounds < 2 else quantile(rounds - 1, level) * spread / math.sqrt(rounds)
    return Newest(
        at=moment(series, len(series.rows) - 1),
        value=value,
        low=None if reach is None else value - reach,
        high=None if reach is None else value + reach,
        rounds=rounds,
    )


def _step(one: Examined, cut: Cut, metric: Metric, level: float, series: int) -> Step:
    before, after = next(
        (old, new) for old, new in zip(one.found.stretches, one.found.stretches[1:], strict=False) if old.end == cut.at
    )
    around = one.series.rows.slice(cut.earliest - 1, cut.latest - cut.earliest + 2)
    commits: list[str | None] = around["commit"].to_list()
    edited = around["dirty"].fill_null(value=True).any() or None in commits
    turns = [turn for turn in one.series.turns if cut.earliest <= turn.at <= cut.latest]
    code = edited or len(set(commits)) > 1
    suspects: Suspects = "neither"
    if code:
        suspects = "code or environment" if turns else "code"
    elif turns:
        suspects = "environment"
    return Step(
        last_before=moment(one.series, cut.at - 1),
        first_after=moment(one.series, cut.at),
        earliest=moment(one.series, cut.earliest),
        latest=moment(one.series, cut.latest),
        commits=len(set(commits[1:]) - {commits[0]}),
        size=_size(one, before.last, after.first, metric, level),
        confidence=max(0.0, 1 - cut.chance * series),
        suspects=suspects,
        environment=tuple(dict.fromkeys(clause for turn in turns for clause in turn.differences)),
    )


def _drift(one: Examined, stretch: Stretch, metric: Metric, level: float) -> Drift:
    return Drift(
        first=moment(one.series, stretch.start),
        last=moment(one.series, stretch.end - 1),
        size=_size(one, stretch.first, stretch.last, metric, level, sloped=stretch),
    )


def _size(
    one: Examined, before: End, after: End, metric: Metric, level: float, *, sloped: Stretch | None = None
) -> Size:
    if sloped is None:
        by, reach = difference(before, after, level)
    else:
        by, reach = sloped.climb(level)
    better = None if metric.direction is None else (by > 0) == (metric.direction == "higher")
    low, middle, high = (math.expm1(min(part, 700.0)) for part in (by - reach, by, by + reach))
    return Size(
        before=one.in_unit(before.value),
        after=one.in_unit(after.value),
        share=middle if one.shares else None,
        share_low=low if one.shares else None,
        share_high=high if one.shares else None,
        better=better,
    )


def _standing_out(one: Examined, index: int) -> StandingOut:
    stretch = next(part for part in one.found.stretches if part.start <= index < part.end)
    level = one.in_unit(float(stretch.fit()[index - stretch.start]))
    value = float(one.values[index])
    return StandingOut(at=moment(one.series, index), value=value, share=value / level - 1 if one.shares else None)


def notes(found: Sequence[Examined]) -> list[str]:
    """What weakens the answer as a whole."""
    said = []
    branches: dict[str, None] = {}
    edited = 0
    for one in found:
        branches.update(dict.fromkeys(one.series.rows["branch"].drop_nulls().unique(maintain_order=True).to_list()))
        edited = max(edited, int(one.series.rows["dirty"].fill_null(value=False).sum()))
    if len(branches) > 1:
        shown = ", ".join(list(branches)[:4]) + (", ..." if len(branches) > 4 else "")
        said.append(f"runs of {len(branches)} branches in one order ({shown}); --branch NAME keeps them apart")
    if edited:
        said.append(
            f"a series has up to {edited} runs of edited checkouts (commit with +): what they measured is not known"
        )
    return said
