"""CPU seconds that trees of processes use, between two moments.

    before = snapshot(pids)      own clock of every process in the trees, and what each has reaped
    ... work; processes start, fork, end ...
    seconds = cpu_seconds_between(before, snapshot(pids, before))

A process's own time is read from its CPU clock: nanoseconds, threads that ended included. What a process that ended
has used is known only through the parent that reaped it, in clock ticks (10 ms): so the parent's growth counts, less
what the process had used before the window.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from energy_fixtures.errors import MeasurementInvalid

_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
_CPUCLOCK_SCHED = 2  # the per-process clock of clock_getcpuclockid(3): Linux, kernel/time/posix-cpu-timers.c

Identity = tuple[int, float]
"""Process id and start time: an id may be given to another process, this pair is not."""


@dataclass(frozen=True)
class ProcessTime:
    """CPU seconds of one living process: its own, and those of its ended and reaped descendants."""

    own_s: float
    reaped_s: float


Snapshot = dict[Identity, ProcessTime]

OTHERS_SHARE = 0.10
"""Of all cores' time: what other processes may use inside a window before the processor counts as shared. A tenth of the
machine busy with something else costs clock and memory bandwidth of the same order as the differences that are looked
for; the few percent of system services are always there."""


def snapshot(pids: Iterable[int], before: Snapshot | None = None) -> Snapshot:
    """The times of all processes below `pids`, and of those in `before` that still live wherever they are by now."""
    seen: Snapshot = {}
    waiting = [*pids, *(pid for pid, _ in before or {})]
    visited: set[int] = set()
    while waiting:
        pid = waiting.pop()
        if pid in visited:
            continue
        visited.add(pid)
        entry = _read(pid)
        if entry is not None:
            identity, times = entry
            seen[identity] = times
            waiting.extend(_children(pid))
    return seen


def cpu_seconds_between(before: Snapshot, after: Snapshot, roots: Iterable[int]) -> float:
    """CPU seconds that the trees used between two snapshots, >= 0.

    Raises:
        MeasurementInvalid: A root process ended in between; its last seconds cannot be known.
    """
    lost = [pid for pid in roots if not any(identity[0] == pid and identity in after for identity in before)]
    if lost:
        raise MeasurementInvalid(
            f"process {lost[0]} ended inside the window, so its CPU seconds cannot be read; "
            "keep the process that does the work alive until the window is closed"
        )
    nothing = ProcessTime(0.0, 0.0)
    own_s = sum(max(0.0, now.own_s - before.get(identity, nothing).own_s) for identity, now in after.items())
    reaped_s = sum(now.reaped_s - before.get(identity, nothing).reaped_s for identity, now in after.items())
    ended_s = sum(then.own_s + then.reaped_s for identity, then in before.items() if identity not in after)
    return own_s + max(0.0, reaped_s - ended_s)


def busy_seconds() -> float:
    """CPU seconds that all processes of this machine have used since it started, without interrupts and stolen time.

    In a container these are the seconds of the whole machine, whose clock and power everybody on it shares.
    """
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))  # `user` holds the guests' seconds already


def is_shared(busy_s: float, own_s: float, duration_s: float, cores: int | None = None) -> bool:
    """Whether other processes used more than `OTHERS_SHARE` of the processor inside a window.

    Args:
        busy_s: Difference of two `busy_seconds`.
        own_s: CPU seconds of the work and of this process in the same time.
        duration_s: Length of the window.
        cores: Of the machine, all of them; None to ask it.
    """
    cores = cores or psutil.cpu_count() or 1
    # the kernel tells busy time in clock ticks, so that each core may be one tick off at either end
    return busy_s - own_s > cores * (OTHERS_SHARE * duration_s + 2 * _TICK_S)


@dataclass(frozen=True)
class Use:
    """The processor's use since a moment: by trees of processes, by this process, by everybody.

    `since` takes the moment; `own_s` and `is_shared` look back at it.
    """

    pids: tuple[int, ...]
    before: Snapshot
    busy_s: float
    this_process_s: float
    machine_busy_s: Callable[[], float]

    @classmethod
    def since(cls, pids: tuple[int, ...], machine_busy_s: Callable[[], float] = busy_seconds) -> Use:
        """Note what the trees below `pids`, this process and the whole machine have used by now."""
        return cls(pids, snapshot(pids), machine_busy_s(), time.process_time(), machine_busy_s)

    def own_s(self) -> float:
        """CPU seconds of the trees since then.

        Raises:
            MeasurementInvalid: A root process ended in between.
        """
        return cpu_seconds_between(self.before, snapshot(self.pids, self.before), self.pids)

    def is_shared(self, own_s: float, duration_s: float) -> bool:
        """Whether others kept the cores busy; this process's own seconds are the measuring's and never theirs."""
        if os.getpid() not in self.pids:
            own_s += time.process_time() - self.this_process_s
        return is_shared(self.machine_busy_s() - self.busy_s, own_s, duration_s)


def _children_by_psutil(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:  # it has just ended
        return []


if sys.platform == "linux":

    def _read(pid: int) -> tuple[Identity, ProcessTime] | None:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                # the name in parentheses may hold spaces and parentheses; the third field follows the last one
                fields = file.read().rpartition(b")")[2].split()
            own_s = time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError:  # it has just ended
            return None
        reaped_s = (int(fields[13]) + int(fields[14])) * _TICK_S  # cutime and cstime, proc_pid_stat(5)
        return (pid, float(fields[19])), ProcessTime(own_s, reaped_s)

    # a kernel built without CONFIG_PROC_CHILDREN lacks these files; psutil then walks all processes, which is slower
    _HAS_CHILDREN_FILES = os.path.exists(f"/proc/self/task/{os.getpid()}/children")

    def _children_of_thread(pid: int, thread: str) -> list[int]:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                return [int(child) for child in file.read().split()]
        except OSError:  # it has just ended; its children have another parent now
            return []

    def _children(pid: int) -> list[int]:
        if not _HAS_CHILDREN_FILES:
            return _children_by_psutil(pid)
        children: list[int] = []
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                children.extend(_children_of_thread(pid, thread))
        except OSError:  # the process has just ended
            return []
        return children

else:

    def _read(pid: int) -> tuple[Identity, ProcessTime] | None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                started = process.create_time()
        except psutil.Error:  # it has just ended
            return None
        return (pid, started), ProcessTime(
            times.user + times.system, getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        )

    def _children(pid: int) -> list[int]:
        return _children_by_psutil(pid)
