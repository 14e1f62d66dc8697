"""The soak of `tools/soak.py`, short: three kills of a real session, and what it counts as broken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.soak_cycles import ORDER, Seen
from tools.soak_kills import MARK, Tally, kills, marked, shared_memory, wait_until


@pytest.mark.engines
def test_three_kills_lose_nothing_and_leave_nothing(tmp_path: Path):
    """Parent or engine killed at three seeded moments, each followed by a resume: no fault of any kind."""
    said: list[str] = []
    tally = kills(
        seed=2, count=3, folder=tmp_path, engines={"transformers": 1}, say=said.append, lasts_s={"transformers": 6.0}
    )

    assert tally.faults == []
    assert sum(tally.moments.values()) == 3
    assert tally.acknowledged >= 5
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_left_is_found():
    """Whatever becomes of its parents, a process of a session is known by the mark in its environment."""
    sleeper = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL)"
    command = [sys.executable, "-c", f"import subprocess, sys; print({sleeper}.pid)"]
    environ = {**os.environ, MARK: "test-of-the-soak"}
    out = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
    (found,) = marked("test-of-the-soak")

    assert found.pid == int(out)
    found.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not marked("test-of-the-soak"), 10.0)


def test_shared_memory_that_is_left_is_found():
    """A file in /dev/shm counts until it is gone."""
    before = shared_memory()
    left = Path("/dev/shm", f"joules-soak-{os.getpid()}")
    left.write_bytes(b"x")
    try:
        assert f"{left}" in shared_memory() - before
    finally:
        left.unlink()
    assert f"{left}" not in shared_memory()


@pytest.mark.parametrize(
    ("private_bytes", "descriptors", "faults"),
    [
        ([100, 100, 101, 100, 100], [6, 6, 6, 6, 6], []),
        ([100, 101, 102, 103, 104], [6, 6, 6, 6, 6], ["memory moved by 4.00 %"]),
        ([100, 100, 100, 100, 100], [6, 6, 6, 6, 7], ["descriptors: 6 -> 7"]),
    ],
)
def test_a_parent_that_grows_is_a_fault(private_bytes: list[int], descriptors: list[int], faults: list[str]):
    """Memory may move by 2 % once every kind of cycle was there, descriptors not at all."""
    seen = Seen(private_bytes=[9] * len(ORDER) + private_bytes, descriptors=descriptors)

    assert seen.summary()["faults"] == faults


def test_the_summary_counts_kills():
    """A tally says what was killed and how often."""
    tally = Tally()
    tally.moments.update(parent=2, engine=1)

    assert tally.summary()["kills"] == 3
    assert tally.summary()["faults"] == []
