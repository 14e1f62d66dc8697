"""Time of a sweep on a simulated clock."""

from __future__ import annotations

import random

import pytest

from reports.sweep.schedule import Node, Schedule, Work
from reports.sweep.simulate import expected_s, simulate


def works(draw: random.Random, cases: int, *, known: bool) -> tuple[list[Work], dict[str, float], dict[int, float]]:
    case_s: dict[str, float] = {}
    load_s: dict[int, float] = {}
    found = []
    while len(case_s) < cases:
        number = len(found) + 1
        load_s[number] = draw.uniform(30, 180)
        mean_s = draw.lognormvariate(3.2, 0.5)
        nodeids = tuple(f"t.py::t{number}[{index}]" for index in range(min(draw.randint(4, 60), cases - len(case_s))))
        case_s.update({nodeid: mean_s * draw.uniform(0.8, 1.25) for nodeid in nodeids})
        times = {nodeid: case_s[nodeid] if known else None for nodeid in nodeids}
        found.append(Work(group=number, boards=1, nodeids=nodeids, cases_s=times))
    return found, case_s, load_s


def test_one_node_takes_loads_and_cases_one_after_the_other() -> None:
    """Two groups of three cases on one board: two loads and six cases, never idle."""
    groups = [Work(group=g, boards=1, nodeids=tuple(f"t.py::{g}[{i}]" for i in range(3))) for g in (1, 2)]
    done = simulate(Schedule([Node(key="a", boards=1)], groups, 0), lambda running: 10.0, lambda nodeid: 5.0)
    assert (done.took_s, done.loads, done.cases, done.busy) == (50.0, 2, 6, 1.0)


@pytest.mark.parametrize(("count", "known", "share"), [(10_000, True, 0.95), (1000, False, 0.85)])
def test_slots_stay_busy(count: int, known: bool, share: float) -> None:
    """10,000 cases keep 100 boards at least 95 % busy where earlier runs say how long cases last, else not much less."""
    groups, case_s, load_s = works(random.Random(7), count, known=known)
    nodes = [Node(key=str(index), boards=1) for index in range(count // 100)]
    done = simulate(Schedule(nodes, groups, 0), lambda one: load_s[one.work.group], case_s.__getitem__)
    assert done.cases == count
    assert done.busy >= share


def test_the_end_is_expected_only_where_all_times_are_known() -> None:
    """With every case's time the end is that of the simulated sweep; with one unknown there is none."""
    nodeids = ("t.py::a", "t.py::b")
    nodes = [Node(key="a", boards=1)]
    known = Work(group=1, boards=1, nodeids=nodeids, cases_s={"t.py::a": 4.0, "t.py::b": 6.0})
    assert expected_s(Schedule(nodes, [known], 0)) == 10.0
    half = Work(group=1, boards=1, nodeids=nodeids, cases_s={"t.py::a": 4.0, "t.py::b": None})
    assert expected_s(Schedule(nodes, [half], 0)) is None
