"""CPU time of the measuring side, all processes but the engine's, while the engine works."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import psutil

from energy_fixtures import Scenario
from energy_fixtures.fixture import EnergyFixture

SCENARIO = Scenario(engine="transformers", execution="eager", batch_size=8, input_tokens=64, output_tokens=64)


def cpu_s(skip: str = "energy_fixtures.engines.child") -> float:
    """CPU seconds so far of this process and its children, without the engine's process."""
    total, waiting = 0.0, [psutil.Process()]
    while waiting:
        process = waiting.pop()
        try:
            if skip in process.cmdline():
                continue
            times = process.cpu_times()
            waiting += process.children()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def test_a_load(energy: EnergyFixture) -> None:
    """Load the engine, so that the next test finds it loaded."""
    energy.measure(SCENARIO)


def test_b_windows(energy: EnergyFixture) -> None:
    """Measure again and write CPU and wall seconds of that."""
    began_cpu_s, began_s = cpu_s(), time.monotonic()
    energy.measure(SCENARIO)
    used = {"cpu_s": cpu_s() - began_cpu_s, "wall_s": time.monotonic() - began_s}
    Path(os.environ["PERF_FILE"]).write_text(json.dumps(used))
