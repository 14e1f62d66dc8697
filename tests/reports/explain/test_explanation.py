from __future__ import annotations

import math
import pickle

import pytest

from energy_fixtures.readings import BoardTrace
from reports.explain.explanation import Explanation, explain
from tests.reports.sides import EVEN, STEADY, side

QUIET = {"spread": STEADY}


def explained(before, after, /, **more: object) -> Explanation:
    """The explanation of a change that has one."""
    found = explain(before, after, **more)
    assert found is not None
    return found


def sentence(before, after, /, **more: object) -> str:
    """What is said of a change."""
    return explained(before, after, **more).sentence


def test_the_sentence_of_a_longer_decode():
    """Decode of 1.8 s became 1.92 s of 2 s, and fewer guesses held: cause, effect, what stayed, what lies behind."""
    before = side(**QUIET, prefill_s=0.2, drafted_tokens=100, accepted_tokens=71)
    after = side(**QUIET, prefill_s=0.2, seconds=2.12, drafted_tokens=100, accepted_tokens=63)

    assert sentence(before, after) == (
        "+6.0 % J/token: 6.7 % longer decode (adds 6.0 %) at the same power; acceptance fell from 0.71 to 0.63"
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"power_w": 330}, "+10.0 % J/token: 10.0 % more power in the same time"),
        ({"power_w": 270}, "-10.0 % J/token: 10.0 % less power in the same time"),
        ({"seconds": 2.2}, "+10.0 % J/token: 10.0 % more time at the same power"),
        ({"power_w": 330, "seconds": 2.4}, "+32.0 % J/token: 20.0 % more time, 10.0 % more power"),
        ({"power_w": 330, "seconds": 1.8}, "-1.0 % J/token: 10.0 % less time, 10.0 % more power"),
        ({"power_w": 300.9}, "+0.30 % J/token: 0.30 % more power"),  # time is not shown to be the same that closely
    ],
)
def test_power_and_time_by_hand(after, said):
    """Each factor is named with its own change, the larger effect first."""
    assert sentence(side(**QUIET), side(**QUIET, **after)) == said


def test_opposite_phases_are_both_named():
    """A prefill that became shorter does not hide a decode that became longer."""
    before, after = side(**QUIET, prefill_s=1.0), side(**QUIET, prefill_s=0.8, seconds=2.02)

    assert sentence(before, after) == (
        "+1.0 % J/token: 22.0 % longer decode (adds 11.6 %), 20.0 % shorter prefill (saves 9.5 %), at the same power"
    )


def test_other_work_is_said_before_all_else():
    """A tenth fewer tokens for the same joules is no regression of the engine."""
    assert sentence(side(**QUIET), side(**QUIET, tokens=90)) == (
        "not the same work (90 output tokens per iteration against 100): "
        "+11.1 % J/token: 10.0 % fewer output tokens per iteration (adds 11.1 %)"
    )


def test_noise_is_not_explained():
    """A change inside the windows' own spread is given as what it is, without a cause."""
    assert sentence(side(), side(power_w=303)) == "+1.0 % J/token, not told apart from noise"


def test_a_part_inside_the_noise_is_not_a_cause():
    """Power that wandered by one percent between noisy windows is left out beside seconds that are told."""
    said = sentence(side(), side(power_w=303, seconds=2.4))

    assert said == "+21.2 % J/token: 20.0 % more time at the same power"


def test_what_is_left_over_is_named_as_noise():
    """Two percent less time are told; three percent of power are not, and they are the larger part of the change."""
    said = sentence(side(spread=(-0.03, 0.0, 0.03)), side(spread=(-0.03, 0.0, 0.03), power_w=309, seconds=1.96))

    assert said == (
        "+0.94 % J/token, not told apart from noise: 2.0 % less time; the rest (+3.0 %) not told apart from noise"
    )


def test_a_whole_may_be_told_where_no_part_is():
    """Power and time that swing against each other leave their product steady."""
    swing = (-0.04, 0.0, 0.04)
    before = side(spread=swing, time_spread=tuple(-off for off in swing))
    after = side(spread=swing, time_spread=tuple(-off for off in swing), power_w=303, seconds=2.02)

    assert sentence(before, after) == ("+2.0 % J/token: neither power nor time is by itself told apart from noise")


def test_one_window_explains_nothing():
    """A single valid window has no spread, so no cause is named; what was seen around it is."""
    after = side(spread=(0.0,), time_spread=(0.0,), seconds=2.2, invalid=[(1e9, "throttled")])

    assert sentence(side(), after) == (
        "+10.0 % J/token, not told apart from noise (no spread: n = 1 against 3): "
        "throttled in 1 of 2 windows, before in 0 of 3, none of which count"
    )


def test_a_plain_function_is_explained_by_iteration():
    """Without tokens the split is of joules per iteration, and so are the costs."""
    found = explained(side(**QUIET, function=True), side(**QUIET, function=True, seconds=2.2))

    assert found.sentence == "+10.0 % J per iteration: 10.0 % more time at the same power"
    assert found.costs().sentence.endswith("more per million iterations")


@pytest.mark.parametrize("method", ["modelled", "simulated", "replay"])
def test_joules_that_were_not_measured_are_labelled(method):
    """A model's joules are named so in the sentence and in the costs."""
    found = explained(side(**QUIET, method=method), side(**QUIET, method=method, seconds=2.2))

    assert found.sentence.startswith(f"+10.0 % J/token ({method}, not measured): ")
    assert f"({method}, not measured)" in found.costs().sentence


def test_what_cannot_be_compared_is_not_explained():
    """Joules of other methods or domains, of zero, or without a valid window have no explanation."""
    none = side(spread=(), invalid=[(10.0, "throttled")])

    assert explain(side(), side(method="integrated power")) is None
    assert explain(side(method="modelled"), side()) is None
    assert explain(side(), side(scope=("gpu:0", "cpu:0"))) is None
    assert explain(side(), none) is None
    assert explain(side(), side(power_w=0.0)) is None


def test_a_sentence_holds_three_conditions():
    """Of more the number is given; the data keeps all."""
    cold = BoardTrace(sm_clock_min_hz=1.7e9, sm_clock_max_hz=1.8e9, temperature_start_c=40, temperature_end_c=40)
    hot = BoardTrace(sm_clock_min_hz=1.5e9, sm_clock_max_hz=1.6e9, temperature_start_c=80, temperature_end_c=80)
    before = side(**QUIET, board=cold, preemptions=0)
    after = side(**QUIET, seconds=2.2, board=hot, preemptions=3, doubts=("power_capped",))
    found = explained(before, after)

    assert found.sentence.endswith(
        "clock -11 %; preemptions rose from 0 to 1 per iteration; "
        "held at its power limit in 3 of 3 windows, before in 0 of 3; and 1 more"
    )
    assert [one.kind for one in found.conditions if one.notable] == ["clock", "preemptions", "power cap", "temperature"]


def test_a_sentence_holds_three_causes():
    """The smallest of four is left out, and what is left out is not called noise."""
    found = explained(side(**QUIET, prefill_s=0.5), side(**QUIET, prefill_s=0.6, seconds=2.4, power_w=330, tokens=95))

    assert [part.name for part in found.causes] == ["decode", "power", "tokens", "prefill"]
    assert found.sentence.endswith(
        ": 20.0 % longer decode (adds 14.7 %), 10.0 % more power, 5.0 % fewer output tokens per iteration (adds 5.3 %)"
    )


def test_a_side_without_requests_costs_by_iteration():
    """What only one side can count is not divided by."""
    assert explained(side(function=True), side(seconds=2.2)).request_of == "iterations"
    assert explained(side(seconds=2.2), side(function=True)).request_of == "iterations"


def test_names_are_no_part_of_the_sentence():
    """Whatever a case is called, in any field that a file may fill, the sentence stays the same."""
    evil = "\x1b[31m`<script>|\n"
    before, after = side(**QUIET, name=evil, scope=(evil,)), side(**QUIET, name=evil, scope=(evil,), seconds=2.2)

    assert sentence(before, after) == sentence(side(**QUIET), side(**QUIET, seconds=2.2))


def test_what_differs_around_is_kept_beside_the_sentence(environment):
    """Versions that changed stand in the data, for the report to print as it prints names."""
    before, after = environment(), environment(packages={"torch": "2.14.0"})
    found = explained(side(), side(seconds=2.2), before=before, after=after)

    assert found.around == ("torch 2.13.0 against 2.14.0",)
    assert explained(side(), side(seconds=2.2)).around == ()


def test_shares_sum_to_one_and_may_exceed_it():
    """Shares of power and time make up the change; opposite ones are larger than it. Of no change there is no share."""
    found = explained(side(**QUIET), side(**QUIET, power_w=330, seconds=1.8))
    shares = [found.share(part) for part in (found.split.power, found.split.time, found.split.tokens)]

    assert math.fsum(shares) == pytest.approx(1.0)
    assert found.share(found.split.time) > 1 > 0 > found.share(found.split.power)
    assert explained(side(), side()).share(found.split.time) is None


def test_costs_by_hand():
    """600 J for four requests became 660 J: 15 J each, 15 MJ or 4.17 kWh for a million."""
    costs = explained(side(**QUIET), side(**QUIET, seconds=2.2)).costs(
        grid_gco2e_per_kwh=100.0, price_per_kwh=0.2, currency="EUR"
    )

    assert costs.energy_j == pytest.approx(15e6, rel=1e-6)
    assert costs.low_j < costs.energy_j < costs.high_j
    assert costs.sentence == ("4.17 kWh (4.06 kWh to 4.27 kWh), 417 gCO2e and 0.833 EUR more per million requests")


def test_costs_of_a_thousand():
    """The number of requests is a factor, and so it is printed."""
    costs = explained(side(**QUIET), side(**QUIET, seconds=2.2)).costs(requests=1000)

    assert costs.energy_j == pytest.approx(15e3, rel=1e-6)
    assert costs.sentence.endswith("more per 1,000 requests")


def test_an_explanation_survives_another_process():
    """Nothing in it is bound to the process that made it."""
    found = explained(side(**QUIET, prefill_s=0.2), side(**QUIET, prefill_s=0.3, seconds=2.2))

    assert pickle.loads(pickle.dumps(found)) == found


def test_wider_levels_tell_less():
    """What is told at 95 % need not be told at 99.9 %."""
    before, after = side(spread=EVEN), side(spread=EVEN, power_w=318)

    assert explained(before, after, level=0.95).split.power.told
    assert not explained(before, after, level=0.999).split.power.told
