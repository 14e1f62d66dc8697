"""pytest inside pytest, with this project's plugins and a meter that needs no machine."""

from __future__ import annotations

from pathlib import Path

import numpy  # noqa: F401 - pytest inside pytest forgets what it imports, and NumPy must not be imported twice
import pytest
import vl_convert  # noqa: F401 - nor may this

ROOT = Path(__file__).parents[2]
PLUGINS = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")

SLEEPER = """
import time

def test_sleep(energy):
    energy.pedantic(time.sleep, args=(0.02,), rounds=3)
"""


@pytest.fixture
def sleeper(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with one test that metres a short sleep."""
    pytester.makepyfile(test_sleeper=SLEEPER)
    return pytester


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest in this folder with a simulated meter of 300 W, unless the arguments name another one."""

    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for the runs in a process of their own

    def run_with(*args: str, meter: str | None = "simulated:300", own_process: bool = False) -> pytest.RunResult:
        chosen = () if meter is None else (f"--energy-meter={meter}",)
        start = pytester.runpytest_subprocess if own_process else pytester.runpytest_inprocess
        return start(*PLUGINS, *chosen, *args)

    return run_with
