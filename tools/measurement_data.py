"""The numbers behind the pictures of docs/measurement.md.

The windows are those of the real CounterMeter on tests/simulated_board/virtual.py, a board whose true energy is known and
whose time only moves when somebody waits. `python -m tools.measurement_data` prints the error budget.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.meters.counter_meter import CounterMeter
from energy_fixtures.meters.edges import Tick, between_ticks
from energy_fixtures.readings import COVERAGE, Part, Reading
from tests.simulated_board.trace import true_energy_j
from tests.simulated_board.virtual import Board, Clock, Joules, VirtualWatch, joules_of

DOMAIN = "gpu:0"
COUNTED: tuple[Part, ...] = ("tick", "quantum", "edges", "board_gain")
TICK_S = 0.1
POWER_TICK_S = 0.1  # A100 and H100 renew their instant power so often (arXiv 2312.02741)
IDLE_W, WORK_W, WORK_S = 90.0, 400.0, 0.43
LEVEL, SQUARE, FAST = "400", "100/600@0.7", "100/600@0.15"
NAMES = {LEVEL: "level, 400 W", SQUARE: "square, 100/600 W, 0.7 s period", FAST: "square, 100/600 W, 0.15 s period"}
LENGTHS_S = (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
SEEN_S = 0.025  # the part of each 100 ms that an A100's or H100's power sensor looks at (arXiv 2312.02741)

Row = dict[str, str | float]
"""One record of a picture."""


@dataclass(frozen=True, kw_only=True)
class OneWindow:
    """One window around work that ends inside a step; moments count from its start, joules from there too.

    Attributes:
        reading: What the meter said.
        truth_j: What was drawn.
        naive_j: Difference of the counter between the two ends, as it stood.
        linear_j: The same with a straight line between the two steps around the end.
        ticks_s: The counter's steps, from before the window until after it.
        reads_s: When the meter read the counter.
        drawn, counter, rebuilt, line: Curves, (s, J) each: the truth, the counter, the step in which the window ends as the
            meter rebuilds it and as a straight line.
        rebuilt_u_j: Of `rebuilt` one standard uncertainty, point by point.
    """

    reading: Reading
    truth_j: float
    naive_j: float
    linear_j: float
    ticks_s: list[float]
    reads_s: list[float]
    drawn: list[tuple[float, float]]
    counter: list[tuple[float, float]]
    rebuilt: list[tuple[float, float]]
    rebuilt_u_j: list[float]
    line: list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Windows of one length, each a share of the true joules: errors of ours, half of our 95 % interval, naive errors."""

    ours: list[float]
    claims: list[float]
    naive: list[float]

    @property
    def covered(self) -> float:
        """Share of windows whose 95 % interval holds the truth."""
        return sum(error <= claim for error, claim in zip(self.ours, self.claims, strict=True)) / len(self.ours)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One window of ours with the truth, and beside it the naive error of another one of about that length."""

    reading: Reading
    truth_j: float
    naive: float


def a_meter(board: Board, clock: Clock, *, counted: bool = True) -> CounterMeter:
    """The product's meter of one virtual board, by its counter or by its power alone."""
    info = MeterInfo(name="zeus", method="counter", domains=(DOMAIN,), resolution_s=0.0)
    watch = VirtualWatch({DOMAIN: board}, clock)
    counters, sampled = ([board.source()], ()) if counted else ([], (DOMAIN,))
    return CounterMeter(info, counters, sampled=sampled, watch=watch, clock=clock, sleep=clock.sleep)


def work(begin_s: float, end_s: float) -> Joules:
    """Rest, work between two moments, rest."""
    return lambda until_s: IDLE_W * until_s + (WORK_W - IDLE_W) * (min(max(until_s, begin_s), end_s) - begin_s)


def one_window() -> OneWindow:
    """Work of 0.43 s on a counter of 100 ms: four whole steps and a piece."""
    clock = Clock()
    board = Board(clock, lambda until_s: IDLE_W * until_s, tick_s=TICK_S, phase_s=0.04, power_tick_s=0.001)
    meter = a_meter(board, clock)
    meter.end(meter.begin("", ()))  # the first window learns when the steps come
    clock.sleep(0.37 * TICK_S)
    board.reads.clear()
    token = meter.begin("", ())
    begun_s = clock.now_s
    ended_s = begun_s + WORK_S
    board.drawn_j = work(begun_s, ended_s)
    clock.now_s = ended_s
    reading = meter.end(token)
    reads_s = [at_s - begun_s for at_s in board.reads]

    first = round((begun_s - board.phase_s) / TICK_S)
    moments_s = [(first + step) * TICK_S + board.phase_s for step in range(-1, 8)]
    steps = [Tick(at_s=at_s, error_s=0.0, energy_j=board.drawn_j(at_s)) for at_s in moments_s]
    inside = next(index for index, step in enumerate(steps) if step.at_s > ended_s)
    before, after = steps[inside - 1], steps[inside]
    zero_j, shown_j = board.drawn_j(begun_s), steps[1].energy_j
    grid_s = [before.at_s + TICK_S * share / 50 for share in range(51)]
    edges = [between_ticks(before, after, at_s, [WORK_W] * 4, [IDLE_W] * 2) for at_s in grid_s]
    slope_w = (after.energy_j - before.energy_j) / TICK_S
    return OneWindow(
        reading=reading,
        truth_j=board.drawn_j(ended_s) - zero_j,
        naive_j=before.energy_j - shown_j,
        linear_j=before.energy_j + slope_w * (ended_s - before.at_s) - shown_j,
        ticks_s=[step.at_s - begun_s for step in steps],
        reads_s=reads_s,
        drawn=[
            (at_s - begun_s, board.drawn_j(at_s) - zero_j) for at_s in (moments_s[0], begun_s, ended_s, moments_s[-1])
        ],
        counter=[(step.at_s - begun_s, step.energy_j - zero_j) for step in steps],
        rebuilt=[(at_s - begun_s, edge.energy_j - zero_j) for at_s, edge in zip(grid_s, edges, strict=True)],
        rebuilt_u_j=[edge.edges_j for edge in edges],
        line=[(step.at_s - begun_s, step.energy_j - zero_j) for step in (before, after)],
    )


def windows(trace: str, seconds: float, count: int, *, seed: int = 1, counted: bool = True) -> Iterator[Seen]:
    """Windows at random moments: ours, and the counter's difference as it stood at two such moments.

    Args:
        trace: True power, in a form of `true_energy_j`.
        seconds: Length, give or take half a step, so that no multiple of the step is favoured.
        count: How many.
        seed: Of the moments and of how late this machine wakes up.
        counted: By the counter; else by sampled power.
    """
    rng = random.Random(seed)
    clock = Clock(jitter=lambda: rng.expovariate(1 / 0.0001))
    drawn_j = joules_of(trace)
    board = Board(clock, drawn_j, phase_s=rng.uniform(0, TICK_S), tick_s=TICK_S, power_tick_s=POWER_TICK_S)
    meter = a_meter(board, clock, counted=counted)
    for _ in range(count):
        clock.now_s += rng.uniform(0, 3)
        token = meter.begin("", ())
        begun_s = clock.now_s
        clock.now_s += seconds + TICK_S * rng.uniform(-0.5, 0.5)
        ended_s = clock.now_s
        reading = meter.end(token)
        truth_j = drawn_j(ended_s) - drawn_j(begun_s)
        clock.now_s += rng.uniform(0, 3)
        begun_s, first_j = clock.now_s, board.counter_j()
        clock.now_s = begun_s + seconds + TICK_S * rng.uniform(-0.5, 0.5)
        naive_truth_j = drawn_j(clock.now_s) - drawn_j(begun_s)
        yield Seen(reading=reading, truth_j=truth_j, naive=(board.counter_j() - first_j) / naive_truth_j - 1)


def errors(trace: str, seconds: float, count: int) -> Errors:
    """How far off `windows` are."""
    seen = list(windows(trace, seconds, count))
    return Errors(
        ours=[abs(one.reading.energy_j[DOMAIN] / one.truth_j - 1) for one in seen],
        claims=[COVERAGE * one.reading.uncertainty_j[DOMAIN] / one.truth_j for one in seen],
        naive=[abs(one.naive) for one in seen],
    )


def budget(trace: str, seconds: float, count: int) -> dict[Part, float]:
    """Each part of the uncertainty as a share of the joules, one standard uncertainty, median over windows.

    Those of the counter, and `sample_gaps` of the same power integrated.
    """
    by_counter = [one.reading for one in windows(trace, seconds, count)]
    by_power = [one.reading for one in windows(trace, seconds, count, counted=False)]
    shares = {part: _median_share(by_counter, part) for part in COUNTED}
    return {**shares, "sample_gaps": _median_share(by_power, "sample_gaps")}


def _median_share(readings: Sequence[Reading], part: Part) -> float:
    return median(reading.parts_j[DOMAIN][part] / reading.energy_j[DOMAIN] for reading in readings)


def seen_share_errors(period_s: float, window_s: float, phases: int = 40) -> list[float]:
    """Errors of joules that are the mean power in 25 of each 100 ms, by the phase in which 100/600 W meets that rhythm.

    Args:
        period_s: Of the square wave.
        window_s: A whole number of tenths of a second, so that no edge adds to it.
        phases: How many, evenly over the wave's period.
    """
    trace = f"100/600@{period_s!r}"
    found = []
    for phase in range(phases):
        begin_s = phase * period_s / phases
        looks_s = [begin_s + (step + 1) * TICK_S for step in range(round(window_s / TICK_S))]
        seen_j = sum(true_energy_j(trace, at_s - SEEN_S, at_s) for at_s in looks_s) * TICK_S / SEEN_S
        found.append(seen_j / true_energy_j(trace, begin_s, begin_s + window_s) - 1)
    return found


def p95(values: Sequence[float]) -> float:
    """What 95 of 100 values stay below."""
    return quantiles(values, n=20)[-1]


def length_rows(count: int) -> list[Row]:
    """Errors in percent by window length, for level power and a square wave."""
    rows: list[Row] = []
    for trace in (LEVEL, SQUARE):
        for seconds in LENGTHS_S:
            seen = errors(trace, seconds, count)
            for what, value in (
                ("counter as it stands, 95th percentile", p95(seen.naive)),
                ("this meter, median 95 % claim (±)", median(seen.claims)),
                ("this meter, 95th percentile", p95(seen.ours)),
            ):
                rows.append({"trace": NAMES[trace], "s": seconds, "error": 100 * value, "what": what})
    return rows


def claim_rows(count: int) -> list[Row]:
    """Each window's claim and error in percent, one second long."""
    rows: list[Row] = []
    for trace in (LEVEL, SQUARE, FAST):
        seen = errors(trace, 1.0, count)
        name = f"{NAMES[trace]}: {100 * seen.covered:.1f} % of {count} hold"
        pairs = zip(seen.ours, seen.claims, strict=True)
        rows += [{"trace": name, "claim": 100 * claim, "error": max(0.001, 100 * error)} for error, claim in pairs]
    return rows


def quarter_rows() -> list[Row]:
    """Largest error in percent over all phases of 5 s that are seen a quarter of the time, by the period of the work."""
    periods_s = {0.02 * 1.01**n for n in range(463)} | {TICK_S * n / m for n in range(1, 11) for m in range(1, 6)}
    return [
        {"ms": 1000 * period_s, "error": 100 * max(map(abs, seen_share_errors(period_s, 5.0)))}
        for period_s in sorted(periods_s)
        if 0.02 <= period_s <= 2
    ]


def main() -> None:
    """Print the error budget of docs/measurement.md."""
    for trace in (LEVEL, SQUARE, FAST):
        for seconds in (1.0, 5.0):
            shares = budget(trace, seconds, 200)
            told = ", ".join(f"{part} {100 * share:.2g} %" for part, share in shares.items())
            print(f"{NAMES[trace]}, {seconds:g} s: {told}")


if __name__ == "__main__":
    main()
