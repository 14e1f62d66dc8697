"""What looking on costs: `joules live` beside a run that tells as much as one can, and the telling itself."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from unittest import mock

import psutil

from energy_fixtures.live import LiveFeed, runtime_folder
from perf.figure import ROOT, Figure

GOAL_LOOK_PERCENT = 1.0
GOAL_TELL_MS = 0.1
CASES = 1000
"""Finished before the looking begins."""
LOOK_S = 20.0
TELLINGS = 2000
COMMAND = "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"


def figures() -> Iterator[Figure]:
    """CPU of the page's server and of one telling."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}):
        feed = LiveFeed(lambda since_s: None)
        feed.begin(meter="simulated", method="simulated", domains=("gpu:0",), cases=CASES)
        for number in range(CASES):
            feed.concluded(f"test_x.py::test_x[{number}]", str(number), "skipped", "of the benchmark")
        yield _looking(feed)
        yield _telling(feed)
        feed.end(())


def _looking(feed: LiveFeed) -> Figure:
    """CPU seconds of `joules live --serve` with one open page while a window ends every second."""
    command = [sys.executable, "-c", COMMAND, "live", "--serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", server.stderr.readline())
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1]))) as page:
            page.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            threading.Thread(target=_drain, args=(page,), daemon=True).start()
            time.sleep(2.0)  # the first picture is drawn once
            began_s, before_s = time.monotonic(), _cpu_s(server.pid)
            while time.monotonic() - began_s < LOOK_S:
                feed.step(f"round {time.monotonic():.0f}", seconds_left=None)
                feed.window(300.0, 1.0)
                time.sleep(1.0)
            cpu_s, wall_s = _cpu_s(server.pid) - before_s, time.monotonic() - began_s
            server.terminate()
    return Figure(
        name=f"joules live --serve, {CASES} tests done, one page open",
        value=100 * cpu_s / wall_s,
        unit="% of one core",
        goal=GOAL_LOOK_PERCENT,
        detail=f"{cpu_s:.2f} CPU s in {wall_s:.0f} s, two events a second",
    )


def _telling(feed: LiveFeed) -> Figure:
    began_s = time.process_time()
    for _ in range(TELLINGS):
        feed.step("round 1 of 5", seconds_left=1.0)
    took_s = time.process_time() - began_s
    (file,) = runtime_folder().iterdir()
    assert file.read_bytes().count(b"\n") > TELLINGS  # it did tell
    return Figure(
        name="one event of the running session",
        value=1e3 * took_s / TELLINGS,
        unit="ms",
        goal=GOAL_TELL_MS,
        detail=f"CPU time, mean of {TELLINGS}; at most one a second goes on inside a window",
    )


def _drain(page: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while page.recv(1 << 16):
            pass


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
