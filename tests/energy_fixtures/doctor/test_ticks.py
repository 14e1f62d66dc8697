from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.doctor.ticks import Moment
from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.ticking import CounterUnreadable
from tests.energy_fixtures.doctor.fakes import FakeClock, FakeCounter


@given(
    phase_s=st.floats(0, 0.1),
    late_s=st.floats(0, 0.02),
    length_s=st.floats(0.3, 20),
    off=st.floats(-1, 1),
)
def test_a_reading_stands_for_the_tick_before_it(phase_s, late_s, length_s, off):
    """Whatever the phase, a late sleep and a slightly wrong period, two readings give the true mean power."""
    clock = FakeClock(late_s=late_s)
    fake = FakeCounter(clock, lambda at_s: 70 * at_s, phase_s=phase_s)
    counter = fake.ticking(known_period_s=0.1 + off * 5e-5, period_error_s=5e-5)
    begin = counter.read_at(clock())
    end = counter.read_at(clock() + length_s)

    assert end.at_s - begin.at_s >= length_s - 0.2
    assert counter.power_w(begin, end) == pytest.approx(70, rel=1e-3)


def test_the_period_is_known_better_the_longer_it_is_followed():
    """A period that was measured to half a percent is right to two parts in ten thousand after a minute."""
    clock = FakeClock()
    counter = FakeCounter(clock, lambda at_s: 70 * at_s).ticking(known_period_s=0.1003, period_error_s=3e-4)
    for _ in range(60):
        counter.read_at(clock() + 1)

    assert counter.refined().period_s == pytest.approx(0.1, rel=2e-4)
    assert counter.refined().period_error_s < 1e-4


def test_it_is_not_read_between():
    """Ten updates cost one reading at each end, once the tick is known."""
    clock = FakeClock()
    fake = FakeCounter(clock, lambda at_s: 70 * at_s)
    counter = fake.ticking()
    counter.read_at(clock())
    reads: list[float] = []
    fake.energy_j = lambda at_s: reads.append(at_s) or 70 * at_s
    counter.read_at(clock() + 1)

    assert len(reads) == 1


def test_a_fast_counter_is_read_at_once():
    """A counter that steps every millisecond is read as it stands, at the middle of the reading."""
    clock = FakeClock()
    counter = FakeCounter(clock, lambda at_s: 70 * at_s, period_s=0.001, read_s=0.0004).ticking()

    assert counter.read_at(clock()).at_s == pytest.approx(1000.0002)


def test_a_counter_that_falls_when_read_often_still_shows_its_tick():
    """Losing a few millijoules at each look is not taken for a tick."""
    clock = FakeClock()
    fake = FakeCounter(clock, lambda at_s: 70 * at_s, haste_j=0.03, phase_s=0.05)
    moment = fake.ticking().read_at(clock())

    assert (moment.at_s - 0.05) / 0.1 == pytest.approx(round((moment.at_s - 0.05) / 0.1), abs=0.06)


def test_a_counter_that_stands_still_is_said_to():
    """Ten updates without a step end the examination of that counter with a sentence and a remedy."""
    clock = FakeClock()
    fake = FakeCounter(clock, lambda at_s: 70 * at_s)
    fake.stuck_at_s = 0.0

    with pytest.raises(MeasurementInvalid, match="gpu:0 stood still for 10 of its updates; check it"):
        fake.ticking().read_at(clock())


def test_a_counter_that_is_lost_is_said_to_be():
    """What the reader says of a counter that cannot be read stands in the error."""
    counter = FakeCounter(FakeClock(), lambda at_s: 70 * at_s).ticking()

    def lost() -> float:
        raise CounterUnreadable("GPU is lost")

    counter._source = type(counter._source)(domain="gpu:0", read_j=lost)
    with pytest.raises(MeasurementInvalid, match="gpu:0 cannot be read any more: GPU is lost"):
        counter.read_at(0)


def test_round_the_clock():
    """A counter that starts again from zero at its range goes on; one without a range was reset."""
    clock = FakeClock()
    round_one = FakeCounter(clock, lambda at_s: 70 * at_s, range_j=500).ticking()
    never = FakeCounter(clock, lambda at_s: 70 * at_s).ticking()

    assert round_one.power_w(Moment(0, 490), Moment(1, 60)) == pytest.approx(70)
    with pytest.raises(MeasurementInvalid, match="went back by 430 J"):
        never.power_w(Moment(0, 490), Moment(1, 60))
