"""Windows inside windows: nothing waits, and what that costs is said. On virtual time."""

from __future__ import annotations

import random

import pytest

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.meters.counter_meter import CounterMeter
from energy_fixtures.readings import COVERAGE
from tests.simulated_board.virtual import Board, Clock, VirtualWatch, joules_of

pytestmark = pytest.mark.quiet

SQUARE = "100/600@0.7"


def a_meter(boards: dict[str, Board], clock: Clock) -> CounterMeter:
    """A meter of these boards with a watch beside them."""
    info = MeterInfo(name="zeus", method="counter", domains=tuple(boards), resolution_s=0.0)
    sources = [board.source(domain) for domain, board in boards.items()]
    return CounterMeter(info, sources, watch=VirtualWatch(boards, clock), clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(("trace", "power_tick_s"), [("400", 0.001), (SQUARE, 0.1), ("100~600@2", 0.1)])
def test_interval_of_inner_windows_holds(trace: str, power_tick_s: float):
    """Windows inside another, whose ends are drawn on by sampled power, hold the truth in 95 of 100 as well."""
    rng, clock, drawn_j, covered = random.Random(8), Clock(), joules_of(trace), 0
    meter = a_meter({"gpu:0": Board(clock, drawn_j, phase_s=0.03, power_tick_s=power_tick_s)}, clock)
    for _ in range(100):
        clock.now_s += rng.uniform(0, 2)
        outer = meter.begin("outer", ())
        clock.now_s += rng.uniform(0.2, 0.5)
        inner = meter.begin("inner", ())
        begun_s = clock.now_s
        clock.now_s += 1.0
        ended_s = clock.now_s
        reading = meter.end(inner)
        clock.now_s += 0.3
        meter.end(outer)
        apart_j = abs(reading.energy_j["gpu:0"] - drawn_j(ended_s) + drawn_j(begun_s))
        covered += apart_j <= COVERAGE * reading.uncertainty_j["gpu:0"]

    assert covered >= 95


def test_inner_window_does_not_wait():
    """A window inside another waits for nothing, which the outer one would meter, and says that it is less sure."""
    clock = Clock()
    meter = a_meter({"gpu:0": Board(clock, joules_of(SQUARE))}, clock)
    outer = meter.begin("outer", ())
    clock.now_s += 0.4
    began_s = clock.now_s
    inner = meter.begin("inner", ())
    clock.now_s += 1.0
    inside = meter.end(inner)

    assert clock.now_s - began_s < 1.01
    clock.now_s += 0.3
    outside = meter.end(outer)
    assert inside.uncertainty_j["gpu:0"] > 0
    assert inside.energy_j["gpu:0"] < outside.energy_j["gpu:0"]
    truth_j = joules_of(SQUARE)(began_s + 1.0) - joules_of(SQUARE)(began_s)
    assert inside.energy_j["gpu:0"] == pytest.approx(truth_j, rel=0.2)
