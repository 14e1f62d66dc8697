"""Our window around nothing, and Zeus' own, in turn in one process.

The test ends as a failure: a window of nothing is invalid. Its timing is all that is asked here.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path

from zeus.monitor import ZeusMonitor

from energy_fixtures.fixture import EnergyFixture

PAIRS = 300


def test_window(energy: EnergyFixture) -> None:
    """Time both, alternating, and write the medians in seconds."""
    monitor = ZeusMonitor()
    bare_s, ours_s = [], []
    for _ in range(PAIRS):
        began = time.perf_counter()
        monitor.begin_window("bare", sync_execution=False)
        monitor.end_window("bare", sync_execution=False)
        bare_s.append(time.perf_counter() - began)
        began = time.perf_counter()
        with energy.window("ours"):
            pass
        ours_s.append(time.perf_counter() - began)
    medians = {"bare_s": statistics.median(bare_s), "ours_s": statistics.median(ours_s), "pairs": PAIRS}
    Path(os.environ["PERF_FILE"]).write_text(json.dumps(medians))
