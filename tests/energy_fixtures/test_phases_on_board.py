"""The whole way on a simulated board whose true energy is known: our counter windows, its power samples, both phases."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.meters.counter_meter import CounterMeter
from energy_fixtures.phases import split
from energy_fixtures.readings import COVERAGE, BoardTrace
from energy_fixtures.records import Generation, Result, Span, Trial
from tests.simulated_board.virtual import Board, Clock, VirtualWatch

IDLE_W, PREFILL_W, DECODE_W = 90.0, 600.0, 320.0
HAND_OVER_S = 0.001
INFO = MeterInfo(name="zeus", method="counter", domains=("gpu:0",), resolution_s=0.0)


@dataclass
class Load:
    """Power that was drawn from each change on."""

    since_s: list[float] = field(default_factory=lambda: [0.0])
    power_w: list[float] = field(default_factory=lambda: [IDLE_W])
    drawn_j: list[float] = field(default_factory=lambda: [0.0])

    def change(self, now_s: float, power_w: float) -> None:
        """From now on."""
        self.drawn_j.append(self.until_j(now_s))
        self.since_s.append(now_s)
        self.power_w.append(power_w)

    def until_j(self, moment_s: float) -> float:
        """Energy drawn until then."""
        place = bisect_right(self.since_s, moment_s) - 1
        return self.drawn_j[place] + self.power_w[place] * (moment_s - self.since_s[place])


class Machine:
    """A board, a meter on it, and an engine that takes `prefill_s` and `decode_s` for an iteration, give or take 1 %."""

    def __init__(self, seed: int, prefill_s: float, decode_s: float) -> None:
        self._draw = random.Random(seed)
        self._load, self._prefill_s, self._decode_s = Load(), prefill_s, decode_s
        self._clock = Clock(jitter=lambda: self._draw.expovariate(10_000))
        board = Board(self._clock, self._load.until_j, phase_s=self._draw.uniform(0.0, 0.1))
        self._watch = VirtualWatch({"gpu:0": board}, self._clock)
        self._meter = CounterMeter(
            INFO, [board.source()], watch=self._watch, clock=self._clock, sleep=self._clock.sleep
        )

    def window(self, iterations: int, *, decoding: bool, power_w: float = PREFILL_W) -> Trial:
        """As the runner makes it; `power_w` is prefill's."""
        self._clock.now_s += self._draw.uniform(0.2, 0.4)
        token = self._meter.begin("case", ())
        begun_s = self._clock.now_s
        self._clock.now_s += HAND_OVER_S
        spans, started_s = [], self._clock.now_s
        for _ in range(iterations):
            start_s = self._spend(self._prefill_s, power_w)
            first_s = self._clock.now_s
            if decoding:
                self._spend(self._decode_s, DECODE_W)
            spans.append((start_s - started_s, first_s - started_s, self._clock.now_s - started_s))
        self._load.change(self._clock.now_s, IDLE_W)
        self._clock.now_s += HAND_OVER_S
        ended_s = self._clock.now_s
        reading = self._meter.end(token)
        samples = self._watch.samples("gpu:0", begun_s, ended_s)
        trace = BoardTrace(timeline=tuple((one.at_s - begun_s, one.power_w, None) for one in samples))
        return Trial(
            index=0,
            iterations=iterations,
            reading=msgspec.structs.replace(reading, boards={"gpu:0": trace}),
            generation=Generation(
                requests=(),
                spans=tuple(Span(start_s=start, first_token_s=first, end_s=end) for start, first, end in spans),
            ),
        )

    def _spend(self, seconds: float, power_w: float) -> float:
        """When it began."""
        begun_s = self._clock.now_s
        self._load.change(begun_s, power_w)
        self._clock.now_s += seconds * self._draw.gauss(1.0, 0.01)
        return begun_s


@pytest.mark.parametrize(
    ("prefill_s", "decode_s", "route"), [(0.8, 1.2, "both"), (0.02, 0.2, "beside")], ids=["long", "short"]
)
def test_phases_hold_the_truth(result: Callable[..., Result], prefill_s: float, decode_s: float, route: str) -> None:
    """Prefill and decode lie within their 95 % intervals, and the check raises no more false alarms than 5 in 100."""
    cases = 15
    prefill = decode = alarms = 0
    for seed in range(cases):
        machine = Machine(seed, prefill_s, decode_s)
        count = max(2, round(2.0 / (prefill_s + decode_s)))
        whole = tuple(machine.window(count, decoding=True) for _ in range(3))
        beside = tuple(machine.window(round(1.6 / prefill_s), decoding=False) for _ in range(3))
        found = split(result(trials=whole, prefill_trials=beside))
        assert found is not None and found.route == route
        assert found.prefill_u_j is not None and found.decode_u_j is not None
        prefill += abs(found.prefill_j - PREFILL_W * prefill_s) <= COVERAGE * found.prefill_u_j
        decode += abs(found.decode_j - DECODE_W * decode_s) <= COVERAGE * found.decode_u_j
        alarms += found.adds_up is False

    assert min(prefill, decode) >= cases - 2  # 3 or more outside of 15 is unlikely at 95 % (4 in 100)
    assert alarms <= 2


def test_a_prefill_of_other_power_beside_is_found_from_inside(result: Callable[..., Result]) -> None:
    """Where prefill draws a third less beside the full windows than inside, the phases do not add up."""
    machine = Machine(1, 0.8, 1.2)
    whole = tuple(machine.window(2, decoding=True) for _ in range(3))
    beside = tuple(machine.window(2, decoding=False, power_w=400.0) for _ in range(3))
    found = split(result(trials=whole, prefill_trials=beside))

    assert found is not None
    assert found.adds_up is False
    assert found.residual_j == pytest.approx(200 * 0.8, rel=0.25)
