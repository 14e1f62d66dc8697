"""How long a newcomer waits for the list of cases, and what that pulls into the process."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from perf.figure import Figure, pytest_command, run

REPEATS = 5
GOAL_S = 1.5
HEAVY = ("torch", "transformers", "vllm", "zeus")
SPY = """
import json, os, pathlib, sys
def pytest_collection_finish(session):
    seen = [name for name in {heavy!r} if name in sys.modules]
    pathlib.Path(os.environ["SPY_FILE"]).write_text(json.dumps([len(session.items), seen]))
"""


def figures() -> Iterator[Figure]:
    """Time `pytest --collect-only benchmarks` and look at its modules."""
    command = pytest_command("--collect-only", "-q", "benchmarks")
    run(command)  # the first one reads the files from disk
    times_s = []
    for _ in range(REPEATS):
        began = time.monotonic()
        run(command)
        times_s.append(time.monotonic() - began)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "spy.py").write_text(SPY.format(heavy=HEAVY))
        seen_file = Path(folder) / "seen.json"
        path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
        run([*command, "-p", "spy"], environ={"PYTHONPATH": path, "SPY_FILE": str(seen_file)})
        count, seen = json.loads(seen_file.read_text())
    yield Figure(
        name="pytest --collect-only benchmarks",
        value=statistics.median(times_s),
        unit="s",
        goal=GOAL_S,
        detail=f"median of {REPEATS}, {min(times_s):.2f} to {max(times_s):.2f} s, {count} cases",
    )
    yield Figure(
        name="frameworks imported by collecting",
        value=len(seen),
        unit="modules",
        goal=0,
        detail=f"of {', '.join(HEAVY)}: {', '.join(seen) or 'none'}",
    )
