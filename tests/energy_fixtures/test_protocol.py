"""The planner: pure, and it always ends."""

from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.protocol import MAX_ITERATIONS, Enough, Plan, WarmUp, Window, iterations_for, next_step

DURATIONS = st.floats(min_value=0, max_value=1e4)
PLANS = st.builds(
    Plan,
    warmup_rounds=st.integers(0, 5),
    rounds=st.integers(1, 12),
    min_window_s=st.floats(0, 100),
    max_time_s=st.floats(0.001, 1e4),
    iterations=st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=12).map(tuple),
)


@given(PLANS, st.lists(DURATIONS, min_size=40, max_size=40))
def test_planner_terminates(plan, durations):
    """Whatever the rounds take, the plan ends after at most its warm-ups and rounds, windows numbered from 0."""
    warmups, windows = [], []
    for seconds in durations:
        step = next_step(plan, warmups, windows)
        if isinstance(step, Enough):
            break
        if isinstance(step, WarmUp):
            assert not windows
            warmups.append(seconds)
        else:
            assert step.index == len(windows)
            windows.append(seconds)
    else:
        raise AssertionError("the plan never ended")

    assert len(warmups) == max(0 if plan.iterations else 1, plan.warmup_rounds)
    assert len(windows) <= (plan.rounds if plan.iterations is None else len(plan.iterations))
    assert windows


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_windows_are_long_enough(min_window_s, iteration_s):
    """The iterations fill the window asked for, unless the work is too short for any window."""
    count = iterations_for(min_window_s, iteration_s)

    assert 1 <= count <= MAX_ITERATIONS
    assert count == MAX_ITERATIONS or count * max(iteration_s, 1e-9) >= min_window_s


def test_long_work_is_done_once_per_window():
    """Work that fills the window on its own is not repeated: the time is not spent twice."""
    plan = Plan(warmup_rounds=1, rounds=3, min_window_s=0.2, max_time_s=60)

    assert next_step(plan, [0.5], []) == Window(index=0, iterations=1)
    assert next_step(plan, [0.05], []) == Window(index=0, iterations=5)


def test_time_limit_leaves_two_windows():
    """A case that is slow beyond --energy-max-time still gets two windows, and says that it was cut short."""
    plan = Plan(warmup_rounds=1, rounds=5, min_window_s=0.2, max_time_s=10)

    assert isinstance(next_step(plan, [30.0], [30.0]), Window)
    assert next_step(plan, [30.0], [30.0, 30.0]) == Enough(cut_short=True)


def test_recorded_windows_are_followed_exactly():
    """Fixed iterations are repeated as they were recorded, whatever the warm-up took."""
    plan = Plan(warmup_rounds=1, rounds=9, min_window_s=5, max_time_s=1, iterations=(2, 3))

    assert next_step(plan, [0.001], []) == Window(index=0, iterations=2)
    assert next_step(plan, [0.001], [9.0]) == Window(index=1, iterations=3)
    assert next_step(plan, [0.001], [9.0, 9.0]) == Enough(cut_short=False)
