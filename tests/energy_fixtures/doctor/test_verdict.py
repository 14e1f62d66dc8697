from __future__ import annotations

import pytest

from energy_fixtures.doctor.verdict import disagrees, judge, loses_when_read_fast
from energy_fixtures.examination import Agreement, BoardFinding, CounterFinding, ReadRate, ShortestWindow
from energy_fixtures.reasons import REASONS


def need(level_s: float, changing_s: float) -> ShortestWindow:
    return ShortestWindow(
        error=0.01,
        level_s=level_s,
        level_w=70,
        level_edge_j=0.1,
        changing_s=changing_s,
        changing_w=385,
        swing_w=630,
    )


def rate(short: float, uncertainty: float) -> ReadRate:
    return ReadRate(once_short=0, fast_short=short, uncertainty=uncertainty, once_hz=9, fast_hz=290, span_s=1, spans=4)


def test_the_slowest_counter_decides():
    """The window of the verdict is long enough for every domain."""
    verdict = judge(
        [
            CounterFinding(domain="gpu:0", shortest_window=need(0.3, 12)),
            CounterFinding(domain="cpu:0", shortest_window=need(0.5, 0.6)),
        ],
        [],
    )

    assert (verdict.measured, verdict.shortest_level_s, verdict.shortest_changing_s) == (True, 0.5, 12)
    assert verdict.doubts == ()


@pytest.mark.parametrize(
    ("short", "uncertainty", "loses"),
    [(0.12, 0.01, True), (0.12, 0.1, False), (0.005, 0.0001, False), (-0.2, 0.01, False)],
)
def test_loss_has_to_be_shown(short, uncertainty, loses):
    """A counter is said to fall short only when a percent or more is missing beyond what chance explains."""
    assert loses_when_read_fast(CounterFinding(domain="gpu:0", read_rate=rate(short, uncertainty))) is loses


@pytest.mark.parametrize(
    ("ratio", "uncertainty", "differ"), [(1.1, 0.01, True), (0.9, 0.01, True), (1.1, 0.05, False), (1.04, 0.001, False)]
)
def test_disagreement_has_to_be_shown(ratio, uncertainty, differ):
    """Counter and sensor disagree when more than five percent lie outside the interval of their ratio."""
    seen = Agreement(sensor_w=70, ratio=ratio, uncertainty=uncertainty, samples=100)

    assert disagrees(CounterFinding(domain="gpu:0", agreement=seen)) is differ


def test_doubts_of_a_bad_day():
    """Everything that would weaken a measurement here is named by its code, each once, with its domain."""
    board = BoardFinding(
        domain="gpu:0",
        sensor_w=70,
        throttle=("sw_power_cap", "hw_thermal_slowdown"),
        foreign_processes=2,
        mig=True,
    )
    verdict = judge([], [board])

    assert verdict.measured
    assert verdict.doubts == (
        ("", "host_energy_missing"),
        ("gpu:0", "foreign_process"),
        ("gpu:0", "whole_card_reading"),
        ("gpu:0", "throttled"),
        ("gpu:0", "power_capped"),
        ("gpu:0", "power_integrated"),
    )
    assert {code for _, code in verdict.doubts} <= set(REASONS)


def test_nothing_to_measure_with():
    """Without counters, or with none that works, there are no measured joules."""
    broken = CounterFinding(domain="gpu:0", problem="it did not move")

    for counters in ((), (broken,)):
        verdict = judge(counters, ())
        assert not verdict.measured
        assert verdict.doubts == (("", "modelled_not_measured"),)
        assert verdict.shortest_level_s is None
