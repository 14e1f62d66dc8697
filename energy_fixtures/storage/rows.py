"""A result file as rows of the index: one per case and metric, its mean and spread over the valid trials."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import NamedTuple

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Environment, Result
from energy_fixtures.storage.commits import commit_info_of, commit_of
from energy_fixtures.store import decode_run


class Source(NamedTuple):
    """Which file rows are of; `stamp` changes when its content does."""

    file: str
    stamp: str
    run: str
    machine: str
    judged_at: datetime.datetime | None
    """No row is later than this: the store's clock, where the writer's runs ahead of it. None: no such clock."""


class Row(NamedTuple):
    """One row as it lies in the cache; without a `metric` it is the one row that stands for the file itself."""

    file: str
    stamp: str
    run: str
    machine: str
    problem: str | None = None
    board: str | None = None
    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    started_at: datetime.datetime | None = None
    environment: str | None = None
    method: str | None = None
    question: str | None = None
    case: str | None = None
    fullname: str | None = None
    metric: str | None = None
    mean: float | None = None
    sd: float | None = None
    rounds: int | None = None


def rows_of(content: bytes, source: Source) -> list[Row]:
    """The rows of one result file; the first stands for the file itself.

    Raises:
        ResultFileError: It cannot be read, or holds no energy.
    """
    run = decode_run(content, source.file)
    commit = commit_info_of(content)
    dirty = commit.get("dirty")
    whole = Row(
        *(source.file, source.stamp, source.run, source.machine),
        commit=commit_of(commit, "id"),
        branch=commit_of(commit, "branch"),
        dirty=dirty if isinstance(dirty, bool) else None,
    )
    rows = [whole]
    for result in {result.fullname: result for result in run.results}.values():  # of several the last one counts
        of_case = whole._replace(
            board=board_of(run.environments.get(result.environment)),
            started_at=_moment(result, source),
            environment=result.environment,
            method=result.method,
            question=result.question,
            case=result.case,
            fullname=result.fullname,
        )
        rows += [
            of_case._replace(metric=name, mean=mean, sd=sd, rounds=rounds)
            for name, (mean, sd, rounds) in figures_of(result).items()
        ]
    return rows


def broken(source: Source, problem: str) -> Row:
    """The one row of a file that cannot be read."""
    return Row(source.file, source.stamp, source.run, source.machine, problem=problem)


def figures_of(result: Result) -> dict[str, tuple[float, float | None, int]]:
    """Mean, sample standard deviation (None below two) and number of valid trials of every metric that it has."""
    found = {}
    for metric in METRICS.values():
        values = [value for value in metric.values(result) if math.isfinite(value)]
        if values:
            mean = math.fsum(values) / len(values)
            found[metric.name] = (mean, _spread(values, mean), len(values))
    return found


def _spread(values: Sequence[float], mean: float) -> float | None:
    """The sample standard deviation; the standard library's, exact in fractions, takes most of an index's time."""
    if len(values) < 2:
        return None
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def board_of(environment: Environment | None) -> str | None:
    """The boards' names, each with how many of it there are; None without a board.

    >>> both = ({"name": "H200"}, {"name": "H200"})
    >>> board_of(Environment(host={}, boards=both, packages={}, engine={}, meter={}))
    '2 × H200'
    """
    names = [str(board.get("name", "unnamed")) for board in environment.boards] if environment is not None else []
    counts = {name: names.count(name) for name in names}
    return " + ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items()) or None


def _moment(result: Result, source: Source) -> datetime.datetime:
    said = datetime.datetime.fromisoformat(result.started_at).astimezone(datetime.UTC)
    return said if source.judged_at is None else min(said, source.judged_at)
