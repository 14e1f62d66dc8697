"""A process that has imported what pytest needs, and forks for each group: a group starts at once, and in a clean process.

It reads one JSON line per group from its standard input, forks, and answers with the child's exit status. It has one thread,
so that forking is safe. When its input ends (its owner died, however) the child is ended and it ends too.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import importlib.metadata
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PATIENCE_S = 10.0
"""How long a pytest that was interrupted may take to end its engine."""

BUSY_S, LOOK_S = 30.0, 0.1
"""How long a board that somebody else holds is waited for: a driver's last order may be about to end."""

IN_USE = 75
"""Exit status where it was in vain (EX_TEMPFAIL of sysexits.h)."""

PRELOADED = ("pytest_benchmark.plugin", "energy_fixtures.plugin", "reports.plugin", "reports.sweep.on_node", "psutil")


class Request(msgspec.Struct):
    """One group: pytest's arguments, its whole environment, where it runs, what it prints to, and files to lock meanwhile
    (and whether alone).
    """

    arguments: list[str]
    environ: dict[str, str]
    folder: str
    log: str
    locks: list[tuple[str, bool]]


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Serve until the input ends."""
    _import_what_pytest_needs()
    answers.write(b"ready\n")
    answers.flush()
    while line := requests.readline():
        request = msgspec.json.decode(line, type=Request)
        alive, held = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _run(request, held)
        os.close(held)
        status = _wait(pid, alive, requests)
        os.close(alive)
        answers.write(f"{status}\n".encode())
        answers.flush()


def _import_what_pytest_needs() -> None:
    """For the children: pytest, ours, and every plugin that pytest would find installed."""
    import pytest  # noqa: F401

    for name in PRELOADED:
        importlib.import_module(name)
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        with contextlib.suppress(Exception):  # whatever is wrong with somebody's plugin, pytest itself tells
            plugin.load()


def _wait(pid: int, alive: int, requests: BinaryIO) -> int:
    """The child's exit status, negative for a signal; the child is ended when nobody is there to hear it."""
    ready, _, _ = select.select([alive, requests.fileno()], [], [])
    if alive not in ready:
        _end(pid, alive)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # what it left behind
    return os.waitstatus_to_exitcode(status)


def _end(pid: int, alive: int) -> None:
    """Ask pytest to end its engine and itself, then make it."""
    for number, patience_s in ((signal.SIGINT, PATIENCE_S), (signal.SIGKILL, PATIENCE_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        if select.select([alive], [], [], patience_s)[0]:
            return


def _run(request: Request, held: int) -> None:
    """In the child: become a session of its own, and run pytest."""
    status = 3
    try:
        os.setsid()
        if sys.platform == "linux":
            parent = os.getppid()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(status)
        os.set_inheritable(held, False)  # engines do not hold it: this process alone counts
        log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, descriptor)
        if not _locked(request.locks):
            status = IN_USE
            return
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environ)
        if request.folder not in sys.path:
            sys.path.insert(0, request.folder)  # as `python -m pytest` does
        import pytest

        status = int(pytest.main(request.arguments))
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _locked(files: Sequence[tuple[str, bool]]) -> bool:
    """Hold these until this process ends; False where somebody else keeps one of them."""
    for path, alone in files:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        deadline_s = time.monotonic() + BUSY_S
        while True:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    return False
                time.sleep(LOOK_S)
    return True


if __name__ == "__main__":
    main(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
