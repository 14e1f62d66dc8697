"""What a person sees while it runs: a live line on a terminal, none in a log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def on_terminal(command, folder):
    """Run a command on a terminal of its own and return everything it wrote."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs, env=environ)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode()


def test_terminal_shows_a_live_line(sleeper, run):
    """On a terminal the current round is shown although pytest captures the test's output, and taken away again."""
    plugins = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins, "--energy-meter=simulated"]
    written = on_terminal(command, sleeper.path)

    assert "test_sleep: round 1 of 3" in written
    assert "\x1b[2K" in written  # the line is erased before the report


def test_log_has_no_live_line(sleeper, run):
    """Without a terminal the log holds lines that stay true, no rounds and no escape sequences."""
    written = run(own_process=True).stdout.str()

    assert "round 1 of" not in written
    assert "\x1b[" not in written
