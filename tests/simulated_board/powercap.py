"""A folder like /sys/class/powercap/intel-rapl, whose counters advance by given watts on CLOCK_MONOTONIC."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.simulated_board.trace import true_energy_j

RANGE_UJ = 262_143_328_850  # what Intel's server packages show as max_energy_range_uj


def zone(path: Path, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    """Make one RAPL zone of a powercap tree and return its folder."""
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return path


def show_to_zeus(tree: Path) -> None:
    """In the process that measures, before Zeus looks for CPUs: let it and our probe read this tree."""
    import zeus.device.cpu.rapl as zeus_rapl

    from energy_fixtures.meters import probe

    zeus_rapl.RAPL_DIR, probe.RAPL_DIR = str(tree), tree


class Powercap:
    """A tree of packages and their memory, named as the zeus meter names domains: cpu:0, dram:0, cpu:1, ...

    As a context manager it advances the counters from a thread. Without, they stand until `advance` is called. Either
    way a counter is a function of the time alone, `counter_uj` says which, and it starts again from zero at its range.

    Args:
        folder: Is made, with the zones in it.
        watts: Power trace of each domain, in any form of `true_energy_j`; "psys" is the zone of the whole platform.
        origin_s: The traces and `start_j` begin here, on CLOCK_MONOTONIC; now where it is None.
        start_j: What each counter shows at `origin_s`.
        range_uj: At how many µJ the counters wrap around.
    """

    def __init__(
        self,
        folder: Path,
        watts: Mapping[str, object],
        *,
        origin_s: float | None = None,
        start_j: float = 0.0,
        range_uj: int = RANGE_UJ,
    ) -> None:
        self.folder = folder
        self.watts = dict(watts)
        self.origin_s = time.monotonic() if origin_s is None else origin_s
        self.start_j = start_j
        self.range_uj = range_uj
        packages = sorted(domain for domain in watts if domain.startswith("cpu:"))
        self.zones = {domain: folder / f"intel-rapl:{domain[4:]}" for domain in packages}
        for domain in (domain for domain in watts if domain.startswith("dram:")):
            index = domain[5:]
            self.zones[domain] = folder / f"intel-rapl:{index}" / f"intel-rapl:{index}:0"
        if "psys" in watts:
            self.zones["psys"] = folder / f"intel-rapl:{len(packages)}"
        for domain, path in self.zones.items():
            kind, _, index = domain.partition(":")
            name = {"cpu": f"package-{index}", "dram": "dram", "psys": "psys"}[kind]
            zone(path, name, self.counter_uj(domain, self.origin_s), range_uj)
        self.lag_s = 0.0  # the longest that the counters have been behind the clock since the thread began
        self._tick_s = 0.01
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def energy_j(self, domain: str, begin_s: float, end_s: float) -> float:
        """The joules that the domain truly drew between two moments of `time.monotonic()`."""
        return true_energy_j(self.watts[domain], begin_s, end_s, origin_s=self.origin_s)

    def counter_uj(self, domain: str, at_s: float) -> int:
        """What the counter shows at that moment."""
        return int(1e6 * (self.start_j + self.energy_j(domain, self.origin_s, at_s))) % self.range_uj

    def advance(self, at_s: float | None = None) -> None:
        """Write what the counters show at that moment of CLOCK_MONOTONIC, or now."""
        moment_s = time.monotonic() if at_s is None else at_s
        for domain, path in self.zones.items():
            fresh = path / ".energy_uj"  # renamed, because a reader must not meet an empty file
            fresh.write_text(f"{self.counter_uj(domain, moment_s)}\n")
            os.replace(fresh, path / "energy_uj")

    def _run(self) -> None:
        written_s = time.monotonic()
        while not self._stop.wait(self._tick_s):
            self.advance()
            self.lag_s, written_s = max(self.lag_s, time.monotonic() - written_s), time.monotonic()

    def __enter__(self) -> Powercap:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
