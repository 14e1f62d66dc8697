"""How long cases take and what they use, from earlier measurements alone: nothing is made up for a case that nobody measured.

an earlier sweep's journals   the whole case, its engine's load in the first of a group
else a saved run              what its metered windows lasted, which is less than the whole
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from energy_fixtures.errors import ResultFileError
from energy_fixtures.records import Result
from energy_fixtures.store import read_run
from reports.ab.merge import metered_j
from reports.sweep.plan import Case, Plan
from reports.sweep.state import State

MOST_RUNS = 20
"""Saved runs that are looked at, the newest ones."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """Of one case: seconds, and joules inside its windows (all domains); `whole` where the seconds are the whole case's."""

    seconds: float
    joules: float
    whole: bool


def expecting(plan: Plan, storage: Path, sweeps: Path) -> Plan:
    """The plan, with what is known of its cases.

    Args:
        plan: Of any machine.
        storage: Where runs are saved.
        sweeps: Where earlier sweeps lie.
    """
    wanted = {case.nodeid: case for case in plan.cases if case.skip is None}
    found: dict[str, Past] = {}
    for name, past in (*_of_sweeps(sweeps, wanted), *_of_runs(storage, wanted)):
        found.setdefault(name, past)
    cases = tuple(
        msgspec.structs.replace(case, expected_s=found[case.nodeid].seconds, expected_j=found[case.nodeid].joules)
        if case.nodeid in found
        else case
        for case in plan.cases
    )
    return msgspec.structs.replace(plan, cases=cases)


def _of_sweeps(sweeps: Path, wanted: dict[str, Case]) -> Iterator[tuple[str, Past]]:
    folders = [folder for folder in sweeps.iterdir() if folder.is_dir()] if sweeps.is_dir() else []
    for folder in sorted(folders, key=lambda one: -one.stat().st_mtime)[:MOST_RUNS]:
        for nodeid, case in State(folder).finished().items():
            if nodeid in wanted and case.results and all(_same(wanted[nodeid], result) for result in case.results):
                yield nodeid, Past(seconds=case.ended_s - case.began_s, joules=_joules(case.results), whole=True)


def _of_runs(storage: Path, wanted: dict[str, Case]) -> Iterator[tuple[str, Past]]:
    paths = sorted(storage.glob("*/[0-9]*_*.json"), key=lambda path: -path.stat().st_mtime)
    for path in paths[:MOST_RUNS]:
        try:
            results = read_run(path).results
        except ResultFileError:  # another tool's, or broken: whoever compares with it is told
            continue
        of_case: dict[str, list[Result]] = {}
        for result in results:
            nodeid = _owner(result.fullname, wanted)
            if nodeid is not None and _same(wanted[nodeid], result):
                of_case.setdefault(nodeid, []).append(result)
        for nodeid, several in of_case.items():
            windows = [trial.reading.duration_s for result in several for trial in result.trials]
            yield nodeid, Past(seconds=sum(windows), joules=_joules(several), whole=False)


def _owner(fullname: str, wanted: dict[str, Case]) -> str | None:
    """The case that a result is of: its own name, or without the name of its part."""
    return (
        fullname
        if fullname in wanted
        else next((name for name in (fullname.rpartition("::")[0],) if name in wanted), None)
    )


def _same(case: Case, result: Result) -> bool:
    model = None if result.scenario is None else result.scenario.model
    return model == case.model


def _joules(results: Sequence[Result]) -> float:
    """What their windows took, in the domains that stand for the work."""
    from energy_fixtures.records import SCHEMA_VERSION, Run

    return metered_j([Run(schema_version=SCHEMA_VERSION, environments={}, results=tuple(results))])
