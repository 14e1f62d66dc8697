from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.readings import BoardTrace
from reports.explain.conditions import Condition, conditions, work_differs
from tests.reports.sides import side

LEVEL = 0.95


def found(before, after, kind: str) -> Condition | None:
    """The condition of that kind."""
    return next((one for one in conditions(before, after, LEVEL) if one.kind == kind), None)


def board(**facts: float) -> BoardTrace:
    """A board at 1.7 GHz, 50 degrees and 700 W."""
    usual = {
        "sm_clock_min_hz": 1.6e9,
        "sm_clock_max_hz": 1.8e9,
        "temperature_start_c": 48.0,
        "temperature_end_c": 52.0,
        "power_limit_min_w": 700.0,
        "power_limit_max_w": 700.0,
    }
    return BoardTrace(**{**usual, **facts})


def test_acceptance_that_fell_is_notable():
    """Of 100 guesses 71 and then 63 held, in every window."""
    before, after = (side(drafted_tokens=100, accepted_tokens=held) for held in (71, 63))
    acceptance = found(before, after, "acceptance")

    assert acceptance == Condition(
        kind="acceptance", before=0.71, after=0.63, notable=True, said="acceptance fell from 0.71 to 0.63"
    )
    assert found(after, before, "acceptance").said == "acceptance rose from 0.63 to 0.71"


def test_acceptance_of_nothing_is_a_number():
    """All guesses lost is told from some that held, although zero has no ratio."""
    before, after = (side(drafted_tokens=100, accepted_tokens=held) for held in (0, 50))

    assert found(before, after, "acceptance").notable
    assert found(after, before, "acceptance").said == "acceptance fell from 0.50 to 0.00"


def test_acceptance_that_stayed_or_is_unknown_is_not_notable():
    """The same rate says nothing, and no rate is no condition."""
    before = side(drafted_tokens=100, accepted_tokens=71)

    assert not found(before, before, "acceptance").notable
    assert found(before, side(), "acceptance") is None


def test_a_board_that_changed_is_described():
    """Clock, heat and limit, each before and after."""
    before = side(board=board())
    after = side(
        board=board(
            sm_clock_min_hz=1.5e9,
            sm_clock_max_hz=1.6e9,
            temperature_start_c=60.0,
            temperature_end_c=64.0,
            power_limit_min_w=500.0,
            power_limit_max_w=500.0,
        )
    )
    said = {one.kind: one.said for one in conditions(before, after, LEVEL) if one.notable}

    assert said == {
        "power limit": "power limit from 700 W to 500 W",
        "clock": "clock -9 %",
        "temperature": "board 12 °C warmer",
    }


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"sm_clock_max_hz": 1.83e9},  # one step of 15 MHz on the middle
        {"temperature_end_c": 54.0},
    ],
)
def test_what_boards_do_anyway_is_not_notable(facts):
    """A step of the clock and a degree of heat are no news."""
    assert not any(one.notable for one in conditions(side(board=board()), side(board=board(**facts)), LEVEL))


def test_a_board_that_tells_nothing_is_no_condition():
    """Unknown clocks, heat and limits, and a clock of zero, are left out."""
    silent = side(board=BoardTrace(sm_clock_min_hz=0.0, sm_clock_max_hz=0.0))

    assert {one.kind for one in conditions(silent, side(board=board()), LEVEL)} == {
        "throttled",
        "power cap",
        "clock wandered",
    }


def test_windows_that_do_not_count_are_in_no_mean():
    """Neither the guesses nor the clock of an invalid window are looked at."""
    good = side(board=board(), drafted_tokens=100, accepted_tokens=71)
    bad = side(
        board=board(sm_clock_max_hz=9e9), drafted_tokens=100, accepted_tokens=1, preemptions=9, invalid=[(1, "x")]
    )
    mixed = msgspec.structs.replace(good, trials=(*good.trials, bad.trials[-1]))

    for kind in ("acceptance", "clock"):
        assert found(good, mixed, kind).after == found(good, good, kind).after
    assert found(mixed, mixed, "preemptions") is None


def test_impossible_figures_of_a_file_are_left_out():
    """A clock of 1e308 Hz and a count of a thousand digits are no conditions."""
    broken = side(board=board(sm_clock_max_hz=1e308, temperature_end_c=1e300), preemptions=10**1000)

    assert found(broken, broken, "clock") is None
    assert found(broken, broken, "temperature") is None
    assert found(broken, broken, "preemptions") is None


def test_boards_out_of_scope_do_not_matter():
    """Only the boards that stand for the work are looked at."""
    elsewhere = side(scope=("cpu:0",), board=board())

    assert found(elsewhere, elsewhere, "clock").before == 1.7e9
    assert found(side(), side(), "clock") is None


def test_throttled_windows_are_counted_although_they_do_not_count():
    """Two of five windows that were throttled are said, and that they are left out."""
    after = side(invalid=[(1.0, "throttled"), (1.0, "throttled")])

    assert found(side(), side(), "throttled").notable is False
    assert found(side(), after, "throttled").notable is True
    assert found(side(), after, "throttled").said == (
        "throttled in 2 of 5 windows, before in 0 of 3, none of which count"
    )


def test_a_doubt_is_notable_where_it_came_or_went():
    """Held at the power limit in all windows against none."""
    capped = side(doubts=("power_capped",))

    assert found(side(), capped, "power cap").said == "held at its power limit in 3 of 3 windows, before in 0 of 3"
    assert found(side(), capped, "power cap").notable
    assert not found(capped, capped, "power cap").notable
    assert found(side(), side(doubts=("clock_changed",)), "clock wandered").notable


def test_preemptions_where_there_were_none_are_notable():
    """Windows of three iterations with six preemptions each."""
    before, after = side(preemptions=0), side(preemptions=6)

    assert found(before, after, "preemptions").said == "preemptions rose from 0 to 2 per iteration"
    assert found(before, after, "preemptions").notable
    assert not found(after, after, "preemptions").notable
    assert found(side(), after, "preemptions") is None
    assert found(
        before, side(spread=(0.0,), preemptions=6), "preemptions"
    ).notable  # one window shows that there are any


def test_prompts_from_the_cache_are_notable():
    """Half of 96 prompt tokens came from the cache, before none."""
    before, after = side(prefix_cache_hit_tokens=0), side(prefix_cache_hit_tokens=48)

    assert found(before, after, "prefix cache").said == "50 % of the prompts from the prefix cache against 0 %"
    assert found(before, after, "prefix cache").notable


def test_every_count_of_other_work_is_named():
    """Requests, prompt tokens and output tokens of an iteration, each with both figures."""
    after = side(requests=5, prompt_tokens=10, tokens=90)

    assert work_differs(side(), side(), LEVEL) == ()
    assert work_differs(side(), after, LEVEL) == (
        "5 requests per iteration against 4",
        "50 prompt tokens per iteration against 32",
        "90 output tokens per iteration against 100",
    )


def test_counts_need_no_spread_to_differ():
    """One window on each side with other token counts is other work."""
    one, other = side(spread=(0.0,)), side(spread=(0.0,), tokens=99)

    assert work_differs(one, other, LEVEL) == ("99 output tokens per iteration against 100",)


def test_work_of_plain_functions_is_not_known():
    """Without an engine there is nothing to count."""
    assert work_differs(side(function=True), side(function=True, tokens=5), LEVEL) == ()
