"""Which group runs where and when. Pure: told what happened, it says what to do next; no clock, no Ray.

widest and longest first    a group that needs many boards, or the whole machine, waits for room longest
whole boards                a board belongs to one group; a group of the host has its machine to itself
big groups are split        where one would last longer than half of what is left for each slot, and each part is worth its
                            load: orders grow shorter towards the end
a long tail is shared       a slot with nothing left takes half of what the longest running group has not begun,
                            where that is worth a second engine load
elsewhere                   what failed goes to another node if there is one, at most `retries` times more; the case
                            that was running when it failed goes alone, so that others do not fail with it
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

UNKNOWN_LOAD_S, UNKNOWN_CASE_S = 60.0, 20.0
"""Only the order of groups hangs on these, where no earlier run says how long they take."""

STARTING_S = 2.0
"""What a slot needs before an engine begins to load."""

WORTH = 2.0
"""A second engine load is worth it for at least so many times its own length of other work."""

SHARE = 0.5
"""Of what is left for each slot, how much one order takes at most if it can be split: orders grow shorter towards the end."""

TRUST = 2
"""Failures in a row without a finished case after which a node is no longer used."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine: its key, and how many boards it has for us."""

    key: str
    boards: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is started as a whole.

    Attributes:
        group: Number in the plan.
        boards: 0 for the whole machine.
        nodeids: Cases, in order.
        load_s: Expected length of its engine load; None unknown.
        cases_s: Expected length of each case; None unknown.
        avoid: Nodes that it failed on.
    """

    group: int
    boards: int
    nodeids: tuple[str, ...]
    load_s: float | None = None
    cases_s: Mapping[str, float | None] = field(default_factory=dict)
    avoid: frozenset[str] = frozenset()

    def expected_s(self, nodeids: Iterable[str] | None = None, unknown_s: float = UNKNOWN_CASE_S) -> float:
        """Seconds that its cases, or some of them, are taken to last; without the load."""
        known = (self.cases_s.get(nodeid) for nodeid in (self.nodeids if nodeids is None else nodeids))
        return math.fsum(unknown_s if seconds is None else seconds for seconds in known)

    @cached_property
    def whole_s(self) -> float:
        """Seconds that all its cases are taken to last."""
        return self.expected_s()

    @property
    def loading_s(self) -> float:
        """Seconds that its load is taken to last."""
        return UNKNOWN_LOAD_S if self.load_s is None else self.load_s


@dataclass(kw_only=True)
class Running:
    """Work on a node. `left`: not begun yet, in order; `asked`: cases that it was asked to give away; `took_s`: of each
    finished case, the first with the engine's load in it.
    """

    token: int
    work: Work
    node: str
    left: list[str]
    current: str | None = None
    asked: tuple[str, ...] = ()
    took_s: list[float] = field(default_factory=list)

    @property
    def case_s(self) -> float:
        """Seconds of a case of which nothing is known, as seen here."""
        later = self.took_s[1:]
        return math.fsum(later) / len(later) if later else UNKNOWN_CASE_S

    @property
    def loading_s(self) -> float:
        """Seconds that another load would take: as expected, else what the first case took longer than the others."""
        if self.work.load_s is not None or len(self.took_s) < 2:
            return STARTING_S + self.work.loading_s
        return STARTING_S + max(0.0, self.took_s[0] - self.case_s)

    def expected_s(self, nodeids: Sequence[str]) -> float:
        """Seconds that some of its cases are taken to last."""
        return self.work.expected_s(nodeids, self.case_s)


@dataclass(frozen=True, kw_only=True)
class Start:
    """Begin this work."""

    running: Running


@dataclass(frozen=True, kw_only=True)
class Give:
    """Ask running work to leave these cases, its last ones, to another slot."""

    running: Running
    nodeids: tuple[str, ...]


Move = Start | Give


class Schedule:
    """The state of a sweep.

    Args:
        nodes: Where work can run.
        works: What is to be done.
        retries: Further attempts at a case after the first one failed.
    """

    def __init__(self, nodes: Sequence[Node], works: Sequence[Work], retries: int) -> None:
        self.nodes = {node.key: node for node in nodes}
        self.queue = sorted(works, key=_urgency)
        self.running: dict[int, Running] = {}
        self.lost: dict[str, str] = {}  # cases that were given up, with the reason
        self.distrusted: dict[str, str] = {}
        self._retries = retries
        self._failures: dict[str, int] = {}
        self._bad: dict[str, int] = {}
        self._there: dict[str, dict[int, int]] = {}  # by node and token, boards of what runs there
        self._next = 1

    @property
    def done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return not self.queue and not self.running

    def moves(self) -> list[Move]:
        """What to do now: everything that can start, then what may be shared."""
        found: list[Move] = []
        while starting := self._starts():
            found += starting
        if not self.queue:
            found += self._shares()
        return found

    def started(self, token: int, nodeid: str) -> None:
        """A case began."""
        running = self.running[token]
        running.current = nodeid
        if nodeid in running.left:
            running.left.remove(nodeid)

    def finished(self, token: int, nodeid: str, took_s: float, crashed: str | None = None) -> None:
        """A case came to its end after so long; `crashed` says why it is to be tried again."""
        running = self.running[token]
        running.current = None
        if nodeid in running.left:
            running.left.remove(nodeid)
        if crashed is None:
            running.took_s.append(took_s)
            self._bad[running.node] = 0
        else:
            self._again(running, [nodeid], crashed)

    def given(self, token: int, nodeids: Sequence[str]) -> None:
        """Running work agreed to leave cases to others, all that it was asked for or fewer."""
        running = self.running[token]
        running.asked = ()
        running.left = [nodeid for nodeid in running.left if nodeid not in set(nodeids)]
        if nodeids:
            self._queue(_part(running.work, nodeids))

    def ended(self, token: int, failure: str | None) -> None:
        """Work ended. Whatever it did not finish is tried elsewhere, and `failure` says why it did not.

        The case that was running then counts as tried, or all of them where none had begun.
        """
        running = self.running.pop(token)
        del self._there[running.node][token]
        left = list(running.left)
        if not left and running.current is None:
            return
        why = failure or "pytest ended before it was run"
        if not running.took_s:
            self._blame(running.node, why)
        if running.current is None:
            self._again(running, left, why)
            return
        self._again(running, [running.current], why)
        if left:
            self._queue(_part(running.work, left, avoid=running.node))

    def gone(self, node: str, why: str) -> None:
        """A node is no longer there; what ran on it is told by `ended`."""
        if self.nodes.pop(node, None) is not None:
            self.give_up_what_fits_nowhere(why)

    def came(self, node: Node) -> None:
        """A node joined."""
        if node.key not in self.distrusted:
            self.nodes[node.key] = node

    def refused(self, node: str, why: str) -> None:
        """A node cannot run anything of ours."""
        self.distrusted[node] = why
        self.gone(node, why)

    def give_up_what_fits_nowhere(self, why: str) -> list[str]:
        """Nobody waits for a node that does not exist; the cases that would."""
        able = max((node.boards for node in self.nodes.values()), default=-1)
        waiting = [work for work in self.queue if work.boards > able]
        self.queue = [work for work in self.queue if work.boards <= able]
        given_up = [nodeid for work in waiting for nodeid in work.nodeids]
        self.lost.update(dict.fromkeys(given_up, why))
        return given_up

    # -- parts ---------------------------------------------------------------------------------------------------

    def _starts(self) -> list[Move]:
        """Begin what there is room for; the rest of what is split may have room too, next time."""
        found: list[Move] = []
        waiting: list[Work] = []
        full: set[int] = set()  # numbers of boards for which no node has room now
        for work in self.queue:
            node = None if work.boards in full else self._room(work)
            if node is None:
                waiting.append(work)
                if not work.avoid:
                    full.add(work.boards)
                continue
            first, rest = self._share(work)
            if rest is not None:
                waiting.append(rest)
            found.append(Start(running=self._begin(first, node)))
        self.queue = sorted(waiting, key=_urgency)
        return found

    def _begin(self, work: Work, node: str) -> Running:
        running = Running(token=self._next, work=work, node=node, left=list(work.nodeids))
        self._next += 1
        self.running[running.token] = running
        self._there.setdefault(node, {})[running.token] = work.boards
        return running

    def _share(self, work: Work) -> tuple[Work, Work | None]:
        """The part of a work that one slot takes now, and the rest where both are worth a load of their own."""
        boards, least_s = work.boards, STARTING_S + WORTH * work.loading_s
        slots = sum(node.boards // boards if boards else 1 for node in self.nodes.values())
        if slots < 2 or work.whole_s < 2 * least_s:
            return work, None
        left_s = math.fsum(other.whole_s for other in self.queue if other.boards == boards)
        most_s, taken_s, count = max(least_s, SHARE * left_s / slots), 0.0, 0
        for nodeid in work.nodeids:
            taken_s += work.expected_s((nodeid,))
            count += 1
            if taken_s >= most_s:
                break
        if work.whole_s - taken_s < least_s:
            return work, None
        return _part(work, work.nodeids[:count]), _part(work, work.nodeids[count:])

    def _free(self, node: Node, boards: int) -> bool:
        there = self._there.get(node.key, {}).values()
        if boards == 0:
            return not there
        return 0 not in there and boards <= node.boards - sum(there)

    def _room(self, work: Work) -> str | None:
        """The node with the least room to spare, one that it has not failed on if there is such a node at all."""
        able = [node for node in self.nodes.values() if node.boards >= work.boards]
        fresh = [node for node in able if node.key not in work.avoid]
        free = [node for node in fresh or able if self._free(node, work.boards)]
        return min(free, key=lambda node: (node.boards, node.key), default=_NOWHERE).key or None

    def _shares(self) -> list[Move]:
        """Ask the longest running work for half of what it has not begun, once per slot that has nothing to do."""
        found: list[Move] = []
        idle = {
            boards: sum(self._free(node, boards) for node in self.nodes.values())
            for boards in {running.work.boards for running in self.running.values()}
        }
        pending = sum(1 for running in self.running.values() if running.asked)
        for running in sorted(self.running.values(), key=lambda one: -one.expected_s(one.left)):
            boards = running.work.boards
            if running.asked or idle[boards] - pending - len(found) <= 0:
                continue
            half = tuple(running.left[(len(running.left) + 1) // 2 :])
            if half and running.expected_s(half) >= WORTH * running.loading_s:
                running.asked = half
                found.append(Give(running=running, nodeids=half))
        return found

    def _again(self, running: Running, nodeids: Sequence[str], why: str) -> None:
        """Try each of these once more elsewhere, or give it up."""
        again = []
        for nodeid in nodeids:
            self._failures[nodeid] = self._failures.get(nodeid, 0) + 1
            if self._failures[nodeid] > self._retries:
                count = self._failures[nodeid]
                tried = "" if count == 1 else f", after {count} attempts"
                self.lost[nodeid] = f"{why}{tried}"
            else:
                again.append(nodeid)
        if again:
            self._queue(_part(running.work, again, avoid=running.node))

    def _queue(self, work: Work) -> None:
        self.queue = sorted([*self.queue, work], key=_urgency)
        self.give_up_what_fits_nowhere("no node is left that it could run on")

    def _blame(self, node: str, why: str) -> None:
        self._bad[node] = self._bad.get(node, 0) + 1
        if self._bad[node] >= TRUST and node in self.nodes:
            self.refused(node, why)


_NOWHERE = Node(key="", boards=0)


def _urgency(work: Work) -> tuple[float, float, int]:
    return (-math.inf if work.boards == 0 else -work.boards, -work.whole_s - work.loading_s, work.group)


def _part(work: Work, nodeids: Sequence[str], avoid: str | None = None) -> Work:
    wanted = set(nodeids)
    return Work(
        group=work.group,
        boards=work.boards,
        nodeids=tuple(nodeid for nodeid in work.nodeids if nodeid in wanted),
        load_s=work.load_s,
        cases_s=work.cases_s,
        avoid=work.avoid | ({avoid} if avoid is not None else set()),
    )
