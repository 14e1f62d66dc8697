"""How far off a window's joules are on a board whose true energy is known, beside bare ZeusMonitor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from statistics import median, quantiles

from energy_fixtures.readings import COVERAGE
from perf.figure import Figure, run
from perf.window import board

# trace, seconds, windows, goals of median and 95th percentile in percent (None: not asked for)
WINDOWS = (
    ("400", 1.0, 60, 0.2, 0.5),
    ("100/600@0.7", 1.0, 100, None, 2.5),
    ("100/600@0.7", 5.0, 30, None, 0.5),
)
TICK_MS, PHASE_MS = 100, 37


def figures() -> Iterator[Figure]:
    """Median, 95th percentile and coverage of each, on a counter that steps every 100 ms."""
    environ = board()
    if environ is None:
        print("skip  accuracy: the simulated board needs a C compiler (cc)")
        return
    for trace, seconds, count, goal_median, goal_p95 in WINDOWS:
        settings = {"WATTS": trace, "TICK_MS": TICK_MS, "PHASE_MS": PHASE_MS}
        variables = {f"SIMULATED_BOARD_{name}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "perf.cases.accuracy", trace, str(seconds), str(count)]
        seen = json.loads(run(command, environ=environ | variables).splitlines()[-1])
        ours, raw = ([100 * abs(error) for error in seen[side]] for side in ("ours", "raw"))
        what = f"{trace} W, {seconds:g} s windows"
        beside = f"{count} windows; bare ZeusMonitor {median(raw):.2g} % median, {_p95(raw):.3g} % 95th percentile"
        if goal_median is not None:
            yield Figure(name=f"error, median, {what}", value=median(ours), unit="%", goal=goal_median, detail=beside)
        yield Figure(name=f"error, 95th percentile, {what}", value=_p95(ours), unit="%", goal=goal_p95, detail=beside)
        claims = [100 * COVERAGE * claim for claim in seen["claims"]]
        covered = 100 * sum(error <= claim for error, claim in zip(ours, claims, strict=True)) / count
        claimed = f"median claim ±{median(claims):.2g} %"
        yield Figure(
            name=f"95 % interval holds, {what}", value=covered, unit="%", goal=95, at_least=True, detail=claimed
        )


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]
