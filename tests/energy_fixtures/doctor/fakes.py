"""A clock that only sleeping and reading move, and a counter that is a function of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from energy_fixtures.doctor.ticks import TickingCounter
from energy_fixtures.meters.base import Cadence
from energy_fixtures.meters.ticking import CounterSource


class FakeClock:
    def __init__(self, at_s: float = 1000.0, *, late_s: float = 0.0) -> None:
        self.at_s = at_s
        self.late_s = late_s  # every sleep takes so much longer

    def __call__(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += max(0.0, seconds) + self.late_s


class FakeCounter:
    """Steps every `period_s` to the energy of that moment; loses `haste_j` with each reading within one period of the last."""

    def __init__(
        self,
        clock: FakeClock,
        energy_j: Callable[[float], float],
        *,
        period_s: float = 0.1,
        phase_s: float = 0.0,
        haste_j: float = 0.0,
        read_s: float = 0.0002,
        range_j: float | None = None,
    ) -> None:
        self.clock, self.energy_j = clock, energy_j
        self.period_s, self.phase_s = period_s, phase_s
        self.haste_j, self.read_s, self.range_j = haste_j, read_s, range_j
        self.lost_j, self.read_at_s = 0.0, -math.inf
        self.stuck_at_s = math.inf

    def read_j(self) -> float:
        self.clock.at_s += self.read_s
        now_s = self.clock.at_s
        if now_s - self.read_at_s < self.period_s:
            self.lost_j += self.haste_j
        self.read_at_s = now_s
        steps = math.floor((min(now_s, self.stuck_at_s) - self.phase_s) / self.period_s)
        joules = self.energy_j(self.phase_s + steps * self.period_s) - self.lost_j
        return joules if self.range_j is None else joules % self.range_j

    def ticking(self, *, period_error_s: float = 1e-5, known_period_s: float | None = None) -> TickingCounter:
        cadence = Cadence(
            period_s=known_period_s or self.period_s, period_error_s=period_error_s, step_j=0.001, read_s=self.read_s
        )
        source = CounterSource(domain="gpu:0", read_j=self.read_j, range_j=self.range_j)
        return TickingCounter(source, cadence, clock=self.clock, sleep=self.clock.sleep)
