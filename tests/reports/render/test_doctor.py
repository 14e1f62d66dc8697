from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.examination import (
    SCHEMA_VERSION,
    Agreement,
    BoardFinding,
    CounterFinding,
    Examination,
    IdlePower,
    Modelled,
    ReadRate,
    ShortestWindow,
    Verdict,
)
from reports.render.doctor import duration_of, examination_report
from reports.render.text import to_lines

NOTHING = Examination(
    schema_version=SCHEMA_VERSION,
    examined_at="2026-01-01T00:00:00+00:00",
    took_s=0.1,
    host={"cpu": "Example CPU", "cores": 2, "system": "Linux", "kernel": "6.1", "container": "docker"},
    packages={},
    counters=(),
    boards=(),
    missing=("no GPU: none is seen; install the driver",),
    modelled=Modelled(idle_w_per_core=0.74, load_w_per_core=3.5, cores=2, source="assumed for an unknown CPU"),
    verdict=Verdict(measured=False, doubts=(("", "modelled_not_measured"),)),
)
COUNTER = CounterFinding(
    domain="gpu:0",
    contents="the whole board",
    period_s=0.1,
    period_error_s=1e-5,
    step_j=0.001,
    read_s=12e-6,
    idle=IdlePower(mean_w=70.2, spread_w=0.31, lowest_w=69.5, highest_w=70.9, window_s=1.0, windows=24, edge_j=0.01),
    read_rate=ReadRate(
        once_short=0.0, fast_short=0.1204, uncertainty=0.0007, once_hz=9, fast_hz=279, span_s=1.0, spans=6
    ),
    agreement=Agreement(sensor_w=70.0, ratio=0.997, uncertainty=0.0005, samples=240),
    shortest_window=ShortestWindow(
        error=0.01, level_s=0.3, level_w=70.2, level_edge_j=0.07, changing_s=12.4, changing_w=385, swing_w=630
    ),
)
BOARD = BoardFinding(
    domain="gpu:0",
    facts={"name": "Example Board", "driver": "570.00", "ecc": True, "mig": False},
    sensor_w=70.0,
    temperature_start_c=34.0,
    temperature_end_c=35.0,
    sm_clock_hz=345e6,
    power_limit_w=700.0,
    throttle=(),
    foreign_processes=1,
)
WORKING = msgspec.structs.replace(
    NOTHING,
    counters=(COUNTER, CounterFinding(domain="gpu:1", problem="it did not move; reload the driver")),
    boards=(BOARD,),
    missing=(),
    verdict=Verdict(
        measured=True,
        shortest_level_s=0.3,
        shortest_changing_s=12.4,
        loses_when_read_fast=("gpu:0",),
        doubts=(("gpu:0", "foreign_process"),),
    ),
)


def shown(seen: Examination, *, width: int = 100, colour: bool = False) -> str:
    return "\n".join(to_lines(examination_report(seen), width=width, colour=colour))


def test_without_any_meter():
    """What is missing comes with its fix, what will be used with its watts and where they are from."""
    text = shown(NOTHING)

    assert "Example CPU · 2 cores · Linux 6.1 · in a container (docker)" in text
    assert "missing no GPU: none is seen; install the driver" in text
    assert "verdict: no measured joules here\n" in text
    assert "0.74 W idle and 3.5 W busy per core, 2 cores" in text
    assert "(assumed for an unknown CPU)" in text


def test_a_board_in_words():
    """Each figure stands with its unit and its ±, the verdict names both windows, what loses energy and what is doubted."""
    text = shown(WORKING)

    for words in (
        "gpu:0   energy counter works: the whole board",
        "gpu:1   energy counter does not work: it did not move; reload the driver",
        "100 ms",
        "1.00 mJ",
        "+0.00 ± 0.14 % at 9/s",
        "-12.04 ± 0.14 % at 279/s",
        "69.5 – 70.9 W",
        "0.997 ± 0.001",
        "630 W on gpu:0",
        "Example Board · driver 570.00 · limit 700 W · ECC on · MIG off",
        "draws 70.0 W · 34 to 35 °C · SM clock 345 MHz · not slowed down · 1 foreign process",
        "for 1 % a window has to last 300 ms at level load, 12.4 s at",
        "gpu:0 loses 12.0 % of its energy when it is read 279 times a second",
        "gpu:0: a process that is not part of the work was on the board",
    ):
        assert words in text, words


@pytest.mark.parametrize("seen", [NOTHING, WORKING])
def test_fits_a_hundred_columns_without_colour(seen):
    """Off a terminal nothing is wider than 100 columns and no escape sequence is written."""
    lines = shown(seen).splitlines()

    assert max(map(len, lines)) <= 100
    assert "\x1b" not in "".join(lines)
    assert "\x1b[1mverdict" in shown(seen, colour=True)


def test_folded_lines_stay_below_their_beginning():
    """A line that does not fit goes on below its own first letter."""
    lines = shown(WORKING, width=60).splitlines()
    (place,) = (place for place, line in enumerate(lines) if line.startswith("  gpu:0 loses"))

    assert lines[place + 1].startswith("  ") and lines[place + 1][2] != " "


def test_nothing_from_a_driver_paints_the_terminal():
    """Control characters in a board's name are written out."""
    board = msgspec.structs.replace(BOARD, facts={"name": "Evil\x1b[31m"})

    assert "Evil\\x1b[31m" in shown(msgspec.structs.replace(WORKING, boards=(board,)))


def test_counters_that_all_fail():
    """Where counters exist and none works, the verdict says so instead of promising joules."""
    broken = msgspec.structs.replace(
        WORKING, counters=(CounterFinding(domain="gpu:0", problem="it did not move"),), verdict=NOTHING.verdict
    )

    assert "verdict: no measured joules here: no counter can be relied on" in shown(broken)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0412, "41 ms"), (4.26, "4.3 s"), (12.4, "12.4 s"), (75, "1 min 15 s")]
)
def test_durations(seconds, text):
    """Milliseconds, seconds or minutes, as a person says them."""
    assert duration_of(seconds) == text
