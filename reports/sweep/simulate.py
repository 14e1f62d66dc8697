"""A sweep on a simulated clock: how long it takes, and how busy its slots are. For the plan's expected end, and for tests.

The moves are those of `schedule`; only time is made up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from reports.sweep.schedule import Give, Running, Schedule


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What came of it.

    Attributes:
        took_s: Until the last case ended.
        busy_s: Seconds times boards in which something ran; a host without boards counts as one.
        slots: Boards of all nodes; a host without boards counts as one.
        loads: Engine loads; more than groups where a tail was shared.
        cases: Finished.
    """

    took_s: float
    busy_s: float
    slots: int
    loads: int
    cases: int

    @property
    def busy(self) -> float:
        """Share of the slots' time in which something ran."""
        return self.busy_s / (self.took_s * self.slots) if self.took_s else 1.0


def simulate(schedule: Schedule, load_s: Callable[[Running], float], case_s: Callable[[str], float]) -> Simulated:
    """Let a schedule run to its end.

    Args:
        schedule: Used up.
        load_s: True length of an engine load.
        case_s: True length of a case.
    """
    slots = sum(max(1, node.boards) for node in schedule.nodes.values())
    width = {key: max(1, node.boards) for key, node in schedule.nodes.items()}
    now_s, busy_s, loads, cases = 0.0, 0.0, 0, 0
    events: list[tuple[float, int]] = []  # when the running work of this token is between two cases
    begun: dict[int, float] = {}
    since: dict[int, float] = {}  # when its current case began; the first one's time holds the load
    while True:
        for move in schedule.moves():
            if isinstance(move, Give):
                continue  # it answers between two cases, below
            running, loads = move.running, loads + 1
            begun[running.token] = since[running.token] = now_s
            heapq.heappush(events, (now_s + load_s(running), running.token))
        if not events:
            break
        now_s, token = heapq.heappop(events)
        running = schedule.running[token]
        if running.current is not None:
            schedule.finished(token, running.current, now_s - since.pop(token))
            cases += 1
        if running.asked:
            schedule.given(token, running.asked)
        if running.left:
            nodeid = running.left[0]
            schedule.started(token, nodeid)
            since.setdefault(token, now_s)
            heapq.heappush(events, (now_s + case_s(nodeid), token))
            continue
        busy_s += (now_s - begun[token]) * (running.work.boards or width[running.node])
        schedule.ended(token, None)
    return Simulated(took_s=now_s, busy_s=busy_s, slots=slots, loads=loads, cases=cases)


def expected_s(schedule: Schedule) -> float | None:
    """When a sweep ends if everything lasts as long as is expected; None where that is not known of some case.

    A load of unknown length is taken to be in the time of the first case, as it is in what earlier sweeps wrote down.
    """
    seconds = {nodeid: work.cases_s.get(nodeid) for work in schedule.queue for nodeid in work.nodeids}
    if any(value is None for value in seconds.values()):
        return None
    return simulate(schedule, lambda running: running.work.load_s or 0.0, lambda nodeid: seconds[nodeid] or 0.0).took_s
