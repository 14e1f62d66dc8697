"""Engines that fail in the middle of a window: real Zeus on a simulated board around an engine that misbehaves on demand."""

from __future__ import annotations

import re

import psutil
import pytest

from tests.plugin.faults import WARM_UPS, Session, run_session
from tests.simulated_board.board import board_environ

pytestmark = pytest.mark.quiet

ENGINE = f"""
import os, signal, subprocess, time
from energy_fixtures.engines import child
from tests.energy_fixtures.engines.fake_child import FakeEngine

FAULT_IN = {WARM_UPS} + 1  # the second window

class Engine(FakeEngine):
    '''Works 60 ms and misbehaves in the middle of its second window.'''

    runs = -1

    def run(self):
        self.runs += 1
        time.sleep(0.03)
        if self.runs == FAULT_IN:
            self.misbehave(str(self._work.scenario.engine_options.get("run", "")))
        time.sleep(0.03)

    def misbehave(self, how):
        if how == "stop pytest":
            script = f"kill -STOP {{os.getppid()}}; sleep 1; kill -CONT {{os.getppid()}}"
            subprocess.Popen(["sh", "-c", script])
        elif how == "interrupt pytest":
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(600)
        else:
            super().run()

if __name__ == "__main__":
    child.main(engine_factory=Engine)
"""
CONFTEST = """
import sys
from pathlib import Path
from energy_fixtures import scenarios
from energy_fixtures.engines.host import EngineHost

scenarios.installed = lambda engine: None  # ours needs no framework
load = EngineHost.load

def load_ours(spec, **settings):
    host = load(spec, command=(sys.executable, "engine.py"), **settings)
    with open("pids", "a") as file:
        print(host.pid, file=file)
    return host

EngineHost.load = load_ours
"""
CASES = """
import pytest
from energy_fixtures import Scenario

def scenario(fault):
    options = {"run": fault} if fault else {}
    return Scenario(engine="transformers", batch_size=1, input_tokens=1, output_tokens=1, engine_options=options)

@pytest.mark.parametrize("fault", [
    pytest.param("", id="before"),
    pytest.param("sigkill", id="killed"),
    pytest.param("cuda memory", id="board memory"),
    pytest.param("cuda memory", id="memory again"),
    pytest.param("memory", id="host memory"),
    pytest.param("stop pytest", id="paused"),
    pytest.param("hang", id="hangs"),
    pytest.param("", id="after"),
    pytest.param("interrupt pytest", id="interrupted"),
    pytest.param("", id="never"),
])
def test_case(energy, fault):
    energy.measure(scenario(fault))
"""
LOADS = 8  # all but "never", and "memory again" is served by the engine that had none left
TIMEOUT_S = 5


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, list[int]]:
    """One session with a fault per case; and the process ids of the engines that it loaded."""
    folder = tmp_path_factory.mktemp("engines")
    for name, text in (("engine.py", ENGINE), ("conftest.py", CONFTEST), ("test_cases.py", CASES)):
        (folder / name).write_text(text)
    options = ("--energy-domains=gpu", "--energy-device=cpu", f"--energy-timeout={TIMEOUT_S}")
    done = run_session(folder, board_environ(watts=400, tick_ms=20), *options)
    return done, [int(pid) for pid in (folder / "pids").read_text().split()]


def test_only_whole_cases_are_stored(session: tuple[Session, list[int]]):
    """Cases before and after a fault keep all their trials; one whose engine failed is not stored, neither whole nor in part."""
    done, _ = session

    assert done.cases == ["before", "memory again", "paused", "after"]
    for case in ("before", "memory again", "after"):
        assert done.reasons(case) == [[]] * 3
    for case in done.cases:
        assert done.watts(case) == pytest.approx([400] * 3, rel=0.12)


NO_MEMORY = "The engine ran out of memory; use a smaller batch size or model, or fewer tokens."


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("killed", "The engine's process was ended by SIGKILL, probably by the kernel's out-of-memory killer"),
        ("board memory", f"{NO_MEMORY} RuntimeError: CUDA error: out of memory"),
        ("host memory", NO_MEMORY),
        ("hangs", f"The engine was still generating after {TIMEOUT_S} s and was ended; raise --energy-timeout"),
    ],
)
def test_failed_case_says_why_once(session: tuple[Session, list[int]], case: str, sentence: str):
    """A killed, starved or hanging engine fails its case with one sentence on what happened and what to do."""
    done, _ = session

    assert len(re.findall(rf"test_case\[{case}\] _+ {re.escape(sentence)}", done.said)) == 1


def test_engine_is_loaded_again_only_where_it_ended(session: tuple[Session, list[int]]):
    """An engine that ran out of memory serves on, one that was killed or hung is replaced, and none is left behind."""
    _, pids = session

    assert len(pids) == len(set(pids)) == LOADS
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_pause_of_the_measuring_process_is_no_work(session: tuple[Session, list[int]]):
    """A window that was closed a second late, because pytest stood still, does not count, and another replaces it."""
    done, _ = session
    late = done.trials("paused")[1]

    assert done.reasons("paused") == [[], ["benchmark_duration_mismatch"], [], []]
    assert late["reading"]["duration_s"] > 1
    assert done.notes("paused", "benchmark_duration_mismatch") == 1


def test_interrupt_keeps_what_was_measured(session: tuple[Session, list[int]]):
    """Ctrl-C inside a window ends the session with exit code 2; the cases before it are saved and shown."""
    done, _ = session

    assert done.code == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in done.said
    assert "energy results saved in out.json" in done.said
    assert "interrupted" not in done.cases and "never" not in done.cases
