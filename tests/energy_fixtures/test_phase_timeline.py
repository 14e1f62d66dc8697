"""Phases from inside one window: power samples laid under the engine's time stamps."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from energy_fixtures.phase_timeline import inside
from energy_fixtures.phases import ALONE, decode_j, prefill_j, split
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.records import Generation, Result, Span, Trial

PREFILL_W, DECODE_W = 600.0, 300.0


def window(
    *,
    prefill_s: float = 2.0,
    decode_s: float = 6.0,
    iterations: int = 2,
    gap_s: float = 0.1,
    slack_s: float = 0.0,
    index: int = 0,
    gain: float = 1.0,
    age_s: float = 0.06,
    phase: float = 0.5,
) -> Trial:
    """Prefill at 600 W and decode at 300 W, sampled every `gap_s`; the counter shows `gain` times that.

    `slack_s` lies before and after the engine's work, half each; a sample tells the power of `age_s` ago, the first one
    comes after `phase` of a gap.
    """
    length_s = prefill_s + decode_s
    duration_s = iterations * length_s + slack_s
    count = round(duration_s / gap_s)
    times_s = [(number + phase) * gap_s for number in range(count)]
    powers_w = [
        PREFILL_W if working_s >= 0 and working_s % length_s < prefill_s else DECODE_W
        for working_s in (at_s - age_s - slack_s / 2 for at_s in times_s)
    ]
    reading = Reading(
        energy_j={"gpu:0": gain * (iterations * (PREFILL_W * prefill_s + DECODE_W * decode_s) + slack_s * DECODE_W)},
        duration_s=duration_s,
        method="counter",
        boards={
            "gpu:0": BoardTrace(timeline=tuple((at_s, w, None) for at_s, w in zip(times_s, powers_w, strict=True)))
        },
    )
    spans = tuple(
        Span(start_s=number * length_s, first_token_s=number * length_s + prefill_s, end_s=(number + 1) * length_s)
        for number in range(iterations)
    )
    generation = Generation(requests=(), spans=spans)
    return Trial(index=index, iterations=iterations, reading=reading, generation=generation)


def beside(joules: float, index: int) -> Trial:
    """A window of one prefill."""
    reading = Reading(energy_j={"gpu:0": joules}, duration_s=2.0, method="counter")
    spans = (Span(start_s=0.0, first_token_s=2.0, end_s=2.0),)
    return Trial(index=index, iterations=1, reading=reading, generation=Generation(requests=(), spans=spans))


@pytest.fixture
def measured(result: Callable[..., Result]) -> Callable[..., Result]:
    """A Result of full windows, with or without windows beside."""

    def make(whole: list[Trial], besides: list[Trial] | None = None) -> Result:
        made: Result = result(trials=tuple(whole), prefill_trials=tuple(besides or ()))
        return made

    return make


@pytest.mark.parametrize("slack_s", [0.0, 0.2])
def test_the_timeline_tells_prefill_from_decode(slack_s: float) -> None:
    """600 W for 2 s are 1200 J of prefill in each iteration, within the error that one sample makes."""
    found = inside(window(slack_s=slack_s), ("gpu:0",))

    assert found is not None
    assert found.shift_j == pytest.approx(300 * (0.1**2 / 3 + (slack_s**2 + 0.125**2) / 12) ** 0.5, rel=0.05)
    assert abs(found.prefill_j - 1200) < 1.96 * found.shift_j


def test_the_counter_says_how_much_and_the_timeline_where() -> None:
    """A power sensor that shows a tenth less than the counter changes no share."""
    found, scaled = inside(window(), ("gpu:0",)), inside(window(gain=1.1), ("gpu:0",))

    assert found is not None and scaled is not None
    assert scaled.prefill_j == pytest.approx(1.1 * found.prefill_j)


@pytest.mark.parametrize(
    "short",
    [
        window(prefill_s=0.3, iterations=8),  # 24 samples inside prefill, and none that had settled
        window(decode_s=0.3, iterations=8),
        window(prefill_s=0.45, iterations=8, gap_s=0.02),
        window(prefill_s=0.6, iterations=1),
        window(iterations=1, gap_s=1.0),
    ],
    ids=["short prefill", "short decode", "short for the sensor", "few samples", "coarse"],
)
def test_phases_too_short_for_the_sensor_are_not_told(short: Trial) -> None:
    """Fewer than 8 samples in a phase, or a phase shorter than 4 samples or 4 times a value's age, is no evidence."""
    assert inside(short, ("gpu:0",)) is None


def test_a_board_without_a_timeline_leaves_the_phases_unknown() -> None:
    """Every domain of the scope needs one; so does every iteration need its first token's time."""
    trial = window()
    two = Reading(energy_j={"gpu:0": 1.0, "gpu:1": 1.0}, duration_s=16.0, method="counter", boards=trial.reading.boards)
    untold = Generation(requests=(), spans=(Span(start_s=0.0, first_token_s=None, end_s=8.0),) * 2)

    assert inside(Trial(index=0, iterations=2, reading=two, generation=trial.generation), ("gpu:0", "gpu:1")) is None
    assert inside(Trial(index=0, iterations=2, reading=trial.reading, generation=untold), ("gpu:0",)) is None


def test_one_timeline_has_nothing_to_be_checked_against(measured: Callable[..., Result]) -> None:
    """From inside alone both phases are told, sum to the whole, and are said to be unchecked."""
    result = measured([window(index=index) for index in range(3)])
    found = split(result)

    assert found is not None
    assert (found.route, found.adds_up, found.unchecked) == ("inside", None, ALONE)
    assert found.prefill_j == pytest.approx(1200, rel=0.05)
    assert found.prefill_j + found.decode_j == pytest.approx(found.whole_j)
    assert prefill_j(result.trials[0], result) == pytest.approx(found.prefill_j)
    assert decode_j(result.trials[0], result) == pytest.approx(found.decode_j)


def test_windows_beside_that_do_not_count_leave_the_timeline(measured: Callable[..., Result]) -> None:
    """Where every window beside is invalid, both phases come from inside, in the split and in the metrics."""
    bad = [msgspec.structs.replace(beside(9e4, index), invalid_reasons=("throttled",)) for index in range(2)]
    result = measured([window(index=index) for index in range(2)], bad)
    found = split(result)

    assert found is not None
    assert found.route == "inside"
    assert prefill_j(result.trials[0], result) == pytest.approx(found.prefill_j)
    assert decode_j(result.trials[0], result) == pytest.approx(found.decode_j)


def test_prefill_beside_and_decode_inside_add_up(measured: Callable[..., Result]) -> None:
    """Two independent ways, one whole: prefill from beside and decode from inside leave nothing over."""
    result = measured(
        [window(index=index) for index in range(3)], [beside(joules, i) for i, joules in enumerate((1190, 1200, 1210))]
    )
    found = split(result)

    assert found is not None
    assert (found.route, found.adds_up) == ("both", True)
    assert found.prefill_j == pytest.approx(1200)
    assert found.decode_j == pytest.approx(1800, rel=0.05)
    assert found.residual_j == pytest.approx(found.whole_j - found.prefill_j - found.decode_j)
    assert prefill_j(result.trials[0], result) == pytest.approx(1190)


def test_a_prefill_that_runs_otherwise_beside_is_found(measured: Callable[..., Result]) -> None:
    """Prefill beside at 400 W instead of 600 W leaves 400 J of every iteration unexplained."""
    whole = [window(index=index) for index in range(3)]
    found = split(measured(whole, [beside(joules, i) for i, joules in enumerate((790, 800, 810))]))

    assert found is not None
    assert found.adds_up is False
    assert found.residual_j == pytest.approx(400, rel=0.1)


def test_the_interval_covers_the_truth() -> None:
    """Whatever the phases' lengths, the sampling's place and the values' age: prefill is in it 95 times in 100."""
    draw = random.Random(1)
    within = []
    for _ in range(400):
        prefill_s = draw.uniform(0.6, 3.0)
        trial = window(
            prefill_s=prefill_s,
            decode_s=draw.uniform(0.6, 5.0),
            iterations=draw.randint(2, 4),
            slack_s=draw.uniform(0.0, 0.1),
            phase=draw.random(),
            age_s=draw.uniform(0.0, 0.125),
        )
        found = inside(trial, ("gpu:0",))
        if found is not None:
            within.append(abs(found.prefill_j - PREFILL_W * prefill_s) <= 1.96 * found.shift_j)

    assert len(within) > 300
    assert sum(within) >= 0.95 * len(within)
