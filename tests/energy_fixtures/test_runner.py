"""The runner: only the work lies inside the window, to the second, on a clock of our own."""

import gc

import pytest

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import MeterInfo, RecordedWindows
from energy_fixtures.protocol import Plan
from energy_fixtures.readings import Reading
from energy_fixtures.runner import FunctionTask, run


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


class ClockMeter:
    """A meter of 100 W on a fake clock."""

    info = MeterInfo(name="fake", method="simulated", domains=("gpu:0",), resolution_s=0.001)

    def __init__(self, clock, recorded=None):
        self.clock = clock
        self.open = 0
        self._recorded = recorded

    def begin(self, label, pids):
        self.open += 1
        return self.clock()

    def end(self, token):
        self.open -= 1
        seconds = self.clock() - token
        return Reading(energy_j={"gpu:0": 100 * seconds}, duration_s=seconds, method="simulated")

    def recorded(self, label):
        return self._recorded


def steps_of(task, meter, plan, clock):
    steps = []
    trials, enough = run(task, meter, plan, "x", ("gpu:0",), steps.append, clock)
    return trials, enough, steps


PLAN = Plan(warmup_rounds=2, rounds=3, min_window_s=1.0, max_time_s=1e6)


def test_setup_and_teardown_are_not_measured():
    """Setup adds 200 s, the work 4 s, teardown 30 s: each window is exactly 4 s and 400 J."""
    clock = Clock()
    task = FunctionTask(lambda: clock.advance(4), (1,), lambda: clock.advance(200), lambda: clock.advance(30))
    trials, _, steps = steps_of(task, ClockMeter(clock), PLAN, clock)

    assert [trial.reading.energy_j["gpu:0"] for trial in trials] == [400.0] * 3
    assert [trial.reading.duration_s for trial in trials] == [4.0] * 3
    assert len(steps) == 2 + 3


def test_short_work_is_repeated_inside_one_window():
    """Work of 0.1 s fills a window of 1 s with 11 iterations, and the trial says so."""
    clock = Clock()
    trials, _, _ = steps_of(FunctionTask(lambda: clock.advance(0.1), (1,)), ClockMeter(clock), PLAN, clock)

    assert {trial.iterations for trial in trials} == {11}
    assert trials[0].reading.duration_s == pytest.approx(1.1)


def test_cold_first_run_does_not_size_the_windows():
    """Work that takes 20 s once and 0.1 s ever after still fills windows of 1 s; the short first window is a warm-up."""
    clock, runs = Clock(), []

    def work():
        runs.append(1)
        clock.advance(20 if len(runs) == 1 else 0.1)

    plan = Plan(warmup_rounds=1, rounds=3, min_window_s=1.0, max_time_s=1e6)
    trials, _, _ = steps_of(FunctionTask(work, (1,)), ClockMeter(clock), plan, clock)

    assert [trial.index for trial in trials] == [0, 1, 2]
    assert all(trial.reading.duration_s >= 1.0 for trial in trials)


def test_recorded_windows_are_repeated():
    """A meter that plays back decides how many windows of how many iterations there are."""
    clock = Clock()
    meter = ClockMeter(clock, RecordedWindows(iterations=(2, 5)))
    trials, _, _ = steps_of(FunctionTask(lambda: clock.advance(1), (1,)), meter, PLAN, clock)

    assert [trial.iterations for trial in trials] == [2, 5]


def test_failing_work_leaves_no_window_open():
    """When the work raises, its own error comes out, the window is closed and garbage collection is on again."""
    clock, calls = Clock(), []

    def work():
        calls.append(1)
        if len(calls) > 2:
            raise ZeroDivisionError
        clock.advance(2)

    meter = ClockMeter(clock)
    with pytest.raises(ZeroDivisionError):
        steps_of(FunctionTask(work, (1,)), meter, PLAN, clock)

    assert meter.open == 0
    assert gc.isenabled()


def test_zero_joules_make_the_trial_invalid():
    """Work that used no energy according to the meter is kept as invalid, never as free."""
    clock = Clock()
    plan = Plan(warmup_rounds=1, rounds=1, min_window_s=0, max_time_s=1)
    (trial,), _, _ = steps_of(FunctionTask(lambda: None, (1,)), ClockMeter(clock), plan, clock)

    assert trial.invalid_reasons == ("energy_not_positive",)


def test_broken_meter_is_heard():
    """A meter that cannot answer stops the case with its sentence."""

    class Broken(ClockMeter):
        def end(self, token):
            raise MeasurementInvalid("the counter went backwards")

    clock = Clock()
    with pytest.raises(MeasurementInvalid, match="backwards"):
        steps_of(FunctionTask(lambda: clock.advance(2), (1,)), Broken(clock), PLAN, clock)
