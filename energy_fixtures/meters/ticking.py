"""A counter that steps in time, and how its steps are caught without reading it more often than needed.

reads   │                    ││││          the first says the value, the others enclose the next step
steps   ┴─────────┴─────────┴─────────┴    foretold from the last one seen and the period
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from energy_fixtures.meters.base import Cadence
from energy_fixtures.meters.cadence import Look
from energy_fixtures.meters.edges import Tick
from energy_fixtures.meters.plausible import implausible, unwrapped

SHORTEST_PERIOD_S = 0.005
"""Counters that step faster (RAPL: a millisecond) are read as they stand: a step more or less is then no matter."""

PAUSE_S = 0.0004  # between reads around a foretold step
MARGIN_S = 0.001  # before a foretold step, at least: sleeping is not more exact than this
PATIENCE = 3.0  # periods without a step after which a counter is stuck
STILL_S = 0.05  # a counter that is read as it stands moves every few milliseconds
SHARP = 0.05  # of a period: a step that is not known better than this is waited for once more
ROOT12 = math.sqrt(12)  # width over this is the standard deviation of a uniform distribution


class CounterUnreadable(Exception):
    """A counter could not be read; the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class CounterSource:
    """A cumulative energy counter of one domain.

    `read_j` gives its joules or raises CounterUnreadable. At `range_j` it starts again from zero; None: never.
    """

    domain: str
    read_j: Callable[[], float]
    range_j: float | None = None


class Counter:
    """One counter with what is known of its steps.

    Args:
        source: Where it is read.
        cadence: As measured.
        clock: Monotonic seconds.
    """

    def __init__(self, source: CounterSource, cadence: Cadence, clock: Callable[[], float]) -> None:
        self.source = source
        self.cadence = cadence
        self.jitter_s = 0.0
        self.steps_seen = 0  # while the last step was waited for, at least: one may come right after the first look
        self._clock = clock
        self._last: Tick | None = None
        self._shown: Look | None = None
        self._went_round_j = 0.0
        self._lively = False  # was seen to move within STILL_S

    @property
    def period_s(self) -> float | None:
        """Of steps that are worth waiting for; None for a counter that steps too fast for that."""
        period_s = self.cadence.period_s
        return None if period_s is None or period_s < SHORTEST_PERIOD_S else period_s

    def look(self) -> Look:
        """Read it; where it started again from zero since the last look, the joules go on all the same.

        Raises:
            CounterUnreadable: It cannot be read.
        """
        before_s = self._clock()
        shown_j = self.source.read_j()
        after_s = self._clock()
        if self._shown is not None:
            moved_j, passed_s = shown_j - self._shown.energy_j, after_s - self._shown.before_s
            really_j = unwrapped(moved_j, passed_s, self.source.range_j)
            if implausible(really_j, passed_s, 0.0, None) is None:  # otherwise it was reset, which the reading says
                self._went_round_j += really_j - moved_j
        self._shown = Look(before_s=before_s, after_s=after_s, energy_j=shown_j)
        return Look(before_s=before_s, after_s=after_s, energy_j=shown_j + self._went_round_j)

    def stands_still(self, look: Look, sleep: Callable[[float], None]) -> bool:
        """Whether it has not moved for STILL_S since `look`; never said of one that was always slower than that."""
        while True:
            sleep(STILL_S / 250)  # its next step is rarely a millisecond away
            try:
                now = self.look()
            except CounterUnreadable:  # that is the next window's
                return False
            if now.energy_j != look.energy_j:
                self._lively = self._lively or now.after_s - look.before_s <= STILL_S
                return False
            if now.after_s - look.before_s > STILL_S:
                return self._lively

    def expected_s(self, now_s: float) -> tuple[float, float]:
        """When the next step after `now_s` is due and when to begin to look for it; now where that is not known."""
        assert self.period_s is not None, "asked of counters that step"
        if self._last is None:
            return now_s + self.period_s, now_s
        steps = max(1, math.ceil((now_s - self._last.at_s) / self.period_s))
        due_s = self._last.at_s + steps * self.period_s
        margin_s = max(MARGIN_S, 3 * math.hypot(self.jitter_s, self._last.error_s, steps * self.cadence.period_error_s))
        return due_s, now_s if margin_s > self.period_s / 4 else due_s - margin_s

    def last_tick(self, look: Look) -> Tick:
        """The step that the value of `look` dates from, foretold; its error grows with the time since the last catch."""
        assert self.period_s is not None, "asked of counters that step"
        if self._last is None:
            return Tick(at_s=look.before_s - self.period_s / 2, error_s=self.period_s / ROOT12, energy_j=look.energy_j)
        steps = math.floor((look.after_s - self._last.at_s) / self.period_s)
        error_s = math.hypot(self._last.error_s, self.jitter_s, steps * self.cadence.period_error_s)
        at_s = self._last.at_s + steps * self.period_s
        return Tick(at_s=at_s, error_s=min(error_s, self.period_s / ROOT12), energy_j=look.energy_j)

    def caught(self, earlier: Look, later: Look) -> Tick | None:
        """The step between two looks of different value, if they enclose it sharply enough."""
        assert self.period_s is not None, "asked of counters that step"
        width_s = later.after_s - earlier.before_s
        tick = Tick(at_s=(later.after_s + earlier.before_s) / 2, error_s=width_s / ROOT12, energy_j=later.energy_j)
        if width_s > max(SHARP * self.period_s, 5 * PAUSE_S):
            return None
        if self._last is not None:
            self._learn(self._last, tick, width_s)
        self._last = tick
        return tick

    def _learn(self, last: Tick, tick: Tick, width_s: float) -> None:
        """From two caught steps: the period, ever more exactly, and how unevenly the counter steps on top of that."""
        assert self.period_s is not None, "asked of counters that step"
        apart_s = tick.at_s - last.at_s
        steps = max(1, round(apart_s / self.period_s))
        unknown_s = 3 * steps * self.cadence.period_error_s
        late_s = abs(apart_s - steps * self.period_s)
        self.jitter_s = 0.7 * self.jitter_s + 0.3 * max(0.0, late_s - width_s - unknown_s)
        error_s = math.hypot(last.error_s, tick.error_s, self.jitter_s) / steps
        # beyond a quarter of a period one cannot be sure to have counted the steps right
        if error_s < self.cadence.period_error_s and unknown_s < self.period_s / 4:
            self.cadence = replace(self.cadence, period_s=apart_s / steps, period_error_s=error_s)


@dataclass
class _Wait:
    counter: Counter
    look: Look
    due_s: float
    from_s: float
    until_s: float
    steps: int = 0  # that were seen to have happened since the first look


def catch_ticks(
    counters: Sequence[Counter],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    since: Mapping[str, Look] | None = None,
) -> dict[str, Tick | None]:
    """Wait for the next step of each counter.

    Args:
        counters: All of them step.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        since: By domain a reading from which on steps are counted (`Counter.steps_seen`); else one is made now.

    Returns:
        By domain the step; None where the counter did not step in time: it is stuck.

    Raises:
        CounterUnreadable: One of them cannot be read.
    """
    found: dict[str, Tick | None] = {}
    since = {} if since is None else since
    waits = [_wait(counter, since.get(counter.source.domain) or counter.look()) for counter in counters]
    while waits:
        pause_s = min(wait.from_s for wait in waits) - clock()
        sleep(max(PAUSE_S, pause_s))
        for wait in [wait for wait in waits if wait.from_s <= clock()]:
            earlier, wait.look = wait.look, wait.counter.look()
            moved = wait.look.energy_j > earlier.energy_j  # on some boards a hasty reading makes it fall a little
            tick = wait.counter.caught(earlier, wait.look) if moved else None
            wait.steps += moved
            if tick is None and wait.look.after_s > wait.until_s and wait.steps:
                tick = wait.counter.last_tick(wait.look)  # this machine is too busy to look often enough
            if tick is not None or wait.look.after_s > wait.until_s:
                found[wait.counter.source.domain] = tick
                wait.counter.steps_seen = wait.steps
                waits.remove(wait)
            elif moved:
                wait.from_s = wait.look.after_s  # it came when nobody looked: look all along for the next
    return found


def _wait(counter: Counter, look: Look) -> _Wait:
    assert counter.period_s is not None, "only counters that step are waited for"
    due_s, from_s = counter.expected_s(look.after_s)
    until_s = look.after_s + PATIENCE * counter.period_s
    return _Wait(counter=counter, look=look, due_s=due_s, from_s=from_s, until_s=until_s)
