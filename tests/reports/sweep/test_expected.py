"""What a plan expects of its cases comes from earlier measurements alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run
from reports.sweep.expected import expecting
from reports.sweep.journal import Finished, Line
from reports.sweep.page import plan_report
from reports.sweep.plan import PLAN_VERSION, Case, Plan, grouped
from reports.sweep.state import State


def test_times_and_joules_are_those_of_earlier_runs_or_unknown(
    tmp_path: Path, case: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """A sweep's journal tells the whole case, a saved run its windows, another model's run nothing; the page adds up only what is known."""
    swept, saved, foreign = (case(name, [2.0, 2.0]) for name in ("swept", "saved", "foreign"))
    foreign = msgspec.structs.replace(foreign, scenario=msgspec.structs.replace(foreign.scenario, model="other"))
    cases = tuple(Case(nodeid=one.fullname, model="tiny", measures=True) for one in (swept, saved, foreign))
    plan = Plan(version=PLAN_VERSION, arguments=("b",), code=None, cases=cases, groups=grouped(cases))
    state = State(tmp_path / "sweeps" / "x")
    state.begin(plan)
    writer = state.writer(1)
    writer.write(
        Line(finished=Finished(nodeid=swept.fullname, reports=(), results=(swept,), began_s=5.0, ended_s=65.0))
    )
    writer.close()
    run = Run(schema_version=SCHEMA_VERSION, environments={}, results=(saved, foreign))
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine" / "0001_x.json").write_bytes(msgspec.json.encode({"energy": run}))

    known = expecting(plan, tmp_path, tmp_path / "sweeps").cases

    assert [one.expected_s for one in known] == [60.0, 2.0, None]
    assert [one.expected_j for one in known] == [40.0, 40.0, None]
    said = "\n".join(str(part) for part in plan_report(expecting(plan, tmp_path, tmp_path / "sweeps"), (), None))
    assert "unknown of 1 of 3 cases" in said
