"""Windows of our meter and, beside it, of bare ZeusMonitor on one simulated board whose true energy is known.

Run with the board's variables: `python accuracy.py TRACE SECONDS COUNT` prints relative errors and claims as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time

from energy_fixtures.meters.zeus_meter import zeus_meter
from tests.simulated_board.trace import true_energy_j


def raw_errors(trace: str, seconds: float, count: int, errors: list[float]) -> None:
    """Windows of ZeusMonitor at random moments, as anybody would write them."""
    from zeus.monitor import ZeusMonitor

    monitor, rng = ZeusMonitor(gpu_indices=[0], cpu_indices=[]), random.Random(1)
    for _ in range(count):
        time.sleep(rng.uniform(0, 0.3))
        monitor.begin_window("raw", sync_execution=False)
        begun_s = time.monotonic()
        time.sleep(seconds * rng.uniform(0.95, 1.05))
        ended_s = time.monotonic()
        truth_j = true_energy_j(trace, begun_s, ended_s)
        errors.append(monitor.end_window("raw", sync_execution=False).total_energy / truth_j - 1)


def main() -> None:
    """Both at once: the board is a function of the time alone, and the one does not wait for the other."""
    trace, seconds, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    raw: list[float] = []
    ours, claims, rng = [], [], random.Random(2)
    meter = zeus_meter()
    thread = threading.Thread(target=raw_errors, args=(trace, seconds, count, raw))
    thread.start()
    for _ in range(count):
        time.sleep(rng.uniform(0, 0.1))
        token = meter.begin("", ())
        begun_s = time.monotonic()
        time.sleep(seconds * rng.uniform(0.95, 1.05))
        ended_s = time.monotonic()
        reading = meter.end(token)
        truth_j = true_energy_j(trace, begun_s, ended_s)
        ours.append(reading.energy_j["gpu:0"] / truth_j - 1)
        claims.append(reading.uncertainty_j["gpu:0"] / truth_j)
    thread.join()
    meter.close()
    print(json.dumps({"ours": ours, "claims": claims, "raw": raw}))


if __name__ == "__main__":
    main()
