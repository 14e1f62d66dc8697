"""A Ray cluster that takes a running slot away: what it finished is kept, the rest goes elsewhere. Ray itself is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from reports.sweep.drive import Drive
from reports.sweep.journal import Begin, End, Finished, Line
from reports.sweep.on_ray import RayCluster
from reports.sweep.order import Order
from reports.sweep.plan import PLAN_VERSION, Case, Plan, grouped
from reports.sweep.slot import Slot, rescued
from reports.sweep.state import State
from reports.sweep.worker import Step

CASES = tuple(Case(nodeid=f"a.py::t[{index}]", boards=1, measures=True) for index in range(3))


class RayError(Exception):
    """Of the made-up Ray."""


class RayTaskError(RayError):
    """Of the made-up Ray."""


class MadeUpSlot:
    """Runs an order at once; the first one of all is taken away while its second case runs, of which it had told nothing."""

    def __init__(self, ray: MadeUpRay, node: str) -> None:
        self.node = node
        self._ray = ray
        self.run = SimpleNamespace(remote=self._run)
        self.step = SimpleNamespace(remote=lambda: self._taken)

    def _run(self, order: Order, arguments: Sequence[str], *, narrowed: bool) -> Callable[[], Step]:
        begin = Begin(sweep=order.sweep, group=1, node=self.node, clock="c", boards=1, devices="0", began_s=0.0)
        lines = [Line(begin=begin)]
        for nodeid in order.nodeids:
            done = Finished(nodeid=nodeid, reports=(), began_s=1.0, ended_s=2.0)
            lines += [Line(started=nodeid), Line(finished=done)]
        texts = [msgspec.json.encode(line) + b"\n" for line in (*lines, Line(end=End(status=0, ended_s=3.0)))]
        self._ray.orders.append((self.node, order.nodeids))
        if len(self._ray.orders) > 1:
            return lambda: Step(lines=b"".join(texts), ended=True)
        self._ray.lying = [(1, order.token, b"".join(texts[:4]))]  # until its second case began
        return lambda: Step(lines=b"".join(texts[:2]))

    def _taken(self) -> Step:
        raise RayError("the actor died: preempted")


class MadeUpRay:
    """Two nodes of a board each, and what was asked of them."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
    util = SimpleNamespace(scheduling_strategies=SimpleNamespace(NodeAffinitySchedulingStrategy=lambda **where: where))

    def __init__(self) -> None:
        self.orders: list[tuple[str, tuple[str, ...]]] = []
        self.lying: list[tuple[int, str, bytes]] = []
        self.killed: list[MadeUpSlot] = []

    def nodes(self) -> list[dict[str, Any]]:
        has = {"CPU": 1, "GPU": 1}
        return [{"NodeID": name, "Alive": True, "NodeManagerHostname": name, "Resources": has} for name in "pq"]

    def remote(self, thing: object) -> SimpleNamespace:
        if thing is Slot:
            made = SimpleNamespace(remote=lambda folder, node, sweep: MadeUpSlot(self, node))
        else:
            made = SimpleNamespace(remote=lambda *words: lambda: self.lying if thing is rescued else [])
        return SimpleNamespace(options=lambda **wishes: made)

    def wait(self, asked: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return asked, []

    def get(self, reference: Callable[[], Any]) -> Any:
        return reference()

    def kill(self, slot: MadeUpSlot) -> None:
        self.killed.append(slot)


def test_a_task_that_is_preempted_loses_no_finished_case(tmp_path: Path) -> None:
    """Its journal is fetched from the node, the case that was running is tried on another one, and none is measured twice."""
    plan = Plan(version=PLAN_VERSION, arguments=("a.py",), code="c", cases=CASES, groups=grouped(CASES))
    state, ray, said = State(tmp_path / "s"), MadeUpRay(), list[str]()
    state.begin(plan)
    cluster = RayCluster(ray, tmp_path, plan.arguments, None, said.append)
    cluster.look()
    cluster.prepare(state.identity, frozenset())
    assert Drive(plan, state, cluster, 1, said.append).run() == {}
    (first, whole), *others = ray.orders
    assert whole == tuple(case.nodeid for case in CASES)
    assert sorted(nodeid for _, nodeids in others for nodeid in nodeids) == [CASES[1].nodeid, CASES[2].nodeid]
    assert next(node for node, nodeids in others if CASES[1].nodeid in nodeids) != first
    assert [slot.node for slot in ray.killed][:1] == [first]
    assert set(state.finished()) == {case.nodeid for case in CASES}
    measured = [case.nodeid for journal in state.journals() for case in journal.finished]
    assert len(measured) == len(set(measured)) == 3
    assert f"  group 1: its task on {first} was ended" in said
