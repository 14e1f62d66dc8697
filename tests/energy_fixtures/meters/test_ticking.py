"""Counters that go round or stop, read as they stand or by their steps. On virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from energy_fixtures.meters.base import Cadence, MeterInfo
from energy_fixtures.meters.counter_meter import CounterMeter
from energy_fixtures.meters.ticking import Counter, CounterSource, catch_ticks
from energy_fixtures.readings import COVERAGE, Reading
from tests.simulated_board.virtual import Board, Clock, joules_of

INFO = MeterInfo(name="zeus", method="counter", domains=("cpu:0",), resolution_s=0.0)


def a_meter(source: CounterSource, clock: Clock) -> CounterMeter:
    """A meter of one processor's counter, with nothing beside it."""
    return CounterMeter(INFO, [source], clock=clock, sleep=clock.sleep)


def window(meter: CounterMeter, clock: Clock, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> Reading:
    """One window of that length."""
    token = meter.begin("", ())
    clock.now_s += seconds
    meanwhile()
    return meter.end(token)


def test_fast_counter_that_stops():
    """A counter that is read as it stands and stopped inside the window is stuck too: what it shows is a part at most."""
    clock = Clock()
    board = Board(clock, joules_of("65"), tick_s=0.001)
    meter = a_meter(board.source("cpu:0"), clock)
    assert window(meter, clock, 1.0).invalid_reasons == ()

    def stop() -> None:
        board.stuck_at_s = clock.now_s - 0.5

    reading = window(meter, clock, 1.0, stop)

    assert reading.invalid_reasons == ("counter_stuck",)
    assert reading.energy_j == {}


def test_slow_counter_is_not_called_stuck():
    """A counter whose steps are too far apart to be learnt at the start may stand still for a while after a window."""
    clock = Clock()
    meter = a_meter(Board(clock, joules_of("65"), tick_s=1.0).source("cpu:0"), clock)

    for _ in range(5):
        assert window(meter, clock, 10.3).invalid_reasons == ()


@pytest.mark.parametrize("left_j", [20, 200, 390, 399, 401, 405, 430, 460])
@pytest.mark.parametrize("noticed_after_s", [0.0, 0.015, 0.05])
def test_counter_that_goes_round(left_j: float, noticed_after_s: float):
    """A counter that starts again from zero inside a window, or in the step that ends it, costs no joule and adds none.

    Zeus adds the range when it notices, which may be later.
    """
    clock, range_j = Clock(), 262_143.0
    board = Board(clock, joules_of("400"), tick_s=0.02, phase_s=0.003)
    start_j = [0.0]

    def read_j() -> float:
        shown_j = board.counter_j()
        noticed_j = board.drawn_j(clock.now_s - noticed_after_s)
        return (shown_j + start_j[0]) % range_j + range_j * ((noticed_j + start_j[0]) // range_j)

    meter = a_meter(CounterSource(domain="cpu:0", read_j=read_j, range_j=range_j), clock)
    window(meter, clock, 1.0)
    clock.now_s += 2.0
    start_j[0] = range_j - left_j - board.drawn_j(clock.now_s)
    for _ in range(3):
        reading = window(meter, clock, 0.95)

        assert reading.invalid_reasons == ()
        assert reading.energy_j["cpu:0"] == pytest.approx(400 * reading.duration_s, rel=0.01)


@pytest.mark.parametrize("seconds", [24.0, 30.0, 60.0, 200.0])
def test_counter_that_goes_round_in_a_long_window(seconds: float):
    """A wrap that Zeus counts a second late costs nothing in windows of minutes either."""
    clock, range_j = Clock(), 262_143.0
    board = Board(clock, joules_of("200"), tick_s=0.001)
    start_j = [0.0]

    def read_j() -> float:
        shown_j, noticed_j = board.counter_j(), board.drawn_j(clock.now_s - 1.0)
        return (shown_j + start_j[0]) % range_j + range_j * ((noticed_j + start_j[0]) // range_j)

    meter = a_meter(CounterSource(domain="cpu:0", read_j=read_j, range_j=range_j), clock)
    start_j[0] = range_j - board.drawn_j(clock.now_s) + 60  # it went round 0.3 s ago
    reading = window(meter, clock, seconds)

    assert reading.invalid_reasons == ()
    assert reading.energy_j["cpu:0"] == pytest.approx(200 * reading.duration_s, rel=0.01)


@pytest.mark.parametrize("tick_s", [0.6, 1.0, 2.5])
def test_counter_that_steps_rarely_knows_it(tick_s: float):
    """A counter with steps of a second is either waited for or says how little it knows: its interval holds.

    Where it did not step at all the window reads zero, which nobody counts.
    """
    clock = Clock()
    meter = a_meter(Board(clock, joules_of("100"), tick_s=tick_s, phase_s=0.2).source("cpu:0"), clock)
    for _ in range(30):
        clock.now_s += 0.37
        reading = window(meter, clock, 1.0)
        joules = reading.energy_j.get("cpu:0", 0.0)
        assert joules == 0 or abs(joules - 100 * reading.duration_s) <= 2 * COVERAGE * reading.uncertainty_j["cpu:0"]


def test_period_is_learnt_from_every_step_that_is_caught():
    """A period that was known to a tenth of a percent is known to a thousandth after a minute, with no jitter made of it."""
    clock = Clock()
    board = Board(clock, joules_of("400"), tick_s=0.100013, phase_s=0.02)
    roughly = Cadence(period_s=0.1, period_error_s=0.0001, step_j=0.001, read_s=0.00003)
    counter = Counter(board.source(), roughly, clock)
    for pause_s in (0.0, 0.5, 2.0, 10.0, 50.0):
        clock.now_s += pause_s
        catch_ticks([counter], clock, clock.sleep)

    assert counter.cadence.period_s == pytest.approx(0.100013, abs=1e-6)
    assert counter.cadence.period_error_s < 1e-6
    assert counter.jitter_s < 0.0002
