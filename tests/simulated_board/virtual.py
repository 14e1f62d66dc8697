"""The simulated board without a driver, on a clock that only moves when somebody waits: thousands of windows in seconds.

For the pure and the waiting parts of our meters; the real pynvml and Zeus are met in `board.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from energy_fixtures.meters.base import PowerSample, State
from energy_fixtures.meters.ticking import CounterSource
from energy_fixtures.readings import BoardTrace
from tests.simulated_board.trace import true_energy_j

Joules = Callable[[float], float]
"""Energy drawn from time 0 until a moment."""


def joules_of(trace: str) -> Joules:
    """Of a power trace in any form of `true_energy_j`."""
    return lambda until_s: true_energy_j(trace, 0.0, until_s, origin_s=0.0)


@dataclass
class Clock:
    """Time that passes by sleeping and by reading sensors."""

    now_s: float = 1000.0
    jitter: Callable[[], float] = lambda: 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Sleeps a little longer than asked, as systems do."""
        self.now_s += max(0.0, seconds) + 0.00006 + self.jitter()


@dataclass
class Board:
    """One board: its counter and its instant power, as nvml.c has them."""

    clock: Clock
    drawn_j: Joules
    tick_s: float = 0.1
    phase_s: float = 0.0
    quantum_j: float = 0.001
    gain: float = 1.0
    power_tick_s: float = 0.001
    read_s: float = 0.00003
    stuck_at_s: float = math.inf
    haste_j: float = 0.0
    lost_j: float = 0.0
    reads: list[float] = field(default_factory=list)

    def counter_j(self) -> float:
        """What the counter shows now; the reading takes its time."""
        self.clock.now_s += self.read_s
        if self.reads and self.clock.now_s - self.reads[-1] < self.tick_s:
            self.lost_j += self.haste_j
        self.reads.append(self.clock.now_s)
        at_s = min(self.clock.now_s, self.stuck_at_s)
        stepped_s = math.floor((at_s - self.phase_s) / self.tick_s) * self.tick_s + self.phase_s
        counted_j = self.gain * self.drawn_j(stepped_s) - self.lost_j
        return math.floor(counted_j / self.quantum_j) * self.quantum_j

    def power_w(self, at_s: float) -> float:
        """Mean of the 25 ms before the sensor was last renewed."""
        renewed_s = math.floor(at_s / self.power_tick_s) * self.power_tick_s
        return self.gain * (self.drawn_j(renewed_s) - self.drawn_j(renewed_s - 0.025)) / 0.025

    def source(self, domain: str = "gpu:0") -> CounterSource:
        """Its counter, as a meter takes it."""
        return CounterSource(domain=domain, read_j=self.counter_j)


@dataclass
class VirtualWatch:
    """A `Watch` that has always looked every `period_s` and takes no time."""

    boards: dict[str, Board]
    clock: Clock
    period_s: float = 0.05
    trace: BoardTrace = field(default_factory=BoardTrace)

    def begin(self, pids: tuple[int, ...]) -> object:
        """See `Watch.begin`."""
        return None

    def end(self, token: object, begin_s: float, end_s: float) -> dict[str, BoardTrace]:
        """See `Watch.end`."""
        return dict.fromkeys(self.boards, self.trace)

    def samples(self, domain: str, since_s: float, until_s: float) -> list[PowerSample]:
        """See `Watch.samples`."""
        board, last_s = self.boards[domain], min(until_s, self.clock.now_s)
        first, last = math.ceil(since_s / self.period_s), math.floor(last_s / self.period_s)
        moments = [index * self.period_s for index in range(first, last + 1)]
        return [PowerSample(at_s=moment, power_w=board.power_w(moment)) for moment in moments]

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """See `Watch.state`."""
        return None

    def close(self) -> None:
        """See `Watch.close`."""
