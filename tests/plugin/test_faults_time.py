"""Faults of time while a window is open: a wall clock that jumps, a measuring process that stands still."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from tests.simulated_board.board import board_environ

JUMP = """
import time
real, back_s = time.time, 0.0
time.time = lambda: real() - back_s
"""
JUMPS = """
import time
import sitecustomize

def test_x(energy):
    def work():
        sitecustomize.back_s += 3600
        time.sleep(0.2)
    energy.pedantic(work, rounds=2, warmup_rounds=0)
"""
STOPS = """
import os, subprocess, time

def test_x(energy):
    def work():
        script = "kill -STOP {0}; sleep 1; kill -CONT {0}".format(os.getpid())
        subprocess.run(["sh", "-c", script], check=True)
    energy.pedantic(work, rounds=1, warmup_rounds=0)
"""
METERS = ["simulated:300", "zeus"]


@pytest.fixture
def on_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board of 300 W in this process's environment, for the sessions that it starts."""
    for name, value in board_environ(watts=300, tick_ms=20).items():
        monkeypatch.setenv(name, value)


def readings(path: Path) -> list[dict]:
    (result,) = json.loads(path.read_text())["energy"]["results"]
    assert [trial.get("invalid_reasons", []) for trial in result["trials"]] == [[]] * len(result["trials"])
    return [trial["reading"] for trial in result["trials"]]


@pytest.mark.parametrize("meter", METERS)
def test_wall_clock_set_back_an_hour(
    pytester: pytest.Pytester, run, on_board: None, monkeypatch: pytest.MonkeyPatch, meter: str
):
    """Windows across which the wall clock falls by an hour keep their seconds and their joules; only the date is its."""
    pytester.makepyfile(sitecustomize=JUMP, test_work=JUMPS)  # Python loads the first before anything asks for the time
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pytester.path), os.environ["PYTHONPATH"]]))
    done = run("--energy-json=out.json", "--energy-domains=gpu", meter=meter, own_process=True)
    seen = readings(pytester.path / "out.json")
    document = json.loads((pytester.path / "out.json").read_text())

    done.assert_outcomes(passed=1)
    assert len(seen) == 2
    for reading in seen:
        assert 0.2 <= reading["duration_s"] < 60
        assert reading["energy_j"]["gpu:0"] / reading["duration_s"] == pytest.approx(300, rel=0.12)
    datetime.datetime.fromisoformat(document["energy"]["results"][0]["started_at"])


@pytest.mark.parametrize("meter", METERS)
def test_measuring_process_stands_still_for_a_second(pytester: pytest.Pytester, run, on_board: None, meter: str):
    """A pause of the whole process inside a window lengthens the window and its joules alike: power stays the board's."""
    pytester.makepyfile(test_work=STOPS)
    done = run("--energy-json=out.json", "--energy-domains=gpu", meter=meter, own_process=True)
    seen = readings(pytester.path / "out.json")

    done.assert_outcomes(passed=1)
    assert len(seen) == 1
    for reading in seen:
        assert reading["duration_s"] >= 1
        assert reading["energy_j"]["gpu:0"] / reading["duration_s"] == pytest.approx(300, rel=0.03)
