"""The driver's loop: what the schedule wants is started, what happens is kept and told to the schedule."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from reports.render.text import plain
from reports.sweep.cluster import Came, Cluster, Ended, Event, Gone, Lines, Rescued
from reports.sweep.journal import Writer, lines_of
from reports.sweep.order import Order
from reports.sweep.page import case_line
from reports.sweep.plan import Plan
from reports.sweep.schedule import Schedule, Start, Work
from reports.sweep.state import State

WAIT_S = 1.0


class Drive:
    """One driver's work on a sweep.

    Args:
        plan: What is to be done.
        state: Where answers are kept; its plan is this one.
        cluster: Where it is done.
        retries: Further attempts at a case.
        say: Told one line per finished case, and what went wrong.
    """

    def __init__(self, plan: Plan, state: State, cluster: Cluster, retries: int, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._state = state
        self._cluster = cluster
        self._tell = say
        self._orders: dict[int, Order] = {}
        self._writers: dict[str, Writer] = {}
        self._done = set(state.finished())
        self._total = sum(len(group.nodeids) for group in plan.groups)
        self._schedule = Schedule(cluster.nodes(), works(plan, self._done), retries)
        self._distrusted: set[str] = set()

    def run(self) -> dict[str, str]:
        """Until nothing is left; cases that were given up, with the reason."""
        for nodeid in self._schedule.give_up_what_fits_nowhere("no node has as many boards as it needs"):
            self._say(f"  {nodeid.rpartition('::')[2]}: no node has as many boards as it needs")
        while not self._schedule.done:
            for move in self._schedule.moves():
                if isinstance(move, Start):
                    self._start(move)
                else:
                    self._cluster.give(move.running.token, move.nodeids)
            for event in self._cluster.events(WAIT_S):
                self._take(event)
            for node, why in self._schedule.distrusted.items():
                if node not in self._distrusted:
                    self._distrusted.add(node)
                    self._say(f"no longer used: {self._cluster.name(node)} failed repeatedly ({_first(why)})")
        return self._schedule.lost

    def _say(self, line: str) -> None:
        self._tell(plain(line))  # names and reasons are what nodes wrote

    # -- parts ---------------------------------------------------------------------------------------------------

    def _start(self, move: Start) -> None:
        running = move.running
        order = Order(
            sweep=self._state.identity,
            group=running.work.group,
            token=secrets.token_hex(4),
            nodeids=running.work.nodeids,
            boards=running.work.boards,
            devices=None,
            node=self._cluster.name(running.node),
            clock="",
            folder="",
        )
        self._orders[running.token] = order
        self._cluster.start(running.token, running.node, order)

    def _take(self, event: Event) -> None:
        match event:
            case Lines(token=token, lines=lines):
                self._keep(self._orders[token], lines)
                self._follow(token, lines)
            case Rescued(group=group, token=name, lines=lines):
                self._rescue(group, name, lines)
            case Ended(token=token, failure=failure):
                if failure is not None:
                    self._say(f"  group {self._orders[token].group}: {_first(failure)}")
                writer = self._writers.pop(self._orders.pop(token).token, None)
                if writer is not None:
                    writer.close()
                self._schedule.ended(token, failure)
            case Came(node=node):
                self._schedule.came(node)
            case Gone(node=key, why=why):
                self._schedule.gone(key, why)

    def _keep(self, order: Order, lines: bytes) -> None:
        if order.token not in self._writers:
            self._writers[order.token] = self._state.writer(order.group, order.token)
        self._writers[order.token].copy(lines)

    def _follow(self, token: int, lines: bytes) -> None:
        """Tell the schedule, and the user."""
        schedule = self._schedule
        for line in lines_of(lines):
            if line.started is not None:
                schedule.started(token, line.started)
            elif line.given is not None:
                schedule.given(token, line.given)
            elif line.finished is not None:
                case = line.finished
                schedule.finished(token, case.nodeid, case.ended_s - case.began_s, case.crashed)
                if case.crashed is None:
                    self._done.add(case.nodeid)
                self._say(case_line(case, self._orders[token].node, len(self._done), self._total))

    def _rescue(self, group: int, name: str, lines: bytes) -> None:
        """What a slot that died had not told yet."""
        path = self._state.journal_path(group, name)
        known = path.stat().st_size if path.exists() else 0
        more = lines[known:]
        if not more:
            return
        token = next((token for token, order in self._orders.items() if order.token == name), None)
        if token is None:
            keep(self._state, group, name, more)
        else:
            self._keep(self._orders[token], more)
            self._follow(token, more)


def keep(state: State, group: int, token: str, lines: bytes) -> None:
    """Add lines to the journal of an attempt that nobody follows any more."""
    writer = state.writer(group, token)
    writer.copy(lines)
    writer.close()


def rescue(state: State, events: Sequence[Event]) -> int:
    """Keep what the slots of a driver that was killed had not told it; how many journals had more."""
    found = 0
    for event in events:
        if isinstance(event, Rescued):
            path = state.journal_path(event.group, event.token)
            more = event.lines[path.stat().st_size if path.exists() else 0 :]
            if more:
                keep(state, event.group, event.token, more)
                found += 1
    return found


def works(plan: Plan, done: set[str]) -> list[Work]:
    """What is left of the plan's groups."""
    known = plan.by_nodeid()
    found = []
    for group in plan.groups:
        left = tuple(nodeid for nodeid in group.nodeids if nodeid not in done)
        if left:
            times = {nodeid: known[nodeid].expected_s for nodeid in left}
            found.append(Work(group=group.number, boards=group.boards, nodeids=left, cases_s=times))
    return found


def _first(text: str) -> str:
    return next(iter(text.splitlines()), "?")
