"""The planner: pure, and it always ends."""

import dataclasses
import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.protocol import (
    LEVEL_BLOCKS,
    MAX_ITERATIONS,
    MOST_PRACTICE,
    CoolDown,
    Enough,
    Measured,
    Plan,
    Warmed,
    WarmUp,
    Window,
    iterations_for,
    level,
    next_step,
    practice,
)

PLANS = st.builds(
    Plan,
    warmup_rounds=st.integers(0, 5),
    rounds=st.integers(1, 12),
    min_window_s=st.floats(0, 100),
    max_time_s=st.floats(0.001, 1e4),
    max_warmup_s=st.floats(0, 100),
    max_error=st.floats(0.001, 0.4) | st.just(math.inf),
    cooldown_s=st.just(0.0) | st.floats(0.1, 100),
    steady=st.booleans(),
    iterations=st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=12).map(tuple),
)
WORK_S = st.floats(1e-4, 1e3)
EDGE_S = st.floats(0, 10)
VALID = st.lists(st.booleans(), min_size=40, max_size=40)
BLOCK = Warmed(duration_s=0.5, iterations=1)
PLAN = Plan(warmup_rounds=1, rounds=3, min_window_s=0.2, max_time_s=60)


def window(duration_s, *, iterations=1, error=None, valid=True, took_s=None):
    took_s = duration_s if took_s is None else took_s
    return Measured(duration_s=duration_s, iterations=iterations, relative_error=error, valid=valid, took_s=took_s)


def carried_out(plan, work_s, edge_s=0.0, valid=None):
    """Every step of a case whose iterations take `work_s`, in windows that are `edge_s` of their power uncertain."""
    steps, warmed, measured, rested = [], [], [], False
    for _ in range(400):
        step = next_step(plan, warmed, measured, rested=rested)
        steps.append(step)
        rested = isinstance(step, CoolDown)
        if isinstance(step, Enough):
            return steps, warmed, measured
        if isinstance(step, WarmUp):
            warmed.append(Warmed(duration_s=work_s * step.iterations, iterations=step.iterations))
        elif isinstance(step, Window):
            good = True if valid is None else valid[len(measured)]
            seconds = work_s * step.iterations
            measured.append(window(seconds, iterations=step.iterations, error=edge_s / seconds, valid=good))
    raise AssertionError("the plan never ended")


@given(PLANS, WORK_S, EDGE_S, VALID)
def test_plan_ends_and_never_opens_more_windows_than_rounds_and_spares(plan, work_s, edge_s, valid):
    """Whatever the work takes and however much of it is invalid, windows are numbered from 0 and few are replaced."""
    steps, _, measured = carried_out(plan, work_s, edge_s, valid)
    kept = len(measured) - practice(plan, measured)
    rounds = plan.rounds if plan.iterations is None else len(plan.iterations)

    assert 1 <= kept <= rounds + plan.spare
    assert practice(plan, measured) <= MOST_PRACTICE
    assert [step.index for step in steps if isinstance(step, Window)][-kept:] == list(range(kept))
    opened = next(place for place, step in enumerate(steps) if isinstance(step, Window))
    assert not any(isinstance(step, WarmUp) for step in steps[opened:])


@given(PLANS, WORK_S)
def test_warm_up_is_bounded(plan, work_s):
    """Beyond the rounds asked for, no block of a warm-up ends later than its limit."""
    _, warmed, _ = carried_out(plan, work_s)
    asked = plan.warmup_rounds if plan.iterations else max(1, plan.warmup_rounds, 2 if plan.steady else 1)

    assert len(warmed) >= asked
    counted = warmed[1:] if plan.steady else warmed  # the first one compiles and fills caches
    assert len(warmed) == asked or math.fsum(block.duration_s for block in counted) <= plan.max_warmup_s * 1.001
    assert plan.iterations is None or len(warmed) == asked


@given(PLANS, WORK_S, EDGE_S, VALID)
def test_windows_never_shrink(plan, work_s, edge_s, valid):
    """Each window holds at least as many iterations as the one before it, unless they are fixed."""
    _, _, measured = carried_out(plan, work_s, edge_s, valid)
    counts = [one.iterations for one in measured]

    assert plan.iterations is not None or counts == sorted(counts)
    assert plan.iterations is None or counts == list(plan.iterations)


@given(PLANS, WORK_S, EDGE_S)
def test_windows_that_grow_leave_time_for_all_rounds(plan, work_s, edge_s):
    """After a window grew for its error, it and as many like it as rounds are left fit into --energy-max-time."""
    plan = dataclasses.replace(plan, iterations=None)
    _, _, measured = carried_out(plan, work_s, edge_s)
    first = practice(plan, measured)

    for place, (before, after) in enumerate(itertools.pairwise(measured), start=1):
        if after.iterations > before.iterations and before.duration_s >= plan.min_window_s:
            spent_s = math.fsum(one.duration_s for one in measured[first:place])
            left = plan.rounds - max(0, place - first)
            assert spent_s + left * after.duration_s <= plan.max_time_s * 1.001


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_windows_are_long_enough(min_window_s, iteration_s):
    """The iterations fill the window asked for, unless the work is too short for any window."""
    count = iterations_for(min_window_s, iteration_s)

    assert 1 <= count <= MAX_ITERATIONS
    assert count == MAX_ITERATIONS or count * max(iteration_s, 1e-9) >= min_window_s


@given(st.floats(1e-3, 0.5), st.floats(1e-3, 0.3), st.floats(0.001, 0.2))
def test_windows_grow_until_the_error_asked_for(work_s, edge_s, max_error):
    """Where there is time enough every trial reaches the error asked for, whatever the first window's was."""
    plan = dataclasses.replace(PLAN, max_time_s=1e6, max_error=max_error)
    _, _, measured = carried_out(plan, work_s, edge_s)
    kept = measured[practice(plan, measured) :]

    assert all(one.relative_error <= max_error * 1.1 or one.iterations == MAX_ITERATIONS for one in kept)
    assert kept[0].iterations == kept[-1].iterations


def test_long_work_is_done_once_per_window():
    """Work that fills the window on its own is not repeated: the time is not spent twice."""
    assert next_step(PLAN, [BLOCK], []) == Window(index=0, iterations=1)
    assert next_step(PLAN, [dataclasses.replace(BLOCK, duration_s=0.05)], []) == Window(index=0, iterations=5)


def test_certain_window_is_the_first_trial():
    """A first window that is long and certain enough counts: the time is not spent twice."""
    plan = dataclasses.replace(PLAN, max_error=0.01)
    done = [window(0.5, error=0.009)]

    assert practice(plan, done) == 0
    assert next_step(plan, [BLOCK], done) == Window(index=1, iterations=1)


def test_uncertain_first_window_becomes_practice():
    """A first window of five times the error asked for is followed by trials a little more than five times as long."""
    plan = dataclasses.replace(PLAN, max_error=0.01)
    done = [window(1.0, iterations=10, error=0.05)]

    assert practice(plan, done) == 1
    assert next_step(plan, [BLOCK], done) == Window(index=0, iterations=56)


def test_uncertain_later_window_stays_a_trial():
    """A trial is never thrown away for its error; the next window is longer."""
    plan = dataclasses.replace(PLAN, max_error=0.01)
    done = [window(1.0, iterations=10, error=0.01), window(1.0, iterations=10, error=0.02)]

    assert practice(plan, done) == 0
    assert next_step(plan, [BLOCK], done) == Window(index=2, iterations=22)


def test_window_without_room_to_grow_is_a_trial():
    """Where the rounds would no longer fit into the time, a window that is too uncertain stays as it is."""
    plan = dataclasses.replace(PLAN, max_error=0.01, max_time_s=3.0)
    done = [window(1.0, iterations=10, error=0.5)]

    assert practice(plan, done) == 0
    assert next_step(plan, [BLOCK], done) == Window(index=1, iterations=10)


def test_error_of_an_invalid_window_changes_nothing():
    """What a broken reading says of its own error does not make windows longer."""
    plan = dataclasses.replace(PLAN, max_error=0.01)
    done = [window(1.0, iterations=10, error=0.5, valid=False)]

    assert practice(plan, done) == 0
    assert next_step(plan, [BLOCK], done) == Window(index=1, iterations=10)


def test_short_first_window_becomes_practice():
    """A window sized by a slow first run and far too short is repeated, longer."""
    done = [window(0.01)]

    assert practice(PLAN, done) == 1
    assert next_step(PLAN, [dataclasses.replace(BLOCK, duration_s=20.0)], done) == Window(index=0, iterations=23)


def test_invalid_windows_are_replaced():
    """Three rounds with one invalid among them are four windows."""
    done = [window(1.0), window(1.0, valid=False), window(1.0)]

    assert next_step(PLAN, [BLOCK], done) == Window(index=3, iterations=1)
    assert next_step(PLAN, [BLOCK], [*done, window(1.0)]) == Enough(cut_short=False)


def test_hopeless_case_ends_early():
    """When the first window and every spare one are invalid, no more are opened."""
    done = [window(1.0, valid=False)] * 3

    assert isinstance(next_step(PLAN, [BLOCK], done[:2]), Window)
    assert next_step(PLAN, [BLOCK], done) == Enough(cut_short=True)


def test_spares_are_not_spent_without_end():
    """With as many windows as rounds and spares the case ends, however few of them are valid."""
    done = [window(1.0), window(1.0, valid=False)] * 2 + [window(1.0, valid=False)]

    assert next_step(PLAN, [BLOCK], done) == Enough(cut_short=True)


def test_time_limit_leaves_two_windows():
    """A case that is slow beyond --energy-max-time still gets two windows, and says that it was cut short."""
    plan = Plan(warmup_rounds=1, rounds=5, min_window_s=0.2, max_time_s=10)

    assert isinstance(next_step(plan, [BLOCK], [window(30.0)]), Window)
    assert next_step(plan, [BLOCK], [window(30.0)] * 2) == Enough(cut_short=True)


def test_fixed_windows_are_followed_exactly():
    """Fixed iterations are repeated as they were given, whatever the warm-up took and whatever was invalid."""
    plan = Plan(warmup_rounds=1, rounds=9, min_window_s=5, max_time_s=1, max_warmup_s=9, iterations=(2, 3))
    warm = [Warmed(duration_s=0.001, iterations=1)]

    assert next_step(plan, [], []) == WarmUp(index=0, iterations=1)
    assert next_step(plan, warm, []) == Window(index=0, iterations=2)
    assert next_step(plan, warm, [window(9.0, error=0.4)]) == Window(index=1, iterations=3)
    assert next_step(plan, warm, [window(9.0, valid=False)] * 2) == Enough(cut_short=True)


def test_cool_down_comes_before_every_window():
    """With a cool-down each window, the first included, is opened on a board that has rested."""
    plan = dataclasses.replace(PLAN, cooldown_s=30.0)

    assert next_step(plan, [BLOCK], []) == CoolDown(longest_s=30.0)
    assert next_step(plan, [BLOCK], [], rested=True) == Window(index=0, iterations=1)
    assert next_step(plan, [BLOCK], [window(1.0)]) == CoolDown(longest_s=30.0)
    assert next_step(plan, [BLOCK], [window(1.0)] * 3) == Enough(cut_short=False)


def test_warm_up_goes_on_until_the_board_is_level():
    """Blocks of a quarter of a window follow the first run while anything changes, and stop once nothing does."""
    plan = Plan(warmup_rounds=1, rounds=3, min_window_s=1.0, max_time_s=60, max_warmup_s=10)
    powers_w = [200.0, 300.0, 380.0, 400.0, 401.0]
    blocks = [Warmed(duration_s=0.1, iterations=1, power_w=watts) for watts in powers_w]

    assert next_step(plan, [], []) == WarmUp(index=0, iterations=1)
    assert next_step(plan, blocks[:1], []) == WarmUp(index=1, iterations=3)
    assert isinstance(next_step(plan, blocks[:4], []), WarmUp)
    assert next_step(plan, [*blocks, blocks[-1]], []) == Window(index=0, iterations=11)


def test_slow_first_run_does_not_use_up_the_warm_up():
    """Compiling for a minute is no part of the limit: a board that matters still gets a second block."""
    plan = Plan(warmup_rounds=1, rounds=3, min_window_s=1.0, max_time_s=60, max_warmup_s=10)
    cold = [Warmed(duration_s=60.0, iterations=1)]

    assert next_step(dataclasses.replace(plan, steady=True), cold, []) == WarmUp(index=1, iterations=1)
    assert isinstance(next_step(plan, cold, []), Window)


def test_level_looks_at_speed_power_and_temperature():
    """Three blocks alike in all that is known are level; one thing that moves is enough not to be."""
    calm = [Warmed(duration_s=1.0, iterations=2, power_w=300.0, temperature_c=60.0)] * LEVEL_BLOCKS

    assert level(calm)
    assert level([dataclasses.replace(block, power_w=None, temperature_c=None) for block in calm])
    assert not level(calm[1:])
    assert not level([*calm, dataclasses.replace(calm[0], duration_s=1.06)])
    assert not level([*calm, dataclasses.replace(calm[0], power_w=320.0)])
    assert not level([*calm, dataclasses.replace(calm[0], temperature_c=61.0)])
