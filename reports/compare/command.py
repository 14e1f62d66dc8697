"""`joules compare`: two saved runs, or the cases of one along an axis, as a Report.

    names of runs ─► files ─► pairs ─► rows ─► Report ─► reports.render

A run never lies in memory as records: rows are made pair by pair, of a large run on all cores.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from energy_fixtures.environment import incomparable
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment, Result
from energy_fixtures.store import Store
from reports.compare.control import check_control, find_control, on_its_boards, with_control
from reports.compare.forked import cores, no_search_for_cycles, shared_out
from reports.compare.glance import Glance
from reports.compare.quick import quick_row, usual
from reports.compare.rows import Asked, Report, Row, missing_rows, place, rows_of
from reports.compare.run_files import LARGE_BYTES, RunFile, find_run, open_runs
from reports.compare.side_by_side import AXES, Axis
from reports.compare.summary import summary
from reports.compare.why import explanations
from reports.comparison import Around, Pair, State, hold, scenario_differences
from reports.explain.costs import OwnJoules, Tally
from reports.explain.prices import Prices
from reports.gate import MOST_LEARNT, Limit, Policy, parse_limit
from reports.metrics import check
from reports.noise import Between
from reports.past import learnt_from

MANY = 2_000
"""From this many cases on it pays to start processes."""

REFERENCE = "reference"
"""State of the case that the others of its group are held against."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was typed.

    Attributes:
        runs: One or two references, as `find_run` reads them: the baseline first.
        storage: Folder of saved runs, or address of a shared store.
        by: An axis, to put cases side by side that are equal but for it; None for old against new.
        metrics: Names; empty for what each case is judged by.
        fail: Expressions of limits.
        strict: Whether cases that cannot be compared, and missing ones, refuse the run.
        across_boards: Whether other boards on another machine may be compared.
        control: The workload that relates two boards to each other, None for none.
        level, confidence: Of printed intervals, and of the gate; see `reports.options`.
        alone: Whether one run without an axis is fine, for formats that hold no comparison.
        prices: Of a kilowatt-hour, for what changes cost.
    """

    runs: tuple[str, ...]
    storage: str | Path
    by: str | None = None
    metrics: tuple[str, ...] = ()
    fail: tuple[str, ...] = ()
    strict: bool = False
    across_boards: bool = False
    control: str | None = None
    level: float
    confidence: float
    alone: bool = False
    prices: Prices = field(default_factory=Prices)


def inputs(question: Question) -> list[Path]:
    """The files that the references mean.

    Raises:
        ConfigurationError: One means none, or several.
    """
    return [find_run(reference, question.storage) for reference in question.runs]


@no_search_for_cycles()
def compare(question: Question, paths: Sequence[Path]) -> Report:
    """Answer the question.

    Raises:
        ConfigurationError: It cannot be asked like this, or a file cannot be read.
    """
    limits = _checked(question)
    runs = open_runs(paths)
    if question.by is not None:
        asked = Asked(level=question.level, metrics=question.metrics, environments=_environments(runs))
        rows = list(_along(AXES[question.by], runs, asked, question.across_boards))
        return summary(rows, runs[0].name, runs[1].name if len(runs) > 1 else None, asked, by=question.by)
    if len(runs) == 1:
        asked = Asked(level=question.level, metrics=question.metrics, environments=_environments(runs))
        return summary(list(_alone(runs[0], asked)), runs[0].name, None, asked, by=None)
    old, new = runs
    between = _between(old.path)
    policy = Policy(confidence=question.confidence, gated=gated(new.names, old, limits), between=between).learning_from(
        [old.result(name) for name in old.names[:MOST_LEARNT]] if limits else [], limits
    )
    asked = Asked(
        level=question.level,
        metrics=question.metrics,
        limits=limits,
        policy=policy,
        between=between,
        environments=_environments(runs),
    )
    control = None
    if question.control is not None:  # before the rows: what is wrong with it costs nothing
        places = _Places(across_boards=True)
        control = find_control(question.control, old, new, lambda then, now: places.around(old, then, new, now))
    rows, spent = _old_against_new(old, new, asked, question.across_boards)
    if control is not None:
        rows = list(with_control(rows, control, old, new, asked))
    found = summary(rows, old.name, new.name, asked, by=None, strict=question.strict, between=between, control=control)
    why, more = explanations(rows, old, new, level=question.level, between=between, prices=question.prices)
    notes = (*found.notes, f"{new.name}: {spent.sentence}")
    return msgspec.structs.replace(found, explanations=why, unexplained=more, notes=notes)


def gated(names: Iterable[str], past: Container[str], limits: Sized) -> int:
    """How many judgements share the doubt that is left: results that the baseline has, too, times limits."""
    return sum(name in past for name in names) * len(limits)


def _environments(runs: Sequence[RunFile]) -> dict[str, Environment]:
    return {key: environment for run in runs for key, environment in run.environments.items()}


def _checked(question: Question) -> tuple[Limit, ...]:
    for name in question.metrics:
        check(name)
    check_control(question.control, across_boards=question.across_boards, runs=len(question.runs), by=question.by)
    if question.by is not None and question.by not in AXES:
        raise ConfigurationError(f"--by {question.by}: use one of {', '.join(AXES)}")
    if len(question.runs) > 2:
        raise ConfigurationError(f"compare takes one run with --by, or two, not {len(question.runs)}")
    if len(question.runs) == 1 and question.by is None and not question.alone:
        raise ConfigurationError(
            f"one run alone has nothing to be compared with; name a second one, or an axis: --by {'|'.join(AXES)}"
        )
    if question.fail and (question.by is not None or len(question.runs) == 1):
        raise ConfigurationError("--fail holds a new run against an old one; name two runs and leave --by out")
    if question.fail and question.across_boards:
        raise ConfigurationError(
            "--fail and --across-boards exclude each other: two boards' sensors differ by about 5 %, which no limit tells "
            "from a regression; compare two runs of one board"
        )
    return tuple(dict.fromkeys(parse_limit(expression, "--fail=") for expression in question.fail))


class _Part(msgspec.Struct):
    """What one process found: rows, and what the new run took to measure."""

    rows: list[Row]
    spent: OwnJoules


def _old_against_new(old: RunFile, new: RunFile, asked: Asked, across_boards: bool) -> tuple[list[Row], OwnJoules]:
    places, glances = _Places(across_boards), usual(asked)

    def work(names: Sequence[str]) -> bytes:
        tally = Tally()
        found = [row for name in names for row in rows(name, tally)]
        return msgspec.msgpack.encode(_Part(rows=found, spent=tally.total))

    def rows(name: str, tally: Tally) -> list[Row]:
        if glances and name in old and name in new:
            then, now = old.glance(name), new.glance(name)
            row = quick_row(then, now, places.around(old, then, new, now), places.said(new, now), asked)
            if row is not None:
                now.tell(tally)
                return [row]
        if name not in new:
            past = old.result(name)
            return missing_rows(past, asked, places.said(old, past))
        candidate = new.result(name)
        tally.result(candidate)
        where = places.said(new, candidate)
        if name not in old:
            return rows_of(Pair(state=State.NEW, candidate=candidate), asked, where)
        past = old.result(name)
        around = places.around(old, past, new, candidate)
        pair = hold(past, candidate, around, scenario_differences(past.scenario, candidate.scenario))
        return rows_of(pair, asked, where)

    names = [*new.names, *(name for name in old.names if name not in new)]
    answers = shared_out(work, names, cores() if len(names) >= MANY else 1)
    parts = [msgspec.msgpack.decode(answer, type=_Part) for answer in answers]
    return [row for part in parts for row in part.rows], sum((part.spent for part in parts), Tally().total)


def _alone(run: RunFile, asked: Asked) -> Iterator[Row]:
    for name in run.names:
        result = run.result(name)
        yield from rows_of(Pair(state=State.NEW, candidate=result), asked, place(run.environment(result)))


def _along(axis: Axis, runs: Sequence[RunFile], asked: Asked, across_boards: bool) -> Iterator[Row]:
    """Every group's cases behind its first one; a case that is alone on its axis is left out."""
    groups: dict[str, list[tuple[RunFile, str]]] = {}
    for run in runs:
        for name in run.names:
            group = axis.group(run.result(name))
            if group is not None:
                groups.setdefault(group, []).append((run, name))
    groups = {group: members for group, members in groups.items() if len(members) > 1}
    if not groups:
        raise ConfigurationError(
            f"no two cases of {' and '.join(run.path.name for run in runs)} are equal but for --by {axis.name}"
        )
    places = _Places(across_boards, axis)
    for members in groups.values():
        run, name = members[0]
        first = run.result(name)
        against = _value(axis, run, first, len(runs) > 1)
        for row in rows_of(Pair(state=State.NEW, candidate=first), asked, places.said(run, first), of=against):
            yield msgspec.structs.replace(row, state=REFERENCE)
        for one, name in members[1:]:
            result = one.result(name)
            pair = hold(first, result, places.around(run, first, one, result), ())
            of = _value(axis, one, result, len(runs) > 1)
            yield from rows_of(pair, asked, places.said(one, result), of=of, against=against)


def _value(axis: Axis, run: RunFile, result: Result, several: bool) -> str:
    assert result.scenario is not None  # it has a group
    value = axis.value(result.scenario, run.environment(result))
    return f"{value} ({run.name})" if several else value


class _Places:
    """What environments say of themselves and each other, asked once per pair of keys."""

    def __init__(self, across_boards: bool, axis: Axis | None = None) -> None:
        self._across_boards = across_boards
        self._axis = axis
        self._around: dict[tuple[str, str, str, str], Around] = {}
        self._said: dict[tuple[str, str], str] = {}

    def said(self, run: RunFile, result: Result | Glance) -> str:
        key = (str(run.path), result.environment)
        if key not in self._said:
            self._said[key] = place(run.environment(result))
        return self._said[key]

    def around(self, old: RunFile, past: Result | Glance, new: RunFile, candidate: Result | Glance) -> Around:
        key = (str(old.path), past.environment, str(new.path), candidate.environment)
        if key not in self._around:
            self._around[key] = self._ask(old.environment(past), new.environment(candidate))
        return self._around[key]

    def _ask(self, then: Environment | None, now: Environment | None) -> Around:
        if then is None or now is None:
            return Around.of(then, now)
        if self._axis is not None:
            now = self._axis.level(then, now)
        around = Around.of(then, now)
        if self._axis is not None and self._axis.engine:  # that another engine is made otherwise is the question itself
            alike = msgspec.structs.replace(now, engine=then.engine, packages=then.packages)
            around = replace(around, notes=Around.of(then, alike).notes)
        if not self._across_boards:
            return around
        elsewhere = on_its_boards(then, now)
        left = incomparable(then, elsewhere)
        crossed = tuple(f"across boards: {clause}" for clause in around.unfair if clause not in left)
        left_over = Around.of(then, elsewhere)
        return replace(left_over, notes=(*crossed, *left_over.notes), across_boards=bool(crossed))


def _between(baseline: Path) -> Between:
    """What sessions differ by on their own, from the runs beside a saved one; assumed for a file that stands alone."""
    runs = Store(baseline.parent.parent, baseline.parent.name).runs()
    if baseline not in runs:
        return Between()
    return learnt_from(runs, LARGE_BYTES)
