"""The runner: only the work lies inside the window, to the second, on a clock of our own."""

import dataclasses
import gc
import itertools

import pytest

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State
from energy_fixtures.protocol import CoolDown, Plan, WarmUp
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.runner import Clock, run
from energy_fixtures.tasks import FunctionTask


class FakeClock:
    def __init__(self):
        self.now_s = 0.0
        self.waited_s = 0.0
        self.clock = Clock(now=lambda: self.now_s, sleep=self.wait)

    def advance(self, seconds):
        self.now_s += seconds

    def wait(self, seconds):
        self.waited_s += seconds
        self.advance(seconds)


class FakeMeter:
    """A meter of 100 W on a fake clock; `states` are what the board is like, one after the other, the last for ever."""

    def __init__(self, time, *, recorded=None, method="simulated", states=(None,), edge_j=None, spoil=lambda index: {}):
        self.info = MeterInfo(name="fake", method=method, domains=("gpu:0",), resolution_s=0.001)
        self.time = time
        self.open = 0
        self.windows = 0
        self._recorded = recorded
        self._states = itertools.chain(states, itertools.repeat(states[-1]))
        self._edge_j = edge_j
        self._spoil = spoil

    def begin(self, label, pids):
        self.open += 1
        return self.time.now_s

    def end(self, token):
        self.open -= 1
        seconds = self.time.now_s - token
        fields = {
            "energy_j": {"gpu:0": 100 * seconds},
            "uncertainty_j": {} if self._edge_j is None else {"gpu:0": self._edge_j},
        }
        fields |= self._spoil(self.windows)
        self.windows += 1
        return Reading(duration_s=seconds, method=self.info.method, **fields)

    def state(self, since_s, domains=None):
        return next(self._states)

    def recorded(self, label):
        return self._recorded


def steps_of(task, meter, plan):
    steps = []
    trials, enough = run(task, meter, plan, "x", ("gpu:0",), steps.append, meter.time.clock)
    return trials, enough, steps


def work_of(time, seconds):
    return FunctionTask(lambda: time.advance(seconds), (1,))


PLAN = Plan(warmup_rounds=2, rounds=3, min_window_s=1.0, max_time_s=1e6)


def test_setup_and_teardown_are_not_measured():
    """Setup adds 200 s, the work 4 s, teardown 30 s: each window is exactly 4 s and 400 J."""
    time = FakeClock()
    task = FunctionTask(lambda: time.advance(4), (1,), lambda: time.advance(200), lambda: time.advance(30))
    trials, _, steps = steps_of(task, FakeMeter(time), PLAN)

    assert [trial.reading.energy_j["gpu:0"] for trial in trials] == [400.0] * 3
    assert [trial.reading.duration_s for trial in trials] == [4.0] * 3
    assert len(steps) == 2 + 3


def test_short_work_is_repeated_inside_one_window():
    """Work of 0.1 s fills a window of 1 s with 11 iterations, and the trial says so."""
    time = FakeClock()
    trials, _, _ = steps_of(work_of(time, 0.1), FakeMeter(time), PLAN)

    assert {trial.iterations for trial in trials} == {11}
    assert trials[0].reading.duration_s == pytest.approx(1.1)


def test_cold_first_run_does_not_size_the_windows():
    """Work that takes 20 s once and 0.1 s ever after still fills windows of 1 s; the short first window is a warm-up."""
    time, runs = FakeClock(), []

    def work():
        runs.append(1)
        time.advance(20 if len(runs) == 1 else 0.1)

    plan = Plan(warmup_rounds=1, rounds=3, min_window_s=1.0, max_time_s=1e6)
    trials, _, _ = steps_of(FunctionTask(work, (1,)), FakeMeter(time), plan)

    assert [trial.index for trial in trials] == [0, 1, 2]
    assert all(trial.reading.duration_s >= 1.0 for trial in trials)


def test_windows_grow_with_the_meters_own_error():
    """A meter that is 2 J uncertain per window gets windows of at least 392 J for an error of 1 %, all as trials alike."""
    time = FakeClock()
    plan = dataclasses.replace(PLAN, max_error=0.01)
    trials, _, _ = steps_of(work_of(time, 0.1), FakeMeter(time, edge_j=2.0), plan)

    assert [trial.index for trial in trials] == [0, 1, 2]
    assert len({trial.iterations for trial in trials}) == 1
    assert all(392 <= trial.reading.energy_j["gpu:0"] < 392 * 1.2 for trial in trials)


def test_warm_up_ends_when_power_is_level():
    """Blocks go on while the board's power rises, and the trials of a level board carry no doubt."""
    time = FakeClock()
    powers_w = [None, 100, 200, 280, 300, 301, 301]
    states = [State(power_w=watts, temperature_c=None) for watts in powers_w]
    meter = FakeMeter(time, method="counter", states=states)
    plan = dataclasses.replace(PLAN, max_warmup_s=60.0, steady=True)
    trials, _, steps = steps_of(work_of(time, 0.1), meter, plan)

    assert [step.iterations for step in steps if isinstance(step, WarmUp)] == [1, 3, 3, 3, 3, 3]
    assert not any("warmup_not_level" in trial.doubts for trial in trials)


def test_warm_up_that_never_levels_is_a_doubt():
    """When the limit ends a warm-up whose temperature still rises, every trial says so; modelled joules do not care."""
    for method, doubted in (("counter", True), ("modelled", False)):
        time = FakeClock()
        states = [State(power_w=None, temperature_c=celsius) for celsius in range(30, 90)]
        plan = dataclasses.replace(PLAN, max_warmup_s=2.0, steady=method == "counter")
        trials, _, steps = steps_of(work_of(time, 0.1), FakeMeter(time, method=method, states=states), plan)

        assert sum(isinstance(step, WarmUp) for step in steps) == 1 + 6  # of 0.1 s once, of 0.3 s then
        assert {"warmup_not_level" in trial.doubts for trial in trials} == {doubted}


def test_board_rests_until_it_is_cool_again():
    """A cool-down waits until the board is within a degree of its first temperature, and never longer than asked."""
    celsius = [40, *[60] * 2, 60, 50, 41, *[70] * 100]  # at first, after two warm-ups, then while it rests
    time = FakeClock()
    meter = FakeMeter(time, states=[State(power_w=None, temperature_c=float(one)) for one in celsius])
    plan = dataclasses.replace(PLAN, rounds=2, cooldown_s=10.0)
    _, _, steps = steps_of(work_of(time, 4), meter, plan)

    assert sum(isinstance(step, CoolDown) for step in steps) == 2
    assert time.waited_s == pytest.approx(0.5 + 10.0)


def test_board_without_a_thermometer_rests_all_the_time():
    """Where no temperature is known a cool-down lasts as long as was asked for."""
    time = FakeClock()
    steps_of(work_of(time, 4), FakeMeter(time), dataclasses.replace(PLAN, rounds=2, cooldown_s=10.0))

    assert time.waited_s == pytest.approx(20.0)


def test_invalid_windows_are_kept_and_replaced():
    """A counter that failed once leaves an invalid trial, and one more window is opened for it."""
    time = FakeClock()
    broken = {"energy_j": {}, "invalid_reasons": ("counter_unreadable",)}
    meter = FakeMeter(time, spoil=lambda index: broken if index == 1 else {})
    trials, enough, _ = steps_of(work_of(time, 4), meter, PLAN)

    assert [trial.index for trial in trials] == [0, 1, 2, 3]
    assert [trial.valid for trial in trials] == [True, False, True, True]
    assert "counter_unreadable" in trials[1].invalid_reasons
    assert not enough.cut_short


def test_recorded_windows_are_repeated():
    """A meter that plays back decides how many windows of how many iterations there are."""
    time = FakeClock()
    meter = FakeMeter(time, recorded=RecordedWindows(iterations=(2, 5)))
    trials, _, _ = steps_of(work_of(time, 1), meter, PLAN)

    assert [trial.iterations for trial in trials] == [2, 5]


def test_failing_work_leaves_no_window_open():
    """When the work raises, its own error comes out, the window is closed and garbage collection is on again."""
    time, calls = FakeClock(), []

    def work():
        calls.append(1)
        if len(calls) > 2:
            raise ZeroDivisionError
        time.advance(2)

    meter = FakeMeter(time)
    with pytest.raises(ZeroDivisionError):
        steps_of(FunctionTask(work, (1,)), meter, PLAN)

    assert meter.open == 0
    assert gc.isenabled()


def test_zero_joules_make_the_trial_invalid():
    """Work that used no energy according to the meter is kept as invalid, never as free."""
    time = FakeClock()
    plan = Plan(warmup_rounds=1, rounds=1, min_window_s=0, max_time_s=1)
    trials, enough, _ = steps_of(FunctionTask(lambda: None, (1,)), FakeMeter(time), plan)

    assert {trial.invalid_reasons for trial in trials} == {("energy_not_positive",)}
    assert enough.cut_short


def test_broken_meter_is_heard():
    """A meter that cannot answer stops the case with its sentence."""

    class Broken(FakeMeter):
        def end(self, token):
            raise MeasurementInvalid("the counter went backwards")

    time = FakeClock()
    with pytest.raises(MeasurementInvalid, match="backwards"):
        steps_of(work_of(time, 2), Broken(time), PLAN)


def test_no_garbage_is_collected_inside_a_window():
    """Python's garbage collector, whose pauses can last a second, is off inside windows and on outside them."""
    time, seen = FakeClock(), []

    def work():
        seen.append(gc.isenabled())
        time.advance(1)

    steps_of(FunctionTask(work, (1,), lambda: seen.append(gc.isenabled())), FakeMeter(time), PLAN)

    assert seen == [True, True] * PLAN.warmup_rounds + [True, False] * PLAN.rounds
    assert gc.isenabled()


def test_windows_of_a_case_share_one_power_limit():
    """Once the board's limit has changed between two windows the later ones are invalid, as often as there are spares."""
    time = FakeClock()

    def limited(index):
        limit_w = 700 if index < 2 else 400
        return {"boards": {"gpu:0": BoardTrace(power_limit_min_w=limit_w, power_limit_max_w=limit_w)}}

    trials, enough, _ = steps_of(work_of(time, 1.0), FakeMeter(time, spoil=limited), PLAN)

    assert [trial.invalid_reasons for trial in trials] == [(), (), *[("power_limit_changed",)] * 3]
    assert enough.cut_short
