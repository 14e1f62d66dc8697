"""Looks at the boards beside their counters, all the time, from one thread for all of them.

    power        |  | |   |  |  | |  |   |      about every period, unevenly
    the rest     |              |               every tenth time: temperature, clock, throttling, limit, processes
    window             [           ]            `begin` and `end` look at everything once more themselves

Power is asked for at uneven times on purpose: an even rhythm meets a periodic load at always the same place and is
wrong by the same amount each time (`timeline` has the numbers).

The thread's own processor time is measured all along, and the period grows until that is COST of a core.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

from energy_fixtures.meters.base import PowerSample, State
from energy_fixtures.meters.nvml_sensor import BoardSensor, Conditions, NvmlConditions
from energy_fixtures.meters.timeline import Point, thin
from energy_fixtures.readings import BoardTrace

COST = 0.01
"""Share of a core that the thread may take."""

BUSY = 0.5
"""Share of the time that its rounds may last: a driver makes some calls wait, which costs no core."""

SHORTEST_S, LONGEST_S = 0.02, 0.5  # boards renew power every 20 to 100 ms: faster looks see nothing new
SLOW = 10  # power samples for each look at the rest
UNEVEN = 0.5  # samples come this share of the period early or late
KEPT_S = 600.0
MOST_KEPT = 200_000  # samples of one board, should a window never be closed
MOST_POINTS = 120  # of a timeline, as it is stored
WEIGHT = 0.05  # of the newest cost in the mean cost
END_WAIT_S = 2.0  # a driver call may hang on a lost board; the thread is a daemon and ends with the process

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Look:
    """All but power, of one board at one moment."""

    at_s: float
    temperature_c: float | None
    conditions: Conditions


@dataclass(eq=False)
class _Window:
    pids: tuple[int, ...]
    begun_at_s: float
    processes: dict[str, frozenset[int]] = field(default_factory=dict)  # on each board when the window opened
    known: set[int] = field(default_factory=set)  # looked up, with the two answers below
    ours: set[int] = field(default_factory=set)
    visible: set[int] = field(default_factory=set)


class _Board:
    """One board's sensor and what it has said."""

    def __init__(self, sensor: BoardSensor) -> None:
        self.sensor = sensor
        self.power: deque[PowerSample] = deque(maxlen=MOST_KEPT)
        self.looks: deque[Look] = deque(maxlen=MOST_KEPT)

    def take_power(self, clock: Callable[[], float]) -> None:
        power_w = _told(self.sensor.power_w)
        if power_w is not None and math.isfinite(power_w):
            self.power.append(PowerSample(clock(), float(power_w)))

    def take_look(self, clock: Callable[[], float]) -> Look:
        temperature_c = _told(self.sensor.temperature_c)
        conditions = _told(self.sensor.conditions) or Conditions()
        look = Look(
            at_s=clock(),
            temperature_c=None if temperature_c is None else float(temperature_c),
            conditions=conditions,
        )
        self.looks.append(look)
        return look

    def since(self, since_s: float) -> list[PowerSample]:
        newest_first = itertools.takewhile(lambda sample: sample.at_s >= since_s, reversed(self.power))
        return list(newest_first)[::-1]  # from the new end, since most questions are about the last seconds

    def forget(self, before_s: float) -> None:
        for kept in (self.power, self.looks):
            while kept and kept[0].at_s < before_s:
                kept.popleft()


class BoardWatch:
    """The `Watch` of boards that answer through `sensors`.

    A sensor that raises gives nothing until it answers again; what it did not tell is None in the trace.

    Args:
        sensors: One per board.
        period_s: Mean time between two power samples, or longer where that would cost more than COST of a core.
        clock: Monotonic seconds.
    """

    def __init__(
        self, sensors: Sequence[BoardSensor], *, period_s: float = 0.05, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.period_s = self._asked_s = min(max(period_s, SHORTEST_S), LONGEST_S)
        self._boards = {sensor.domain: _Board(sensor) for sensor in sensors}
        self._clock = clock
        self._lock = threading.Lock()  # over what the boards have said, which stays in order of time that way
        self._windows: list[_Window] = []
        self._random = random.Random(0)
        self._stop = threading.Event()
        self._look(slow=True)  # the first call of each kind also loads what it needs
        self._power_s, self._slow_s = self._timed_look(slow=False), self._timed_look(slow=True)
        self.period_s = self._affordable_s()
        # Nothing of ours is on a board yet, and never will be under these numbers.
        self._at_start = {
            domain: frozenset(board.looks[-1].conditions.processes or ()) - {os.getpid()}
            for domain, board in self._boards.items()
        }
        self._thread = threading.Thread(target=self._run, name="board-watch", daemon=True)
        self._thread.start()

    def begin(self, pids: tuple[int, ...]) -> object:
        """See `Watch.begin`."""
        window = _Window(pids, self._clock())
        with self._lock:
            self._windows.append(window)
            self._look(slow=True)
            for domain, board in self._boards.items():
                window.processes[domain] = frozenset(board.looks[-1].conditions.processes or ())
        return window

    def end(self, token: object, begin_s: float, end_s: float) -> dict[str, BoardTrace]:
        """See `Watch.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        with self._lock:
            self._look(slow=True)
            if token in self._windows:
                self._windows.remove(token)
            return {domain: self._trace(domain, token, begin_s, end_s) for domain in self._boards}

    def samples(self, domain: str, since_s: float, until_s: float) -> list[PowerSample]:
        """See `Watch.samples`; none of a board that is not watched."""
        with self._lock:
            board = self._boards.get(domain)
            return [] if board is None else [sample for sample in board.since(since_s) if sample.at_s <= until_s]

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """See `Watch.state`; the power is None unless every board has told it since then."""
        boards = [board for domain, board in self._boards.items() if domains is None or domain in domains]
        if not boards:
            return None
        with self._lock:
            means_w = [
                statistics.fmean(sample.power_w for sample in told) if (told := board.since(since_s)) else None
                for board in boards
            ]
            now_c = [board.looks[-1].temperature_c for board in boards if board.looks]
        known_w = [mean_w for mean_w in means_w if mean_w is not None]
        return State(
            power_w=math.fsum(known_w) if len(known_w) == len(means_w) else None,
            temperature_c=max((celsius for celsius in now_c if celsius is not None), default=None),
        )

    def close(self) -> None:
        """See `Watch.close`; gives NVML back too."""
        self._stop.set()
        self._thread.join(END_WAIT_S)
        for board in self._boards.values():
            if isinstance(board.sensor.conditions, NvmlConditions):
                board.sensor.conditions.close()

    def _run(self) -> None:
        for count in itertools.count(1):
            if self._stop.wait(self._pause_s()):
                return
            slow = count % SLOW == 0
            with self._lock:
                asked_s = self._timed_look(slow=slow)
            if slow:
                self._slow_s += WEIGHT * (asked_s - self._slow_s)
            else:
                self._power_s += WEIGHT * (asked_s - self._power_s)
            self.period_s = self._affordable_s()

    def _pause_s(self) -> float:
        return max(SHORTEST_S, self.period_s * self._random.uniform(1 - UNEVEN, 1 + UNEVEN))

    def _timed_look(self, *, slow: bool) -> float:
        """One round; how long the period would have to be if every round were like this one."""
        core_s, began_s = time.thread_time(), time.monotonic()
        self._look(slow=slow)
        return max((time.thread_time() - core_s) / COST, (time.monotonic() - began_s) / BUSY)

    def _affordable_s(self) -> float:
        mean_s = ((SLOW - 1) * self._power_s + self._slow_s) / SLOW
        return min(max(self._asked_s, mean_s), LONGEST_S)

    def _look(self, *, slow: bool) -> None:
        """One round of all boards; the lock is held, so that times increase."""
        oldest_s = min((window.begun_at_s for window in self._windows), default=math.inf)
        for board in self._boards.values():
            board.take_power(self._clock)
            if slow:
                look = board.take_look(self._clock)
                self._look_up(look.conditions.processes or ())
                board.forget(min(look.at_s - KEPT_S, oldest_s - 1.0))

    def _look_up(self, processes: Iterable[int]) -> None:
        """Ask who the processes on a board are while they are there, once for each window that is open."""
        for window in self._windows:
            unknown = set(processes) - window.known
            if unknown:
                window.known |= unknown
                window.visible |= {pid for pid in unknown if psutil.pid_exists(pid)}
                if window.visible & unknown:
                    window.ours |= unknown & family({*window.pids, os.getpid()})

    def _trace(self, domain: str, window: _Window, begin_s: float, end_s: float) -> BoardTrace:
        board = self._boards[domain]
        inside = [look for look in board.looks if begin_s <= look.at_s <= end_s]
        before = [look for look in board.looks if look.at_s < begin_s][-1:]
        after = [look for look in board.looks if look.at_s > end_s][:1]
        looks = [*before, *inside, *after]
        told = [look.conditions for look in looks]
        heat_c = [look.temperature_c for look in looks if look.temperature_c is not None]
        # A board at rest may have another clock; of the two ends that lie outside only what lasts is taken.
        clocks_hz = _known(look.conditions.sm_clock_hz for look in inside)
        limits_w = _known(conditions.power_limit_w for conditions in told)
        throttle = _known(conditions.throttle for conditions in told)
        strangers = [
            foreign(
                processes,
                ours=window.ours | {os.getpid()},
                visible=window.visible,
                at_start=self._at_start[domain],
                at_begin=window.processes[domain],
            )
            for processes in _known(conditions.processes for conditions in told)
        ]
        return BoardTrace(
            timeline=thin(_points(board, begin_s, end_s), MOST_POINTS),
            temperature_start_c=looks[0].temperature_c if looks else None,
            temperature_end_c=looks[-1].temperature_c if looks else None,
            temperature_max_c=max(heat_c, default=None),
            sm_clock_min_hz=min(clocks_hz, default=None),
            sm_clock_max_hz=max(clocks_hz, default=None),
            power_limit_min_w=min(limits_w, default=None),
            power_limit_max_w=max(limits_w, default=None),
            throttle=tuple(dict.fromkeys(itertools.chain.from_iterable(throttle))),
            foreign_processes=max((len(found) for found in strangers), default=None),
            mig=next(iter(_known(conditions.mig for conditions in told)), None),
        )


def foreign(
    on_board: Iterable[int],
    *,
    ours: Iterable[int],
    visible: Iterable[int],
    at_start: Iterable[int],
    at_begin: Iterable[int],
) -> frozenset[int]:
    """The processes on a board that are not part of the work.

    A container may see the driver's process ids without seeing those processes, its own among them under other
    numbers. So an id that is not ours by name is foreign for one of three reasons: this process can see it, and it is
    somebody else; it was on the board before anything of ours could be; or it came while the window was open, whereas
    an engine is loaded before.

    Args:
        on_board: Process ids as the driver tells them.
        ours: Those of the process trees that do the work, and of this process.
        visible: Those that exist here.
        at_start: Those that were on the board when watching began.
        at_begin: Those that were on the board when the window opened.
    """
    others = frozenset(on_board) - frozenset(ours)
    return (others & (frozenset(visible) | frozenset(at_start))) | (others - frozenset(at_begin))


def family(roots: Iterable[int]) -> frozenset[int]:
    """The processes `roots`, their descendants, and everybody else in a session that one of them leads."""
    found = set(roots)
    leaders = {pid for pid in found if _session(pid) == pid}
    for root in tuple(found):
        try:
            found |= {process.pid for process in psutil.Process(root).children(recursive=True)}
        except psutil.Error:  # it has just ended
            continue
    return frozenset(found | {pid for pid in psutil.pids() if _session(pid) in leaders})


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # it has just ended
        return None


def _points(board: _Board, begin_s: float, end_s: float) -> list[Point]:
    """The power samples inside the window, each with the temperature that was known by then."""
    points: list[Point] = []
    looks = iter(board.looks)
    upcoming = next(looks, None)
    celsius = None
    for at_s, power_w in board.since(begin_s):
        while upcoming is not None and upcoming.at_s <= at_s:
            celsius = upcoming.temperature_c
            upcoming = next(looks, None)
        if at_s <= end_s:
            points.append((at_s - begin_s, power_w, celsius))
    return points


def _known(values: Iterable[Value | None]) -> list[Value]:
    return [value for value in values if value is not None]


def _told(ask: Callable[[], Value] | None) -> Value | None:
    if ask is None:
        return None
    try:
        return ask()
    except Exception:
        # Broad, because the sensor is another's: whatever it raises on a lost board, on a revoked permission or in a
        # driver that is being replaced, the board is silent now, and neither this thread nor the case may end of it.
        return None
