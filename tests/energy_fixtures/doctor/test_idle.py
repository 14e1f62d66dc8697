from __future__ import annotations

import pytest

from energy_fixtures.doctor.idle import agreement, idle_power, take_moments
from energy_fixtures.doctor.ticks import Moment
from energy_fixtures.meters.base import PowerSample
from tests.energy_fixtures.doctor.fakes import FakeClock, FakeCounter


def never(domain: str, sentence: str) -> None:
    raise AssertionError(f"{domain}: {sentence}")


def test_level_power_has_no_spread():
    """Windows of a second over 100 ms ticks at 70 W all show 70 W, where windows cut anywhere would vary by a tenth."""
    clock = FakeClock(late_s=0.0003)
    counter = FakeCounter(clock, lambda at_s: 70 * at_s, phase_s=0.037).ticking()
    moments = take_moments([counter], windows=20, window_s=1.0, until=lambda moment_s: None, failed=never)["gpu:0"]
    seen = idle_power(counter, moments)

    assert seen is not None
    assert seen.windows == 20
    assert seen.window_s == pytest.approx(1.0, abs=0.02)
    assert seen.mean_w == pytest.approx(70)
    assert seen.highest_w - seen.lowest_w < 0.1
    assert seen.edge_j < 0.1


def test_several_counters_share_their_windows():
    """Counters of other phases and periods are read in the same windows, each at its own moments."""
    clock = FakeClock()
    counters = [
        FakeCounter(clock, lambda at_s: 70 * at_s, period_s=period_s, phase_s=phase_s).ticking()
        for period_s, phase_s in ((0.1, 0.0), (0.1, 0.06), (0.02, 0.003), (0.001, 0.0))
    ]
    for place, counter in enumerate(counters):
        counter.domain = f"gpu:{place}"
    moments = take_moments(counters, windows=5, window_s=1.0, until=lambda moment_s: None, failed=never)

    for counter in counters:
        assert len(moments[counter.domain]) == 6
        seen = idle_power(counter, moments[counter.domain])
        assert seen is not None
        assert seen.mean_w == pytest.approx(70, rel=1e-3)
    assert clock() - 1000 == pytest.approx(5.2, abs=0.3)


def test_a_counter_that_stops_does_not_stop_the_others():
    """The sentence is kept for the counter that stood still, and the other's windows are whole."""
    clock = FakeClock()
    stuck, well = (FakeCounter(clock, lambda at_s: 70 * at_s) for _ in range(2))
    stuck.stuck_at_s = 0.0
    counters = [stuck.ticking(), well.ticking()]
    counters[0].domain = "gpu:1"
    said: dict[str, str] = {}
    moments = take_moments(counters, windows=4, window_s=0.5, until=lambda moment_s: None, failed=said.__setitem__)

    assert list(said) == ["gpu:1"]
    assert moments["gpu:1"] == []
    assert len(moments["gpu:0"]) == 5
    assert idle_power(counters[0], []) is None


def test_agreement_is_the_sensors_share():
    """A sensor that says five percent more than the counter has the ratio 1.05; without two windows there is none."""
    counter = FakeCounter(FakeClock(), lambda at_s: 70 * at_s).ticking()
    moments = [Moment(second, 70.0 * second) for second in range(6)]
    samples = [PowerSample(place / 10, 73.5) for place in range(50)]
    seen = agreement(counter, moments, samples)

    assert seen is not None
    assert (seen.ratio, seen.sensor_w, seen.samples) == (pytest.approx(1.05), pytest.approx(73.5), 50)
    assert seen.uncertainty == pytest.approx(0, abs=1e-9)
    assert agreement(counter, moments[:2], samples) is None
    assert agreement(counter, moments, []) is None
