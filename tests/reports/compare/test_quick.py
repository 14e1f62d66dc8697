"""Rows of pairs with nothing unusual: the same as by the long way, in every digit."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Request, Result, Trial
from energy_fixtures.serving.records import ServingRun
from reports.compare.glance import Glance
from reports.compare.quick import quick_row
from reports.compare.rows import Asked, rows_of
from reports.comparison import Around, hold, scenario_differences
from reports.explain.costs import Tally
from reports.noise import Between
from tests.reports.sides import side

AROUND = Around(unfair=(), notes=("torch 2.13.0 against 2.14.0",))

joules = st.floats(1e-3, 1e6)
trials = st.lists(st.tuples(joules, st.integers(1, 2000), st.none() | st.floats(0, 1e4)), min_size=1, max_size=6)


def glance(result):
    """What is read of a result of which a file holds all."""
    return msgspec.json.decode(msgspec.json.encode(result), type=Glance)


def quick(past, candidate, asked):
    """The short way."""
    return quick_row(glance(past), glance(candidate), AROUND, "here", asked)


def whole(past, candidate, asked):
    """The long way."""
    pair = hold(past, candidate, AROUND, scenario_differences(past.scenario, candidate.scenario))
    return rows_of(pair, asked, "here")


def result(windows, *, function):
    """A result of these joules, tokens and uncertainties."""
    return Result(
        fullname="t.py::t[b1]",
        question="t",
        case="b1",
        scenario=None,
        environment="here",
        scope=("gpu:0",),
        started_at="2026-01-01T00:00:00+00:00",
        trials=tuple(
            Trial(
                index=index,
                iterations=tokens if function else 1,
                reading=Reading(
                    energy_j={"gpu:0": energy_j, "cpu:0": 1.0},
                    duration_s=1.0,
                    method="counter",
                    uncertainty_j={} if error_j is None else {"gpu:0": error_j},
                ),
                generation=None
                if function
                else Generation(
                    requests=(
                        Request(input_tokens=1, output_tokens=tokens, finish_reason="length", ttft_s=None, e2e_s=None),
                    )
                ),
            )
            for index, (energy_j, tokens, error_j) in enumerate(windows)
        ),
    )


@pytest.mark.parametrize("between", [None, Between()])
@pytest.mark.parametrize("function", [False, True])
@given(old=trials, new=trials)
def test_both_ways_give_the_same_row(old, new, function, between):
    """Figures, intervals and change agree in every digit, with and without what sessions differ by."""
    past, candidate = result(old, function=function), result(new, function=function)
    asked = Asked(level=0.95, between=between)

    assert [quick(past, candidate, asked)] == whole(past, candidate, asked)


@pytest.mark.parametrize("of", [{}, {"invalid": [(1.0, "throttled")]}, {"scope": ("gpu:0", "gpu:1")}, {"power_w": 0.0}])
def test_what_measuring_took_is_the_same(of):
    """Every window is in it, valid or not, prefill's too, with all its domains and its time."""
    one = side(prefill_trials=side().trials, **of)
    short, long = Tally(), Tally()
    glance(one).tell(short)
    long.result(one)

    assert short.total == long.total
    assert short.total.windows == len(one.trials) + 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"method": "modelled"}),
        ({}, {"scope": ("gpu:1",)}),
        ({"scope": ("gpu:0", "gpu:1")}, {"scope": ("gpu:0", "gpu:1")}),
        ({"invalid": [(1.0, "throttled")]}, {}),
        ({}, {"function": True}),
        ({"function": True}, {}),
        ({}, {"power_w": 0.0}),
        ({}, {"serving": (ServingRun(requests=(), duration_s=1.0),)}),
    ],
)
def test_what_is_unusual_is_left_to_the_long_way(old, new):
    """Other joules, several domains, windows that do not count, tokens on one side, no joules, a server: no quick answer."""
    assert quick(side(**old), side(**new), Asked(level=0.95)) is None


def test_what_differs_is_left_to_the_long_way():
    """Another Scenario, or an environment that cannot be compared, needs its reasons."""
    one, other = side(), side()
    scenario = msgspec.structs.replace(one.scenario, batch_size=8)

    assert quick(one, other, Asked(level=0.95)) is not None
    assert quick(one, msgspec.structs.replace(other, scenario=scenario), Asked(level=0.95)) is None
    unfair = Around(unfair=("another board",), notes=())
    assert quick_row(glance(one), glance(other), unfair, "here", Asked(level=0.95)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("energy_j", {"gpu:0": -1.0}), ("energy_j", {"gpu:0": 1e16}), ("duration_s", -1.0), ("method", "guessed")],
)
def test_the_rules_of_a_reading_hold_for_a_glance(field, value):
    """Joules, seconds and words that a whole Result refuses are refused here as well."""
    broken = msgspec.to_builtins(side())
    broken["trials"][0]["reading"][field] = value

    for kind in (Result, Glance):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(broken, kind)
