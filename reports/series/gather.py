"""Rows of the index as series: one per case, board and method, never across what must be equal to be compared.

A board is known by its serial number; where none is told, the folder of the machine stands for it. Environments that may not
be compared (another power limit, another model behind the same name) begin series of their own; a driver or a package may
change inside one, and is kept as a turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest
from energy_fixtures.readings import Method
from energy_fixtures.records import Environment
from reports.render.text import plain

if TYPE_CHECKING:
    import polars as pl

_SAME = ("fullname", "method", "machine", "board", "environment")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs are asked for; what is None or empty does not narrow."""

    cases: tuple[str, ...] = ()
    branch: str | None = None
    board: str | None = None
    since: datetime | None = None
    last: int | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What changed around the work at run `at` (index), against the run before it."""

    at: int
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Series:
    """The runs of one case on one board by one method, oldest first.

    Attributes:
        rows: Of `storage.index.open_index`, one per run.
        turns: Where the environment changed inside it.
        apart: Why it is no part of the series of the same case before it.
    """

    case: str
    fullname: str
    board: str | None
    machine: str
    method: Method
    rows: pl.DataFrame
    turns: tuple[Turn, ...] = ()
    apart: tuple[str, ...] = ()


def selected(frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The rows that are asked for, but for `last`, which is by series.

    Raises:
        ConfigurationError: Nothing is left; the sentence names what narrowed, and what there is.
    """
    import polars as pl

    if wanted.cases:
        known = frame.select("fullname", "case").unique(maintain_order=True)
        kept = [full for full, case in known.iter_rows() if any(_fits(one, full, case) for one in wanted.cases)]
        if not kept:
            offered = ", ".join(nearest(wanted.cases[0], known["case"].unique(maintain_order=True).to_list()))
            raise ConfigurationError(f"no case fits --case {' '.join(wanted.cases)}; there are {plain(offered)}")
        frame = frame.filter(pl.col("fullname").is_in(kept))
    frame = _only(frame, "--branch", "branch", wanted.branch)
    frame = _only(frame, "--board", "board", wanted.board)
    if wanted.since is None:
        return frame
    kept_rows = frame.filter(pl.col("started_at") >= wanted.since)
    if kept_rows.is_empty():
        newest = frame.select(pl.col("started_at").max().dt.strftime("%Y-%m-%d %H:%M")).item()
        raise ConfigurationError(f"no run since {wanted.since:%Y-%m-%d %H:%M}; the newest one is of {newest}")
    return kept_rows


def _only(frame: pl.DataFrame, option: str, column: str, pattern: str | None) -> pl.DataFrame:
    import polars as pl

    if pattern is None:
        return frame
    there: list[str] = frame[column].drop_nulls().unique(maintain_order=True).to_list()
    fitting = [name for name in there if name == pattern or fnmatchcase(name, pattern)]
    if not fitting:
        names = plain(", ".join(nearest(pattern, there)))
        offered = f"there are {names}" if there else f"no run here tells its {column}"
        raise ConfigurationError(f"no run fits {option} {pattern}; {offered}")
    return frame.filter(pl.col(column).is_in(fitting))


def _fits(pattern: str, fullname: str, case: str) -> bool:
    """A name itself fits, too: its brackets would be a choice of letters in a pattern."""
    return pattern in (case, fullname) or fnmatchcase(case, pattern) or fnmatchcase(fullname, pattern)


def gathered(
    frame: pl.DataFrame, environments: Mapping[str, Environment], last: int | None = None
) -> tuple[Series, ...]:
    """The series of these rows, by case, board and begin.

    Args:
        frame: Rows of one metric, as `storage.index.open_index` gives them. Values that are not finite are left out, and
            a result that two files hold, as after a session that was resumed, counts once.
        environments: By key. A key that is missing is comparable with itself alone.
        last: So many of the newest runs of each series, None for all.
    """
    import polars as pl

    usable = frame.filter(pl.col("mean").is_finite()).sort("started_at", "run", maintain_order=True)
    usable = usable.unique([*_SAME, "started_at", "mean"], keep="last", maintain_order=True)
    work = [*_SAME, "scenario"] if "scenario" in usable.columns else list(_SAME)
    kinds = usable.select(work).unique(maintain_order=True)
    groups, apart = _groups(kinds, environments)
    placed = usable.join(kinds.with_columns(pl.Series("group", groups, dtype=pl.Int64)), on=work, nulls_equal=True)
    placed = placed.sort("group", "started_at", "run", maintain_order=True)
    found = []
    for part in placed.partition_by("group", maintain_order=True):
        rows = part if last is None else part.tail(last)
        newest = rows.row(-1, named=True)
        found.append(
            Series(
                case=newest["case"],
                fullname=newest["fullname"],
                board=newest["board"],
                machine=newest["machine"],
                method=newest["method"],
                rows=rows,
                turns=_turns(rows["environment"].to_list(), environments),
                apart=apart[newest["group"]],
            )
        )
    order = {name: place for place, name in enumerate(usable["fullname"].unique(maintain_order=True).to_list())}
    return tuple(sorted(found, key=lambda one: (order[one.fullname], one.board or "", one.rows["started_at"][0])))


def _groups(
    kinds: pl.DataFrame, environments: Mapping[str, Environment]
) -> tuple[list[int], dict[int, tuple[str, ...]]]:
    """A number per kind of row, equal for those that may be compared, and why a group is none of those before it."""
    groups: list[int] = []
    apart: dict[int, tuple[str, ...]] = {}
    known: dict[tuple[object, ...], list[tuple[int, str]]] = {}
    for kind in kinds.iter_rows(named=True):
        here = environments.get(kind["environment"])
        where = None if here is not None and _serials(here) else kind["machine"]
        alike = known.setdefault((kind["fullname"], kind["method"], kind["board"], where, kind.get("scenario")), [])
        why: tuple[str, ...] = ()
        for number, key in alike:
            reasons = _reasons(environments.get(key), here, same=key == kind["environment"])
            if not reasons:
                groups.append(number)
                break
            why = tuple(reasons)
        else:
            number = len(apart)
            groups.append(number)
            alike.append((number, kind["environment"]))
            apart[number] = why
    return groups, apart


def _reasons(old: Environment | None, new: Environment | None, *, same: bool) -> list[str]:
    if same:
        return []
    if old is None or new is None:
        return ["the environment of one of them is not known"]
    return [_arrow(clause) for clause in incomparable(old, new)]


def _serials(environment: Environment) -> bool:
    """Whether every board tells its serial number; without a board there is none."""
    return bool(environment.boards) and all("uuid" in board for board in environment.boards)


def _turns(keys: Sequence[str], environments: Mapping[str, Environment]) -> tuple[Turn, ...]:
    found = []
    for at in range(1, len(keys)):
        if keys[at] == keys[at - 1]:
            continue
        old, new = environments.get(keys[at - 1]), environments.get(keys[at])
        if old is None or new is None:
            found.append(Turn(at=at, differences=("another environment, not known in full",)))
            continue
        said = tuple(_arrow(clause) for clause in differences(old, new) if " against " in clause)
        if said:
            found.append(Turn(at=at, differences=said))
    return tuple(found)


def _arrow(clause: str) -> str:
    """A clause of `environment` in order of time: `driver 580 → 590`."""
    return clause.replace(" against ", " → ")
