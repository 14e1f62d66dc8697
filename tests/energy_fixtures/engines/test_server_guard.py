"""The guard: no server outlives the process that started it, however that one ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

GUARD = (sys.executable, "-m", "energy_fixtures.engines.server_guard")
SERVER = "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True); time.sleep(600)"


def gone(pid, limit_s=10.0):
    """Whether the process ends within the limit."""
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def start(script):
    """A guard with a server, and the end of the pipe that holds it alive."""
    theirs, ours = os.pipe()
    guard = subprocess.Popen(
        [*GUARD, str(theirs), sys.executable, "-c", script], pass_fds=(theirs,), stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    return guard, ours


def test_the_whole_group_ends_with_the_starter():
    """When the starter's end of the pipe closes, as it does however a process ends, server and workers are killed."""
    guard, ours = start(SERVER)
    worker = int(guard.stdout.readline())
    (server,) = psutil.Process(guard.pid).children()
    assert psutil.pid_exists(worker)

    os.close(ours)

    assert guard.wait(10) == 128 + 9
    assert gone(server.pid) and gone(worker)
    guard.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no process of its parent's end")
def test_a_server_ends_with_a_killed_guard():
    """Where the guard itself is killed, nothing would end its server any more: the kernel does."""
    guard, ours = start("import time; print('up', flush=True); time.sleep(600)")
    guard.stdout.readline()
    (server,) = psutil.Process(guard.pid).children()

    guard.kill()
    guard.wait(10)

    assert gone(server.pid)
    os.close(ours)
    guard.stdout.close()


@pytest.mark.parametrize(("script", "status"), [("import sys; sys.exit(3)", 3), ("pass", 0)])
def test_a_server_that_ends_is_told_by_its_status(script, status):
    """The guard ends with its server, and with its status."""
    guard, ours = start(script)

    assert guard.wait(20) == status
    os.close(ours)
    guard.stdout.close()
