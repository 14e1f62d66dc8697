"""Carry out the protocol: warm-ups, windows, readings, trials.

    prepare ─► begin ─► go ─► end ─► collect      for every window; only `go` lies between begin and end

Two kinds of work go through the same loop: an engine in its own process, and a plain function in this one.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from energy_fixtures import guards
from energy_fixtures.engines.base import Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import Meter
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.protocol import Enough, Plan, WarmUp, Window, next_step, too_short
from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Scenario, Trial

SEED_STRIDE = 1_000_003
"""Distance between the seeds of two rounds, larger than any number of iterations, so that no prompt comes twice."""


class Task(Protocol):
    """Something that can be metered."""

    pids: tuple[int, ...]

    def prepare(self, iterations: int, round_index: int) -> int | None:
        """Get ready, unmetered; the seed of this round, None where there is none."""

    def go(self) -> float | None:
        """Do it; the engine's own seconds, None where nobody else timed it."""

    def collect(self) -> Generation | None:
        """What was done; None where there is nothing to tell."""

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """Codes for work that differs from what was asked for."""

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """Codes for what weakens the work."""


class EngineTask:
    """A Scenario in an engine's own process."""

    def __init__(self, host: EngineHost, scenario: Scenario, draft: ModelSpec | None, *, dummy_weights: bool) -> None:
        self.pids: tuple[int, ...] = (host.pid,)
        self._host = host
        self._scenario = scenario
        self._draft = draft
        self._dummy_weights = dummy_weights

    def prepare(self, iterations: int, round_index: int) -> int:
        """See `Task.prepare`."""
        seed = self._scenario.seed + SEED_STRIDE * (round_index + 1)
        self._host.prepare(Work(scenario=self._scenario, iterations=iterations, seed=seed, draft=self._draft))
        return seed

    def go(self) -> float:
        """See `Task.go`."""
        finished = self._host.go()
        return finished.ended_s - finished.started_s

    def collect(self) -> Generation:
        """See `Task.collect`."""
        return self._host.collect()

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.invalid`."""
        return () if generation is None else guards.work_differs(self._scenario, iterations, generation)

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.doubts`."""
        return () if generation is None else guards.generation_doubts(generation, dummy_weights=self._dummy_weights)


class FunctionTask:
    """A plain function in this process, with an optional setup before each round and teardown after it."""

    def __init__(
        self,
        function: Callable[[], object],
        pids: tuple[int, ...],
        setup: Callable[[], object] | None = None,
        teardown: Callable[[], object] | None = None,
    ) -> None:
        self.pids = pids
        self.value: object = None
        self._function = function
        self._setup = setup
        self._teardown = teardown
        self._iterations = 1

    def prepare(self, iterations: int, round_index: int) -> None:
        """See `Task.prepare`."""
        self._iterations = iterations
        if self._setup is not None:
            self._setup()

    def go(self) -> None:
        """See `Task.go`."""
        for _ in range(self._iterations):
            self.value = self._function()

    def collect(self) -> None:
        """See `Task.collect`."""
        if self._teardown is not None:
            self._teardown()

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.invalid`."""
        return ()

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.doubts`."""
        return ()


def run(
    task: Task,
    meter: Meter,
    plan: Plan,
    label: str,
    scope: tuple[str, ...],
    on_step: Callable[[WarmUp | Window], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[tuple[Trial, ...], Enough]:
    """All trials of one case.

    Args:
        task: What to do.
        meter: What reads the energy.
        plan: How much of it.
        label: The case's full name.
        scope: Domains whose energy must be positive.
        on_step: Told each step before it begins.
        clock: Monotonic seconds.

    Returns:
        The trials in order, and how the case ended.

    Raises:
        EngineFailed, MeasurementInvalid: As the engine and the meter do; trials so far are lost with the case.
    """
    recorded = meter.recorded(label)
    if recorded is not None:
        plan = Plan(
            warmup_rounds=1,
            rounds=len(recorded.iterations),
            min_window_s=0.0,
            max_time_s=0.0,
            iterations=recorded.iterations,
        )
    warmups_s: list[float] = []
    trials: list[Trial] = []
    windows_s: list[float] = []
    while not isinstance(step := next_step(plan, warmups_s, windows_s), Enough):
        on_step(step)
        if isinstance(step, WarmUp):
            task.prepare(1, -1 - step.index)
            began_s = clock()
            task.go()
            warmups_s.append(clock() - began_s)
            task.collect()
        else:
            began_s = clock()
            trial = _trial(task, meter, step, label, scope)
            if not trials and too_short(plan, trial.reading.duration_s, step.iterations):
                warmups_s.append(trial.reading.duration_s / step.iterations)
                continue
            trials.append(trial)
            windows_s.append(clock() - began_s)
    return tuple(trials), step


def _trial(task: Task, meter: Meter, window: Window, label: str, scope: tuple[str, ...]) -> Trial:
    seed = task.prepare(window.iterations, window.index)
    reading, engine_s = _metered(task, meter, label)
    generation = task.collect()
    return Trial(
        index=window.index,
        iterations=window.iterations,
        reading=reading,
        generation=generation,
        seed=seed,
        invalid_reasons=(
            *task.invalid(window.iterations, generation),
            *guards.reading_invalid(reading, scope, engine_s),
        ),
        doubts=unique((*guards.reading_doubts(reading, meter.info), *task.doubts(generation))),
    )


def _metered(task: Task, meter: Meter, label: str) -> tuple[Reading, float | None]:
    """Open the window, do the work, close the window, with this process's garbage collector at rest."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        token = meter.begin(label, task.pids)
        try:
            engine_s = task.go()
        except BaseException:
            with contextlib.suppress(MeasurementInvalid):  # the work's own failure is the one to tell
                meter.end(token)
            raise
        return meter.end(token), engine_s
    finally:
        if was_enabled:
            gc.enable()


def unique(codes: Sequence[str]) -> tuple[str, ...]:
    """The codes, each once, in order."""
    return tuple(dict.fromkeys(codes))
