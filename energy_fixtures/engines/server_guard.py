"""Between an engine's process and its server: `python -m energy_fixtures.engines.server_guard FD COMMAND ...`.

    engine's process ── pipe FD ──► guard ──► server, in a process group of its own ──► its workers
          │ dies, however                │
          └─ the pipe closes ───────────►└─ kills the whole group, Python's resource trackers last

A process that was killed cannot end what it started, and a server that outlived it would keep the GPU's memory for ever.
The guard sleeps until one of the two ends. Should it be killed itself, the kernel kills the server (Linux).
Temporary files of the server, which it leaves when it is killed, lie in a folder of the guard's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading

import psutil

from energy_fixtures.engines.process_tree import end_tree
from energy_fixtures.engines.scratch import leading_to, make_scratch, remove_scratch

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> int:
    """Run the command until it ends, or until nobody holds the pipe's other end; the command's exit status."""
    pipe, command = int(arguments[0]), arguments[1:]
    os.set_inheritable(pipe, False)  # the server must not hold what tells of our starter's end
    scratch = make_scratch()
    environ = {**os.environ, **leading_to(scratch)}
    try:
        server = subprocess.Popen(command, process_group=0, env=environ, preexec_fn=_die_with_guard)  # no thread yet
        ended, tell = os.pipe()
        threading.Thread(target=_tell_when_ended, args=(server, tell), daemon=True).start()
        select.select([pipe, ended], [], [])
        end_tree(server, _group(server.pid))
        status = server.wait()
    finally:
        remove_scratch(scratch)
    return status if status >= 0 else 128 - status


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _group(leader: int) -> list[psutil.Process]:
    """Every process of the server's group but the server itself, which may have ended."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if pid != leader and os.getpgid(pid) == leader:
                found.append(psutil.Process(pid))
    return found


def _tell_when_ended(server: subprocess.Popen[bytes], tell: int) -> None:
    server.wait()
    os.close(tell)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
