"""End a process and everything it started, and give shared memory the time to be tidied up."""

from __future__ import annotations

import contextlib
import os
import subprocess

import psutil

REAP_WAIT_S = 5.0  # a process in the middle of a device call dies only when the driver returns
TRACKER_WAIT_S = 1.0  # a resource tracker unlinks what is left as soon as the others are gone


def tree_of(pid: int) -> list[psutil.Process]:
    """The descendants of `pid` and all other processes of the session it leads, without itself.

    The session also names workers whose parent has died already; call this before `pid` is started anew by anyone.
    """
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        found = {process.pid: process for process in psutil.Process(pid).children(recursive=True)}
    for other in psutil.pids():
        if other == pid or other in found:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(other) == pid:
                found[other] = psutil.Process(other)
    return list(found.values())


def end_tree(root: subprocess.Popen[bytes], descendants: list[psutil.Process]) -> None:
    """Kill `root` and `descendants` and reap them; Python's resource trackers go last.

    A tracker unlinks the shared memory and semaphores of processes that could not do it themselves,
    when the last of them is gone; killed at once, it would leave them in /dev/shm until the next boot.
    """
    trackers = [process for process in descendants if _is_resource_tracker(process)]
    workers = [process for process in descendants if process not in trackers]
    if root.poll() is None:
        root.kill()
    for worker in workers:
        _kill(worker)
    with contextlib.suppress(subprocess.TimeoutExpired):
        root.wait(REAP_WAIT_S)
    psutil.wait_procs(workers, REAP_WAIT_S)
    _, late = psutil.wait_procs(trackers, TRACKER_WAIT_S)
    for tracker in late:
        _kill(tracker)
    psutil.wait_procs(late, REAP_WAIT_S)


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()  # psutil checks the start time: never another process with the same number


def _is_resource_tracker(process: psutil.Process) -> bool:
    try:
        return any("resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False
