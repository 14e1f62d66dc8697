"""Phases by hand-made windows: known answers, a check that finds what is wrong and leaves what is right alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.phases import FEW, NO_TIMES, decode_j, prefill_j, split
from energy_fixtures.readings import COVERAGE, Reading
from energy_fixtures.records import Generation, Request, Result, Span, Trial

SCOPE = ("gpu:0", "gpu:1")


def window(
    joules: float,
    prefill_s: float | None,
    whole_s: float,
    *,
    index: int = 0,
    error_j: float | None = None,
    **more: object,
) -> Trial:
    """A window of four iterations with these joules, seconds and error per iteration, on two boards half each."""
    one = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=prefill_s, e2e_s=whole_s)
    spans = (
        Span(
            start_s=number * whole_s,
            first_token_s=None if prefill_s is None else number * whole_s + prefill_s,
            end_s=(number + 1) * whole_s,
        )
        for number in range(4)
    )
    reading = Reading(
        energy_j=dict.fromkeys(SCOPE, joules * 2),
        uncertainty_j={} if error_j is None else dict.fromkeys(SCOPE, error_j * 4 / 2**0.5),
        duration_s=4 * whole_s,
        method="counter",
    )
    fields = {"index": index, "iterations": 4, "reading": reading}
    return Trial(**fields, generation=Generation(requests=(one,) * 4, spans=tuple(spans)), **more)  # type: ignore[arg-type]


@pytest.fixture
def measured(result: Callable[..., Result]) -> Callable[..., Result]:
    """A Result of full windows and of windows that end at the first token."""

    def make(whole: list[Trial], beside: list[Trial]) -> Result:
        made: Result = result(scope=SCOPE, trials=tuple(whole), prefill_trials=tuple(beside))
        return made

    return make


def test_what_a_full_window_takes_more_is_decode(measured: Callable[..., Result]) -> None:
    """600 W for 0.2 s and 300 W for 0.8 s are 120 J of prefill and 240 J of decode, which add up."""
    found = split(measured([window(360.0, 0.2, 1.0)] * 3, [window(120.0, 0.2, 0.2)] * 3))

    assert found is not None
    assert (found.route, found.adds_up, found.unchecked) == ("beside", True, None)
    assert (found.prefill_j, found.decode_j, found.whole_j) == pytest.approx((120.0, 240.0, 360.0))
    assert found.residual_j == pytest.approx(0.0)


def test_a_prefill_that_takes_longer_inside_does_not_add_up(measured: Callable[..., Result]) -> None:
    """Where prefill takes 0.3 s inside and 0.2 s beside, 600 W × 0.1 s are left over and said."""
    whole = [window(390.0, 0.3 + wobble, 1.0) for wobble in (-0.001, 0.0, 0.001)]
    found = split(measured(whole, [window(120.0, 0.2, 0.2)] * 3))

    assert found is not None
    assert found.residual_j == pytest.approx(60.0)
    assert found.residual_u_j == pytest.approx(600 * 0.001 / 3**0.5 * 4.30 / COVERAGE)
    assert found.adds_up is False


def test_what_a_call_takes_after_its_token_is_an_error_and_no_contradiction(measured: Callable[..., Result]) -> None:
    """A call that goes on for 0.02 s after its first token makes prefill less certain by that, and still adds up."""
    beside = [window(132.0, 0.2, 0.22)] * 3
    found = split(measured([window(360.0, 0.2, 1.0)] * 3, beside))

    assert found is not None
    assert found.residual_j == pytest.approx(-12.0)
    assert found.prefill_u_j == pytest.approx(12.0 / 3**0.5)
    assert found.adds_up is True


def test_spread_and_the_meters_error_make_the_uncertainty(measured: Callable[..., Result]) -> None:
    """Few windows: Student's interval of their mean, and never less than the meter's own error of it."""
    spread = [window(joules, 0.2, 0.2, error_j=0.1) for joules in (119.0, 120.0, 121.0)]
    level = [window(120.0, 0.2, 0.2, error_j=0.9)] * 3
    whole = [window(360.0, 0.2, 1.0)] * 3
    one, other = split(measured(whole, spread)), split(measured(whole, level))

    assert one is not None and other is not None
    assert one.prefill_u_j == pytest.approx(4.30 / COVERAGE / 3**0.5)
    assert other.prefill_u_j == pytest.approx(0.9 / 3**0.5)


def test_invalid_windows_never_count(measured: Callable[..., Result]) -> None:
    """Windows of either kind that do not count leave both phases as they were."""
    bad = window(9e4, 0.9, 1.0, index=9, invalid_reasons=("throttled",))
    good = measured([window(360.0, 0.2, 1.0)] * 2, [window(120.0, 0.2, 0.2)] * 2)
    mixed = measured([bad, *good.trials], [bad, *good.prefill_trials])

    assert split(mixed) == split(good)
    assert split(measured([bad], [window(120.0, 0.2, 0.2)])) is None
    assert split(measured([window(360.0, 0.2, 1.0)], [bad])) is None


def test_one_window_has_no_uncertainty_and_is_not_judged(measured: Callable[..., Result]) -> None:
    """A single window of a kind gives joules without an error, and the check says what it needs."""
    found = split(measured([window(360.0, 0.2, 1.0)] * 3, [window(120.0, 0.2, 0.2)]))

    assert found is not None
    assert (found.prefill_u_j, found.decode_u_j, found.adds_up, found.unchecked) == (None, None, None, FEW)
    assert found.whole_u_j is not None


def test_without_times_nothing_is_checked(measured: Callable[..., Result]) -> None:
    """Where the engine does not say when first tokens came, phases are told and not judged."""
    found = split(measured([window(360.0, None, 1.0)] * 3, [window(120.0, None, 0.2)] * 3))

    assert found is not None
    assert (found.decode_j, found.residual_j, found.unchecked) == (pytest.approx(240.0), None, NO_TIMES)


def test_without_windows_of_the_first_token_there_are_no_phases(measured: Callable[..., Result]) -> None:
    """A result that has neither kind of evidence has no phases, and no metric of them."""
    plain = measured([window(360.0, 0.2, 1.0)] * 3, [])

    assert split(plain) is None
    assert (prefill_j(plain.trials[0], plain), decode_j(plain.trials[0], plain)) == (None, None)


@given(
    whole=st.lists(st.floats(200.0, 400.0), min_size=2, max_size=6),
    beside=st.lists(st.floats(50.0, 150.0), min_size=2, max_size=6),
)
def test_phases_beside_are_the_whole(whole: list[float], beside: list[float]) -> None:
    """Prefill and decode of every pair of windows sum to the full window, and so do their means."""
    measured = Result(
        fullname="x",
        question="x",
        case="x",
        scenario=None,
        environment="x",
        scope=SCOPE,
        trials=tuple(window(joules, 0.2, 1.0, index=index) for index, joules in enumerate(whole)),
        prefill_trials=tuple(window(joules, 0.2, 0.2, index=index) for index, joules in enumerate(beside)),
        started_at="2026-01-01T00:00:00+00:00",
    )
    found = split(measured)

    assert found is not None
    assert found.prefill_j + found.decode_j == pytest.approx(found.whole_j)
    for trial, joules in zip(measured.trials, whole, strict=True):
        parts = prefill_j(trial, measured), decode_j(trial, measured)
        assert (None in parts) == (trial.index >= len(beside))
        if parts[0] is not None and parts[1] is not None:
            assert sum(parts) == pytest.approx(joules)


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_the_check_is_calibrated(measured: Callable[..., Result], rounds: int) -> None:
    """On noise of 2 % without a fault it raises at most 5 false alarms in 100; a prefill a quarter longer it finds."""
    draw = random.Random(rounds)

    def drawn(longer: float) -> Result:
        whole, beside = [], []
        for _ in range(rounds):
            watts, prefill_s, seconds = (draw.gauss(1.0, 0.02) for _ in range(3))
            whole.append(window(360.0 * watts, 0.2 * longer * prefill_s, seconds))
            watts, prefill_s = (draw.gauss(1.0, 0.02) for _ in range(2))
            beside.append(window(120.0 * watts * prefill_s, 0.2 * prefill_s, 0.2 * prefill_s))
        return measured(whole, beside)

    alarms = sum(one is not None and one.adds_up is False for one in (split(drawn(1.0)) for _ in range(300)))
    finds = sum(one is not None and one.adds_up is False for one in (split(drawn(1.25)) for _ in range(100)))

    assert alarms <= 0.05 * 300
    assert finds >= 90
