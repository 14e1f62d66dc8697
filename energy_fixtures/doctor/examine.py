"""One examination of this machine, about a minute long.

    look     which meters there are, and how each counter advances        a second or two
    rest     consecutive short windows of all counters at once, power sampled in between
    rate     each counter in turn: equal spans read rarely, once per update, fast
    judge    shortest windows, doubts

Nothing here makes the machine work: run it while the machine is at rest.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from energy_fixtures.doctor.idle import agreement, idle_power, take_moments
from energy_fixtures.doctor.plan import DEFAULT_S, Plan
from energy_fixtures.doctor.read_rate import compare, take_spans
from energy_fixtures.doctor.sampling import Sampler
from energy_fixtures.doctor.sources import Machine, modelled, this_machine
from energy_fixtures.doctor.ticks import Moment, TickingCounter
from energy_fixtures.doctor.verdict import judge
from energy_fixtures.doctor.windows import shortest_window
from energy_fixtures.environment import host_facts, package_versions
from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.examination import SCHEMA_VERSION, BoardFinding, CounterFinding, Examination
from energy_fixtures.meters.cadence import measure_cadence
from energy_fixtures.meters.ticking import CounterSource, CounterUnreadable

FAST_HZ = 300.0
"""A few hundred reads a second, for a second at a time: what a meter that polls without care would do."""


def examine(
    *,
    seconds: float = DEFAULT_S,
    error: float = 0.01,
    machine: Machine | None = None,
    say: Callable[[str], None] = lambda step: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Examination:
    """Characterise the meters of a machine at rest.

    Args:
        seconds: How long to measure; many counters take longer. Without any counter it ends at once.
        error: For which error the shortest windows are told.
        machine: What to examine; this machine when None.
        say: Called with each step before it begins.
        clock, sleep: Monotonic seconds, and waiting on the same clock.
    """
    started_s = clock()
    say("looking for counters")
    found = machine or this_machine()
    try:
        counters, boards = _examined(found, seconds, error, say, clock, sleep)
    finally:
        found.close()
    return Examination(
        schema_version=SCHEMA_VERSION,
        examined_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        took_s=clock() - started_s,
        host=host_facts(),
        packages=package_versions(),
        counters=counters,
        boards=boards,
        missing=found.missing,
        modelled=modelled(),
        verdict=judge(counters, boards),
    )


def _examined(
    machine: Machine,
    seconds: float,
    error: float,
    say: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[tuple[CounterFinding, ...], tuple[BoardFinding, ...]]:
    if not machine.counters and not machine.sensors:
        return (), Sampler(()).boards(machine.boards)
    plan = Plan.of(seconds, len(machine.counters))
    say("how each counter advances")
    patients = [
        _Patient(source, machine.contents.get(source.domain), error, clock, sleep) for source in machine.counters
    ]
    with ThreadPoolExecutor(max_workers=max(1, len(patients))) as pool:  # each waits for steps of its own
        list(pool.map(_Patient.look, patients))

    sampler = Sampler(machine.sensors, clock=clock, sleep=sleep)
    say(f"power at rest, {plan.windows} windows of {plan.window_s:g} s")
    well = {patient.domain: patient for patient in patients if patient.counter is not None}
    moments = take_moments(
        [patient.counter for patient in well.values() if patient.counter is not None],
        windows=plan.windows,
        window_s=plan.window_s,
        until=sampler.until,
        failed=lambda domain, sentence: well[domain].fell_ill(sentence),
    )
    if not well:  # power alone
        sampler.until(clock() + plan.windows * plan.window_s)
    boards = sampler.boards(machine.boards)
    limits_w = {board.domain: board.power_limit_w for board in boards}
    for domain, patient in well.items():
        patient.rested(moments[domain], sampler, limits_w.get(domain))

    for domain, patient in well.items():
        say(f"effect of the read rate on {domain}")
        patient.hurried(plan)
    return tuple(patient.finding() for patient in patients), boards


class _Patient:
    """One counter on its way through the examination; the first thing that goes wrong ends it and is kept."""

    def __init__(
        self,
        source: CounterSource,
        contents: str | None,
        error: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.domain = source.domain
        self.counter: TickingCounter | None = None
        self._source, self._error = source, error
        self._clock, self._sleep = clock, sleep
        self._finding = CounterFinding(domain=source.domain, contents=contents, range_j=source.range_j)

    def look(self) -> None:
        watched = _Watched(self._source.read_j)
        try:
            cadence = measure_cadence(watched, clock=self._clock, sleep=self._sleep)
        except CounterUnreadable as error:
            self.fell_ill(f"it cannot be read: {error}; check the driver and who may read it")
            return
        if not watched.moved:
            self.fell_ill(
                "it did not move while it was watched; check it with another tool, reload the driver or reboot"
            )
            return
        self._note(
            period_s=cadence.period_s,
            period_error_s=cadence.period_error_s,
            step_j=cadence.step_j or None,
            read_s=cadence.read_s,
        )
        self.counter = TickingCounter(self._source, cadence, clock=self._clock, sleep=self._sleep)

    def rested(self, moments: list[Moment], sampler: Sampler, limit_w: float | None) -> None:
        assert self.counter is not None, "only counters that were found well"
        try:
            idle = idle_power(self.counter, moments)
            beside = agreement(self.counter, moments, sampler.samples.get(self.domain, ()))
        except MeasurementInvalid as error:
            self.fell_ill(str(error))
            return
        if idle is None:
            return
        self._note(
            idle=idle,
            agreement=beside,
            shortest_window=shortest_window(self.counter.refined(), idle, error=self._error, limit_w=limit_w),
            wraps_after_s=self._source.range_j / idle.mean_w if self._source.range_j and idle.mean_w > 0 else None,
        )

    def hurried(self, plan: Plan) -> None:
        if self._finding.problem is not None or self.counter is None:
            return
        try:
            spans = take_spans(self.counter, span_s=plan.span_s, rounds=plan.rounds, fast_hz=FAST_HZ)
        except MeasurementInvalid as error:
            self.fell_ill(str(error))
            return
        cadence = self.counter.refined()
        self._note(read_rate=compare(spans), period_s=cadence.period_s, period_error_s=cadence.period_error_s)

    def fell_ill(self, sentence: str) -> None:
        self._note(problem=sentence)

    def _note(self, **fields: object) -> None:
        self._finding = msgspec.structs.replace(self._finding, **fields)

    def finding(self) -> CounterFinding:
        return self._finding


class _Watched:
    """A counter that remembers whether it ever rose; on some boards hasty reading makes it fall in between."""

    def __init__(self, read_j: Callable[[], float]) -> None:
        self._read_j = read_j
        self._last_j: float | None = None
        self.moved = False

    def __call__(self) -> float:
        energy_j = self._read_j()
        self.moved = self.moved or (self._last_j is not None and energy_j > self._last_j)
        self._last_j = energy_j
        return energy_j
