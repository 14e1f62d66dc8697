"""Reads a ticking counter half-way between its ticks, so that each reading stands for a known moment: its last tick.

    counter  ─────┐___________┌─────────── ...
    tick          │           │           │
    read                ×           ×           ×      as far from a tick as can be: a late reading changes nothing

A counter that steps within a few milliseconds is simply read, and stands for the middle of the reading.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import Cadence
from energy_fixtures.meters.ticking import SHORTEST_PERIOD_S, CounterSource, CounterUnreadable

LOOKS_PER_PERIOD = 10
"""How often a tick is looked for. More would know it better, but it is only aimed half-way beside it."""

STUCK_AFTER_PERIODS = 10


class Moment(NamedTuple):
    """What a counter showed, and since when (`time.monotonic()`)."""

    at_s: float
    joules: float


class TickingCounter:
    """One counter, read at moments that it is known to have been right at.

    Args:
        source: Where it is read.
        cadence: How it advances. Its period is refined here, the longer the counter is followed.
        clock, sleep: Monotonic seconds, and waiting on the same clock.
    """

    def __init__(
        self,
        source: CounterSource,
        cadence: Cadence,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.domain = source.domain
        self.cadence = cadence
        self.clock = clock
        self.sleep = sleep
        self._source = source
        period_s = cadence.period_s or 0.0
        self.period_s = period_s if period_s >= SHORTEST_PERIOD_S else 0.0
        self.period_error_s = cadence.period_error_s
        self._first_s: float | None = None
        self._tick_s: float | None = None

    def read_j(self) -> float:
        """Read it as it stands.

        Raises:
            MeasurementInvalid: It cannot be read.
        """
        try:
            return self._source.read_j()
        except CounterUnreadable as error:
            raise MeasurementInvalid(f"the counter of {self.domain} cannot be read any more: {error}") from error

    def find_tick(self) -> None:
        """Look for a tick now, a few times per period for about one period.

        Raises:
            MeasurementInvalid: The counter does not move, or cannot be read.
        """
        if not self.period_s:
            return
        give_up_s = self.clock() + STUCK_AFTER_PERIODS * self.period_s
        before_s, before_j = self.clock(), self.read_j()
        while self.clock() < give_up_s:
            self.sleep(self.period_s / LOOKS_PER_PERIOD)
            now_s, now_j = self.clock(), self.read_j()
            if now_j > before_j:  # some boards' counters fall a little each time they are read so soon again
                self._found((before_s + now_s) / 2, (now_s - before_s) / math.sqrt(12))
                return
            before_s, before_j = now_s, now_j
        raise MeasurementInvalid(
            f"the counter of {self.domain} stood still for {STUCK_AFTER_PERIODS} of its updates; "
            "check it with another tool, reload the driver or reboot"
        )

    def _found(self, tick_s: float, error_s: float) -> None:
        """Remember a tick, and with one from long ago know the period better."""
        if self._first_s is None or self._is_vague(tick_s):
            self._first_s = tick_s
        count = round((tick_s - self._first_s) / self.period_s)
        if count and math.sqrt(2) * error_s / count < self.period_error_s:
            self.period_s, self.period_error_s = (tick_s - self._first_s) / count, math.sqrt(2) * error_s / count
        self._tick_s = tick_s

    def refined(self) -> Cadence:
        """The cadence with what is known of its period by now."""
        if not self.period_s:
            return self.cadence
        return replace(self.cadence, period_s=self.period_s, period_error_s=self.period_error_s)

    def next_s(self, not_before_s: float) -> float:
        """The first moment from `not_before_s` on at which `read_at` would read.

        Raises:
            MeasurementInvalid: The counter does not move.
        """
        if not self.period_s:
            return not_before_s
        if self._tick_s is None or self._is_vague(not_before_s):
            self.find_tick()
        assert self._tick_s is not None, "found above"
        ticks = math.ceil((not_before_s - self._tick_s) / self.period_s - 0.5)
        return self._tick_s + (ticks + 0.5) * self.period_s

    def read_at(self, not_before_s: float) -> Moment:
        """Wait until the next good moment and read.

        Raises:
            MeasurementInvalid: The counter does not move, or cannot be read.
        """
        self.sleep(max(0.0, self.next_s(not_before_s) - self.clock()))
        before_s = self.clock()
        joules = self.read_j()
        if not self.period_s:
            return Moment((before_s + self.clock()) / 2, joules)
        assert self._tick_s is not None, "next_s found it"
        passed = math.floor((before_s - self._tick_s) / self.period_s)
        return Moment(self._tick_s + passed * self.period_s, joules)

    def power_w(self, begin: Moment, end: Moment) -> float:
        """Mean power between two moments.

        Raises:
            MeasurementInvalid: The counter went backwards.
        """
        joules = end.joules - begin.joules
        if joules < 0 and self._source.range_j is not None:
            joules += self._source.range_j
        if joules < 0:
            raise MeasurementInvalid(
                f"the counter of {self.domain} went back by {-joules:.6g} J; it was reset, so examine again"
            )
        return joules / (end.at_s - begin.at_s)

    def _is_vague(self, at_s: float) -> bool:
        """Whether the period's own error, added up since the tick was seen, could reach the edge of a tick."""
        assert self._tick_s is not None, "asked when one is known"
        ticks = (at_s - self._tick_s) / self.period_s
        return ticks * self.period_error_s > self.period_s / 4
