"""Carry out the protocol: warm-ups, rests, windows, readings, trials. What comes next, `protocol` says."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from energy_fixtures import guards
from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import Meter, State
from energy_fixtures.protocol import CoolDown, Enough, Measured, Plan, Step, Warmed, WarmUp, level, next_step, practice
from energy_fixtures.readings import Reading
from energy_fixtures.records import Trial
from energy_fixtures.tasks import Task

COOL_C = 1.0
"""A board within this of its first temperature is cool again; sensors show whole degrees."""

LOOK_S = 0.25  # how often a resting board's temperature is looked at


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The only time there is; tests have one of their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


def run(
    task: Task,
    meter: Meter,
    plan: Plan,
    label: str,
    scope: tuple[str, ...],
    on_step: Callable[[Step], None],
    clock: Clock = CLOCK,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    more: Callable[[tuple[Trial, ...]], bool] = lambda trials: False,
) -> tuple[tuple[Trial, ...], Enough]:
    """All trials of one case.

    Args:
        task: What to do.
        meter: What reads the energy.
        plan: How much of it; what a meter that plays back has recorded comes first.
        label: The case's full name.
        scope: Domains that stand for the work.
        on_step: Told each step before it begins.
        clock: Monotonic seconds, and how to wait.
        on_trial: Told each trial once its window is closed.
        more: Asked, with all trials so far, when the rounds are done: is another one worth its time?

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
    at_first = meter.state(clock.now(), scope)
    warmed: list[Warmed] = []
    measured: list[Measured] = []
    trials: list[Trial] = []
    rested = False
    while True:
        step = next_step(plan, warmed, measured, rested=rested)
        if isinstance(step, Enough):
            kept = tuple(trials[practice(plan, measured) :])
            if plan.iterations is not None or step.cut_short or not more(kept):
                return kept, step
            plan = replace(plan, bought=plan.bought + 1)
            continue
        on_step(step)
        if isinstance(step, WarmUp):
            warmed.append(_warm_up(task, meter, step, scope, clock))
        elif isinstance(step, CoolDown):
            _cool_down(meter, at_first, step.longest_s, scope, clock)
        else:
            began_s = clock.now()
            seed = task.prepare(step.iterations, len(measured))  # practice has prompts of its own
            reading, engine_s = _metered(task, meter, label)
            generation = task.collect()
            trial = Trial(
                index=step.index,
                iterations=step.iterations,
                reading=reading,
                generation=generation,
                seed=seed,
                invalid_reasons=unique(
                    (
                        *task.invalid(step.iterations, generation),
                        *guards.reading_invalid(reading, scope, engine_s),
                        *(("power_limit_changed",) if guards.limit_differs(reading, trials, scope) else ()),
                    )
                ),
                doubts=unique(
                    (
                        *guards.reading_doubts(reading, meter.info, scope, plan.max_error),
                        *task.doubts(generation),
                        *(("warmup_not_level",) if plan.steady and not level(warmed) else ()),
                    )
                ),
            )
            trials.append(trial)
            on_trial(trial)
            measured.append(_told(trial, scope, clock.now() - began_s))
        rested = isinstance(step, CoolDown)


def _warm_up(task: Task, meter: Meter, block: WarmUp, scope: tuple[str, ...], clock: Clock) -> Warmed:
    task.prepare(block.iterations, -1 - block.index)
    began_s = clock.now()
    task.go()
    duration_s = clock.now() - began_s
    state = meter.state(began_s, scope)
    task.collect()
    return Warmed(
        duration_s=duration_s,
        iterations=block.iterations,
        power_w=None if state is None else state.power_w,
        temperature_c=None if state is None else state.temperature_c,
    )


def _cool_down(meter: Meter, at_first: State | None, longest_s: float, scope: tuple[str, ...], clock: Clock) -> None:
    """Wait until the board is as cool as at first; the whole time where no temperature is known."""
    until_s = clock.now() + longest_s
    goal_c = None if at_first is None else at_first.temperature_c
    while (left_s := until_s - clock.now()) > 0:
        state = None if goal_c is None else meter.state(clock.now(), scope)
        now_c = None if state is None else state.temperature_c
        if goal_c is not None and now_c is not None and now_c <= goal_c + COOL_C:
            return
        clock.sleep(min(left_s, LOOK_S))


def _told(trial: Trial, scope: tuple[str, ...], took_s: float) -> Measured:
    """What the planner has to know of a trial."""
    return Measured(
        duration_s=trial.reading.duration_s,
        iterations=trial.iterations,
        relative_error=trial.reading.relative_error(scope),
        valid=trial.valid,
        took_s=took_s,
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
