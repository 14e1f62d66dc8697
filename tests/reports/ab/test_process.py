"""A command in a group of its own, and its end."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from reports.ab.process import run_to_end, tail


def gone(pid: int) -> bool:
    """Whether a process is gone, or only waits for its parent to look."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_status_and_output(tmp_path):
    """The status is the command's, and both streams are in the file in their order."""
    log = tmp_path / "log"
    script = "echo one; echo two >&2; pwd; exit 7"
    assert run_to_end(["/bin/sh", "-c", script], folder=tmp_path, environ=os.environ, log=log) == 7
    assert tail(log) == f"one\ntwo\n{tmp_path}"


def test_only_the_last_lines_are_told(tmp_path):
    """Of a long output its end is what matters."""
    log = tmp_path / "log"
    log.write_text("\n".join(str(number) for number in range(1000)))
    assert tail(log).splitlines()[-1] == "999"
    assert len(tail(log).splitlines()) == 25


def test_nothing_is_left_of_a_group(tmp_path):
    """What a command leaves running is ended with it."""
    script = "sleep 100 & echo $! > child; exit 0"
    run_to_end(["/bin/sh", "-c", script], folder=tmp_path, environ=os.environ, log=tmp_path / "log")
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if gone(child):
            return
        time.sleep(0.02)
    pytest.fail("the child of the command still runs")


@pytest.fixture
def heeds_ctrl_c():
    """As on a terminal, also where whoever started pytest ignores SIGINT, as a shell does for what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_an_interruption_is_handed_on(tmp_path):
    """Ctrl-C in us reaches the command, which ends as it likes, and is raised again."""
    script = "trap 'echo cleared > cleared; exit 0' INT; touch begun; while :; do sleep 0.02; done"

    def interrupt() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_to_end(["/bin/sh", "-c", script], folder=tmp_path, environ=os.environ, log=tmp_path / "log")
    assert (tmp_path / "cleared").read_text() == "cleared\n"
