"""End a process and everything it started, and give shared memory the time to be tidied up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

import psutil

REAP_WAIT_S = 5.0  # a process in the middle of a device call dies only when the driver returns
POLL_S = 0.005
TRACKER_WAIT_S = 3.0  # once the others are gone, a resource tracker unlinks what is left, a guard its files


def tree_of(root: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The descendants of `root` and all other processes of the session it leads, without itself.

    The session also names workers whose parents have died already, `root` included.
    """
    found: dict[int, psutil.Process] = {}
    if root.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = {process.pid: process for process in psutil.Process(root.pid).children(recursive=True)}
    elif psutil.pid_exists(root.pid):
        return []  # the number is another's by now: the kernel gives it away only when the session is empty
    for pid in psutil.pids():
        if pid == root.pid or pid in found:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(pid) == root.pid:
                found[pid] = psutil.Process(pid)
    return list(found.values())


def end_tree(root: subprocess.Popen[bytes], descendants: list[psutil.Process]) -> None:
    """Kill `root` and `descendants` and reap them; Python's resource trackers and our own guards go last.

    A tracker unlinks the shared memory and semaphores of processes that could not do it themselves, when the last of
    them is gone; killed at once, it would leave them in /dev/shm until the next boot. So would a guard its server's files.
    """
    trackers = [process for process in descendants if _tidies_up(process)]
    workers = [process for process in descendants if process not in trackers]
    if root.poll() is None:
        root.kill()
    for worker in workers:
        _kill(worker)
    with contextlib.suppress(subprocess.TimeoutExpired):
        root.wait(REAP_WAIT_S)
    _wait_until_gone(workers, REAP_WAIT_S)
    late = _wait_until_gone(trackers, TRACKER_WAIT_S)
    for tracker in late:
        _kill(tracker)
    _wait_until_gone(late, REAP_WAIT_S)


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()  # psutil checks the start time: never another process with the same number


def _wait_until_gone(processes: list[psutil.Process], limit_s: float) -> list[psutil.Process]:
    """Wait until all have ended and return those that have not.

    Not `psutil.wait_procs`: an orphan belongs to process 1, which in many containers never collects its dead,
    and a dead process that nobody collects would be waited for in vain.
    """
    deadline_s = time.monotonic() + limit_s
    while left := [process for process in processes if _runs(process)]:
        if time.monotonic() >= deadline_s:
            break
        time.sleep(POLL_S)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _tidies_up(process: psutil.Process) -> bool:
    try:
        return any("resource_tracker" in word or "engines.server_guard" in word for word in process.cmdline())
    except psutil.Error:
        return False
