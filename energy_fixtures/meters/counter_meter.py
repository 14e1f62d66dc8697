"""Windows over cumulative counters, with what is not known of them put into figures.

    begin     wait for a step of the slow counters ─► t0, right after it ─► read the fast ones
    the work  counters are left alone: on some boards frequent reading makes them fall short
    end       t1 ─► read all ─► wait for the step after t1 and, for the power after it, the next
              joules = counter at t1 (reconstructed, see `edges`) - counter at t0

While another window is open nothing waits, because the other would meter the waiting: an inner window's ends are then
drawn on from the last step by sampled power, with the uncertainty that this has.
A board without a counter is metered by its sampled power.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State, Watch
from energy_fixtures.meters.cadence import Look, measure_cadences
from energy_fixtures.meters.cpu_seconds import Use
from energy_fixtures.meters.edges import Edge, Tick, after_tick, between_ticks
from energy_fixtures.meters.plausible import implausible, unwrapped
from energy_fixtures.meters.ticking import ROOT12, Counter, CounterSource, CounterUnreadable, catch_ticks
from energy_fixtures.meters.timeline import Integral, integrate
from energy_fixtures.readings import BoardTrace, Part, Reading

BOARD_GAIN = 0.05 / math.sqrt(3)
"""Standard uncertainty of a board's sensor: within +-5 % and different for every board (arXiv 2312.02741)."""

SWING_S = 1.0  # before an edge, for how far power moves: without the next step nothing else tells
BEFORE_S = 0.21  # how far back the powers before an edge are looked for
INSTANT_S = 0.03  # "instant" power is the mean of about this long before (25 ms on A100 and H100, same source)
LATE_S = 0.002  # after a foretold step it is there
FEWEST_SAMPLES = 4
AROUND_S = 0.2  # before and after a window, power samples still say something of it
LONG_GAP = 10  # sampling periods without a sample are a gap worth a word


@dataclass
class _Window:
    """An open window: when it began and what each counter showed. `broken` holds reason codes by domain."""

    begun_s: float = 0.0
    ticks: dict[str, Tick] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    watched: object = None
    use: Use | None = None


@dataclass(frozen=True, kw_only=True)
class _Energy:
    """Joules of one domain with the parts of their uncertainty."""

    joules: float
    parts_j: dict[Part, float]


class CounterMeter:
    """Reads counters at both ends of a window and says how sure it is of the difference.

    Args:
        info: What the header says; `resolution_s` and `cadences` are filled in here.
        sources: Counters of the chosen domains.
        sampled: Domains that have no counter and are integrated from power samples.
        watch: Samples of the boards, None where there are none.
        close: Gives back what the sources hold.
        clock: Monotonic seconds.
        sleep: Waits for seconds.

    Raises:
        CounterUnreadable: A counter cannot be read at the start.
    """

    def __init__(
        self,
        info: MeterInfo,
        sources: Sequence[CounterSource],
        *,
        sampled: Sequence[str] = (),
        watch: Watch | None = None,
        close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._sampled = tuple(sampled)
        self._watch = watch
        self._close = close
        self._open = 0
        self._on_host = any(source.domain.startswith(("cpu:", "dram:")) for source in sources)
        cadences = measure_cadences([source.read_j for source in sources], clock=clock, sleep=sleep)
        self._counters = [Counter(source, seen, clock) for source, seen in zip(sources, cadences, strict=True)]
        steps_s = [seen.period_s or seen.read_s for seen in cadences]
        if watch is not None and sampled:
            steps_s.append(watch.period_s)
        self.info = replace(
            info,
            resolution_s=max(steps_s, default=0.0),
            cadences=tuple((source.domain, seen) for source, seen in zip(sources, cadences, strict=True)),
        )

    # -- the two ends --------------------------------------------------------------------------------------------

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Wait for a step of the counters, unless another window is open; see `Meter.begin`."""
        window = _Window()
        window.watched = None if self._watch is None else self._watch.begin(pids)
        window.use = Use.since(pids) if self._on_host else None
        stepping = [counter for counter in self._counters if counter.period_s is not None]
        if not self._open:
            caught = self._catch(stepping, window.broken)
            window.ticks = {domain: tick for domain, tick in caught.items() if tick is not None}
            window.broken |= {domain: "counter_stuck" for domain, tick in caught.items() if tick is None}
        self._open += 1
        window.begun_s = self._clock()
        for counter in self._counters:
            if counter.source.domain not in window.ticks:
                look = self._look(counter, window.broken)
                if look is not None:
                    window.looks[counter.source.domain] = look
        return window

    def end(self, token: object) -> Reading:
        """Read the counters and wait for their next steps, unless another window is open; see `Meter.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        ended_s = self._clock()
        self._open -= 1
        # fast counters first: each moment until they are read is metered by them
        ordered = sorted(self._counters, key=lambda counter: counter.period_s or 0.0)
        looks = {}
        for counter in ordered:
            look = self._look(counter, token.broken)
            if look is not None:
                looks[counter.source.domain] = look
        ticks, following_w = ({}, {}) if self._open else self._following(looks, token.broken)
        if not self._open:
            token.broken |= dict.fromkeys(self._stopped(looks), "counter_stuck")
        traces = {} if self._watch is None else self._watch.end(token.watched, token.begun_s, ended_s)
        return self._reading(token, ended_s, looks, ticks, following_w, traces)

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """See `Meter.state`."""
        return None if self._watch is None else self._watch.state(since_s, domains)

    def recorded(self, label: str) -> RecordedWindows | None:
        """None: this meter reads now."""
        return None

    def close(self) -> None:
        """End the thread and the processes that the sources started."""
        if self._watch is not None:
            self._watch.close()
        self._close()

    # -- reading counters ----------------------------------------------------------------------------------------

    def _look(self, counter: Counter, broken: dict[str, str]) -> Look | None:
        try:
            return counter.look()
        except CounterUnreadable:
            broken[counter.source.domain] = "counter_unreadable"
            return None

    def _catch(
        self, counters: Sequence[Counter], broken: dict[str, str], since: dict[str, Look] | None = None
    ) -> dict[str, Tick | None]:
        """The next step of each counter; one that cannot be read is noted and the others are caught without it."""
        counters = [counter for counter in counters if counter.source.domain not in broken]
        try:
            return catch_ticks(counters, self._clock, self._sleep, since) if counters else {}
        except CounterUnreadable:
            readable = [counter for counter in counters if self._look(counter, broken) is not None]
            return self._catch(readable, broken, since) if len(readable) < len(counters) else {}

    def _stopped(self, looks: dict[str, Look]) -> list[str]:
        """Domains whose counter is read as it stands and moves no more: its last value may be from inside the window."""
        fast = [one for one in self._counters if one.period_s is None and one.source.domain in looks]
        return [one.source.domain for one in fast if one.stands_still(looks[one.source.domain], self._sleep)]

    def _following(self, looks: dict[str, Look], broken: dict[str, str]) -> tuple[dict[str, Tick], dict[str, float]]:
        """The steps after a window's end, and the mean power until the steps after those."""
        stepping = [counter for counter in self._counters if counter.period_s is not None]
        caught = self._catch([counter for counter in stepping if counter.source.domain in looks], broken, looks)
        broken |= {domain: "counter_stuck" for domain, tick in caught.items() if tick is None}
        ticks = {domain: tick for domain, tick in caught.items() if tick is not None}
        broken |= {
            domain: "counter_went_backwards" for domain, tick in ticks.items() if tick.energy_j < looks[domain].energy_j
        }
        powers_w: dict[str, float] = {}
        for counter in stepping:
            domain, period_s = counter.source.domain, counter.period_s
            if domain not in ticks or period_s is None:
                continue
            tick = ticks[domain]
            due_s = tick.at_s + period_s + max(LATE_S, 3 * counter.jitter_s)
            self._sleep(max(0.0, due_s - self._clock()))
            look = self._look(counter, {})  # the window's own energy is known already
            if look is not None and look.energy_j >= tick.energy_j and look.after_s < tick.at_s + 2 * period_s:
                powers_w[domain] = (look.energy_j - tick.energy_j) / period_s
        return ticks, powers_w

    # -- from what was read to joules ----------------------------------------------------------------------------

    def _reading(
        self,
        window: _Window,
        ended_s: float,
        looks: dict[str, Look],
        ticks: dict[str, Tick],
        following_w: dict[str, float],
        traces: dict[str, BoardTrace],
    ) -> Reading:
        duration_s = ended_s - window.begun_s
        energies: dict[str, _Energy] = {}
        reasons: list[str] = []
        for counter in self._counters:
            domain = counter.source.domain
            if domain in window.broken:
                reasons.append(window.broken[domain])
                continue
            if counter.period_s is None:
                energy = self._of_fast(counter, window, ended_s, looks[domain])
            else:
                energy = self._of_stepping(counter, window, ended_s, looks[domain], ticks, following_w)
            joules = unwrapped(energy.joules, duration_s, counter.source.range_j)
            why = implausible(joules, duration_s, self.info.resolution_s, traces.get(domain))
            if why is not None and energy.joules < 0:
                why = "counter_went_backwards"
            if why is None:
                energies[domain] = replace(energy, joules=joules)
            else:
                reasons.append(why)
        integrals = {domain: self._integral(domain, window.begun_s, ended_s) for domain in self._sensed()}
        for domain in self._sampled:
            integral = integrals.get(domain)
            if integral is None:
                reasons.append("insufficient_power_samples")
            else:
                energies[domain] = _of_power(integral)
        beside = {domain: one for domain, one in integrals.items() if one is not None and domain not in self._sampled}
        doubts = ["power_integrated"] if self._sampled else []
        if any(one is not None and one.longest_gap_s > LONG_GAP * self._sample_period_s for one in integrals.values()):
            doubts.append("sampling_gap_exceeded")
        if window.use is not None and _shared(window.use, duration_s):
            doubts.append("cpu_shared")
        return Reading(
            energy_j={domain: energies[domain].joules for domain in self.info.domains if domain in energies},
            duration_s=duration_s,
            method=self.info.method,
            uncertainty_j={domain: _combined(energy.parts_j) for domain, energy in energies.items()},
            parts_j={domain: dict(energy.parts_j) for domain, energy in energies.items()},
            integrated_j={domain: one.energy_j for domain, one in beside.items()},
            integrated_uncertainty_j={domain: one.sample_gaps_j for domain, one in beside.items()},
            boards=traces,
            invalid_reasons=tuple(dict.fromkeys(reasons)),
            doubts=tuple(doubts),
        )

    def _of_fast(self, counter: Counter, window: _Window, ended_s: float, look: Look) -> _Energy:
        """Joules of a counter that is read as it stands; each end is uncertain by a step in time and by its reading."""
        first = window.looks[counter.source.domain]
        joules = look.energy_j - first.energy_j
        power_w = abs(joules) / max(ended_s - window.begun_s, 1e-9)
        reads_s = first.after_s - window.begun_s, look.after_s - ended_s
        step_s = (counter.cadence.period_s or counter.cadence.silence_s) / ROOT12
        tick_j = power_w * math.hypot(step_s, step_s, *reads_s)
        return _Energy(joules=joules, parts_j={"tick": tick_j, "quantum": _quantum_j(counter)})

    def _of_stepping(
        self,
        counter: Counter,
        window: _Window,
        ended_s: float,
        look: Look,
        ticks: dict[str, Tick],
        following_w: dict[str, float],
    ) -> _Energy:
        """Joules of a counter whose steps were caught, or foretold where another window was open."""
        domain, period_s = counter.source.domain, counter.period_s
        assert period_s is not None, "of counters that step"
        begun = window.ticks.get(domain) or counter.last_tick(window.looks[domain])
        if domain in ticks:
            following = ticks[domain]
            steps = max(1, counter.steps_seen, math.ceil((following.at_s - look.after_s) / period_s - 0.02))
            error_s = math.hypot(following.error_s, counter.jitter_s, steps * counter.cadence.period_error_s)
            last = Tick(at_s=following.at_s - steps * period_s, error_s=error_s, energy_j=look.energy_j)
        else:
            last = counter.last_tick(look)
        mean_w = max(0.0, last.energy_j - begun.energy_j) / max(last.at_s - begun.at_s, period_s)
        gain = self._counter_over_power(domain, begun, last)
        until_begun_w = [gain * power_w for power_w in self._powers(domain, begun.at_s - INSTANT_S, window.begun_s)]
        start = after_tick(
            begun, window.begun_s, until_begun_w or [mean_w], self._swing_w(domain, window.begun_s, gain)
        )
        before_w = [gain * power_w for power_w in self._powers(domain, last.at_s - BEFORE_S, last.at_s)][::-1]
        if domain in ticks and ended_s >= last.at_s:
            after_w = [following_w[domain]] if domain in following_w else []
            after_w += [gain * power_w for power_w in self._powers(domain, following.at_s + INSTANT_S, math.inf)[:1]]
            stop = between_ticks(last, following, ended_s, before_w, after_w)
        else:
            until_ended_w = [gain * power_w for power_w in self._powers(domain, last.at_s - INSTANT_S, ended_s)]
            stop = after_tick(last, ended_s, until_ended_w or [mean_w], self._swing_w(domain, ended_s, gain))
        return _difference(start, stop, _quantum_j(counter))

    # -- from power samples --------------------------------------------------------------------------------------

    def _sensed(self) -> list[str]:
        return [] if self._watch is None else [domain for domain in self.info.domains if domain.startswith("gpu:")]

    def _swing_w(self, domain: str, moment_s: float, gain: float) -> list[float]:
        """Powers of the time before a moment: how far it moves. What comes after is the work's own beginning or end."""
        return [gain * power_w for power_w in self._powers(domain, moment_s - SWING_S, moment_s)]

    def _powers(self, domain: str, since_s: float, until_s: float) -> list[float]:
        samples = [] if self._watch is None else self._watch.samples(domain, since_s, until_s)
        return [sample.power_w for sample in samples]

    def _counter_over_power(self, domain: str, begun: Tick, last: Tick) -> float:
        """How much more the counter says than the power sensor, 1 where too little is known to tell."""
        integral = self._integral(domain, begun.at_s, last.at_s) if last.at_s > begun.at_s else None
        if integral is not None and integral.count < FEWEST_SAMPLES:
            return 1.0
        if integral is None or integral.energy_j <= 0:
            return 1.0
        return min(1.25, max(0.8, (last.energy_j - begun.energy_j) / integral.energy_j))

    def _integral(self, domain: str, begin_s: float, end_s: float) -> Integral | None:
        """Sampled power between two moments, with the samples around them, which make its edges sharper."""
        if self._watch is None:
            return None
        samples = self._watch.samples(domain, begin_s - AROUND_S, end_s + AROUND_S)
        integral = integrate(samples, begin_s, end_s)
        return integral if integral is not None and integral.energy_j >= 0 else None

    @property
    def _sample_period_s(self) -> float:
        return math.inf if self._watch is None else self._watch.period_s


def _shared(use: Use, duration_s: float) -> bool:
    """Whether others used the processor, whose counters see them too. A dead engine's own seconds are not known."""
    try:
        return use.is_shared(use.own_s(), duration_s)
    except MeasurementInvalid:
        return False


def _of_power(integral: Integral) -> _Energy:
    gain_j = BOARD_GAIN * integral.energy_j
    return _Energy(joules=integral.energy_j, parts_j={"sample_gaps": integral.sample_gaps_j, "board_gain": gain_j})


def _difference(start: Edge, stop: Edge, quantum_j: float) -> _Energy:
    joules = stop.energy_j - start.energy_j
    return _Energy(
        joules=joules,
        parts_j={
            "tick": math.hypot(start.tick_j, stop.tick_j),
            "quantum": quantum_j,
            "edges": math.hypot(start.edges_j, stop.edges_j),
            "board_gain": BOARD_GAIN * abs(joules),
        },
    )


def _quantum_j(counter: Counter) -> float:
    """Both ends are rounded down by anything up to a step, so their difference has that of two uniform errors."""
    return math.sqrt(2) * counter.cadence.step_j / ROOT12


def _combined(parts_j: dict[Part, float]) -> float:
    return math.hypot(*(joules for part, joules in parts_j.items() if part != "board_gain"))
