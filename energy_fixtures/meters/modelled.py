"""A meter for machines without any counter: CPU seconds times a power model. Modelled, never measured.

    joules = idle_w · cores · window_s + (load_w - idle_w) · cpu_seconds

`idle_w` and `load_w` are watts of one core doing nothing and fully busy; `cores` those that this process may run on;
`cpu_seconds` what the process trees used inside the window. So an idle machine costs its idle power once, however many
windows are open, and a busy core costs `load_w`. Frequency, memory, vector width and temperature are not in the model:
its joules follow time and CPU use, and tell designs apart only as far as these do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State
from energy_fixtures.meters.cpu_power import core_power, cpu_model_name
from energy_fixtures.meters.cpu_seconds import Use, busy_seconds
from energy_fixtures.meters.domains import choose_domains
from energy_fixtures.readings import Reading

DOMAIN = "cpu:0"  # all packages together: the model cannot tell them apart


@dataclass(frozen=True)
class _Window:
    begun_at_s: float
    use: Use


class ModelledMeter:
    """Joules of process trees from their CPU seconds; every Reading says that it was not measured."""

    def __init__(
        self,
        *,
        cpu_watts: str | None = None,
        wanted: tuple[str, ...] | None = None,
        missing: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
        machine_busy_s: Callable[[], float] = busy_seconds,
    ) -> None:
        self._machine_busy_s = machine_busy_s
        self._power = core_power(cpu_watts, cpu_model_name())
        self._cores = usable_cores()
        self._clock = clock
        self.info = MeterInfo(
            name="modelled",
            method="modelled",
            domains=choose_domains(wanted, (DOMAIN,), meter="modelled", missing=missing),
            resolution_s=0.001,
            missing=missing,
            details=(
                ("idle_w_per_core", self._power.idle_w),
                ("load_w_per_core", self._power.load_w),
                ("cores", self._cores),
                ("source", self._power.source),
            ),
        )

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Note the CPU seconds of the trees below `pids`; see `Meter.begin`."""
        use = Use.since(pids, self._machine_busy_s)
        return _Window(self._clock(), use)

    def end(self, token: object) -> Reading:
        """Apply the power model to what was used since `begin`; see `Meter.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        duration_s = self._clock() - token.begun_at_s
        cpu_s = token.use.own_s()
        shared = token.use.is_shared(cpu_s, duration_s)
        # reading the clocks of the processes is work of this process too: no window holds more than all cores can do
        cpu_s = min(cpu_s, self._cores * duration_s)
        joules = self._power.idle_w * self._cores * duration_s + (self._power.load_w - self._power.idle_w) * cpu_s
        return Reading(
            energy_j={DOMAIN: joules},
            duration_s=duration_s,
            method="modelled",
            doubts=("modelled_not_measured", *(("cpu_shared",) if shared else ())),
        )

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """None: there is no board."""
        return None

    def recorded(self, label: str) -> RecordedWindows | None:
        """None: this meter reads now."""
        return None

    def close(self) -> None:
        """Nothing is held."""


def usable_cores() -> int:
    """Logical CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
