from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Run
from reports.comparison import Baseline, State, contrast, scenario_differences, split_values
from reports.noise import Between


def test_the_same_work_in_the_same_place_is_compared(case, run_of, environment):
    """Equal name, Scenario, method, scope and Environment make a pair that is compared."""
    old, new = case("b1", [1.0, 1.0]), case("b1", [1.1, 1.1])
    pair = Baseline("0001", run_of(old)).pair(new, environment())

    assert (pair.state, pair.baseline, pair.candidate, pair.differences) == (State.COMPARED, old, new, ())
    assert contrast(METRICS["joules_per_output_token"], pair, 0.95).value == pytest.approx(1.1)


def test_a_case_that_the_baseline_lacks_is_new(case, run_of, environment):
    """A case without a past is new, not an error."""
    pair = Baseline("0001", run_of(case("b1", [1.0]))).pair(case("b2", [1.0]), environment())

    assert (pair.state, pair.baseline) == (State.NEW, None)
    assert contrast(METRICS["joules_per_output_token"], pair, 0.95) is None


def test_another_scenario_under_the_same_name_is_other_work(case, run_of, environment):
    """A case whose file now asks for something else is not compared, and the fields that changed are named."""
    old, new = case("b1", [1.0]), case("b1", [1.0], output_tokens=20, model="shape:olmo-1b")
    pair = Baseline("0001", run_of(old)).pair(new, environment())

    assert pair.state is State.OTHER_WORKLOAD
    assert pair.differences == ("output_tokens 10 against 20", "model tiny against shape:olmo-1b")


def test_another_board_is_not_compared(case, run_of, environment):
    """Joules of another GPU are refused with what differs."""
    there = environment(boards=({"name": "NVIDIA H100", "uuid": "GPU-1", "power_limit_w": 700.0},))
    pair = Baseline("0001", run_of(case("b1", [1.0]), where=there)).pair(case("b1", [1.0]), environment())

    assert pair.state is State.INCOMPARABLE
    assert pair.differences == ("board name NVIDIA H100 against NVIDIA H200",)


def test_what_differs_around_a_compared_pair_is_noted(case, run_of, environment):
    """Another version does not stop a comparison; it travels with the pair."""
    there = environment(packages={"torch": "2.12.0"})
    pair = Baseline("0001", run_of(case("b1", [1.0]), where=there)).pair(case("b1", [1.0]), environment())

    assert (pair.state, pair.differences) == (State.COMPARED, ())
    assert pair.notes == ("torch 2.12.0 against 2.13.0",)


def test_a_pair_that_is_not_compared_has_no_notes(case, run_of, environment):
    """What refuses the comparison is said, and nothing beside it."""
    there = environment(packages={"torch": "2.12.0"}, boards=({"name": "NVIDIA H100", "uuid": "GPU-1"},))
    pair = Baseline("0001", run_of(case("b1", [1.0]), where=there)).pair(case("b1", [1.0]), environment())

    assert (pair.state, pair.notes) == (State.INCOMPARABLE, ())


def test_modelled_joules_never_meet_measured_ones(case, run_of, environment):
    """A result whose readings were obtained in another way is refused even where the Environments agree."""
    pair = Baseline("0001", run_of(case("b1", [1.0], method="modelled"))).pair(case("b1", [1.0]), environment())

    assert pair.differences == ("modelled joules against counter joules",)


def test_joules_of_other_domains_are_not_compared(case, run_of, environment):
    """A scope that changed is named."""
    pair = Baseline("0001", run_of(case("b1", [1.0]))).pair(case("b1", [1.0], scope=("gpu:0", "cpu:0")), environment())

    assert pair.differences == ("joules of gpu:0 against gpu:0 cpu:0",)


def test_a_past_without_a_valid_trial_is_not_compared(case, run_of, environment):
    """Invalid trials in the baseline make the pair incomparable, with the reason."""
    old = case("b1", [1.0], invalid=[("output_tokens_differ",)])
    pair = Baseline("0001", run_of(old)).pair(case("b1", [1.0]), environment())

    assert pair.differences == (
        "no valid trial in the baseline (the engine generated another number of tokens than was asked for)",
    )


def test_a_past_of_unknown_place_is_not_compared(case, environment):
    """A baseline that lost its Environment cannot be compared with."""
    run = Run(schema_version=1, environments={}, results=(case("b1", [1.0]),))

    assert Baseline("0001", run).pair(case("b1", [1.0]), environment()).state is State.INCOMPARABLE


def test_missing_cases_are_those_that_were_expected(case, run_of):
    """A case of the baseline without a result now is missing, unless nobody asked for it."""
    gone, left_out, there = case("b1", [1.0]), case("b2", [1.0]), case("b4", [1.0])
    baseline = Baseline("0001", run_of(gone, left_out, there))

    assert baseline.missing([there], lambda name: name != left_out.fullname) == (gone,)


def test_another_machine_is_known_before_any_engine_loads(case, run_of, environment):
    """Host and boards alone tell another machine; engine and meter, not yet known, are not held against it."""
    baseline = Baseline("0001", run_of(case("b1", [1.0])))

    assert baseline.elsewhere(environment(engine={}, meter={})) == ()
    elsewhere = environment(host={"cpu": "Other CPU", "cores": 2, "system": "Linux"}, engine={}, meter={})
    assert baseline.elsewhere(elsewhere) == ("host cpu Example CPU against Other CPU",)


def test_a_function_and_a_scenario_are_not_the_same_work(scenario):
    """A plain function never stands for a Scenario; two plain functions of one name are the same work."""
    assert scenario_differences(None, None) == ()
    assert scenario_differences(None, scenario()) == ("a plain function against a scenario",)


def test_of_two_results_with_one_name_the_last_counts(case, run_of, environment):
    """A test that was run again in the baseline's session counts with its last result."""
    first, last = case("b1", [1.0]), msgspec.structs.replace(case("b1", [2.0]), started_at="2026-01-02T00:00:00+00:00")

    assert Baseline("0001", run_of(first, last)).pair(case("b1", [1.0]), environment()).baseline is last


def test_values_are_split_by_session(case):
    """Each session's valid values, in order; a session without a valid trial has none."""
    result = case("b1", [1.0, 2.0, 3.0, 4.0, 5.0], invalid=[(), (), ("counter_reset",), (), ()])
    assert split_values(METRICS["joules_per_output_token"], result, (2, 1, 0, 2)) == [(1.0, 2.0), (), (), (4.0, 5.0)]


def stated(result, share):
    """The same trials by a meter that says how sure it is."""
    readings = [
        msgspec.structs.replace(one.reading, uncertainty_j={"gpu:0": share * one.reading.energy_j["gpu:0"]})
        for one in result.trials
    ]
    trials = tuple(
        msgspec.structs.replace(trial, reading=reading) for trial, reading in zip(result.trials, readings, strict=True)
    )
    return msgspec.structs.replace(result, trials=trials)


def test_a_coarse_counter_is_not_exact(case, run_of, environment):
    """Trials that a counter's steps show as equal do not make an interval of no width: the meter's own doubt is left."""
    old, new = (stated(case("b1", [value] * 4), 0.01) for value in (1.0, 1.02))
    found = contrast(METRICS["joules_per_output_token"], Baseline("old", run_of(old)).pair(new, environment()), 0.95)
    reach = 1.96 * math.hypot(0.01, 0.01)
    assert (found.low, found.high) == pytest.approx((1.02 * math.exp(-reach), 1.02 * math.exp(reach)), rel=1e-4)
    assert found.low < 1 < found.high


def test_a_spread_wider_than_the_meters_doubt_stays(case, run_of, environment):
    """Where trials differ by more than the meter may be off, its doubt is in their spread already and is not added."""
    known = METRICS["joules_per_output_token"]
    old, new = case("b1", [1.0, 1.2, 0.9, 1.1]), case("b1", [1.1, 1.3, 0.8, 1.0])
    found = [
        contrast(known, Baseline("old", run_of(past)).pair(now, environment()), 0.95)
        for past, now in ((old, new), (stated(old, 0.001), stated(new, 0.001)))
    ]
    assert found[0] == found[1]


def test_a_stored_baseline_is_never_exact(case, run_of, environment):
    """What two sessions differ by is added to the spread of the rounds by squares, and not where sessions show it themselves."""
    old, new = case("b1", [1.0, 1.02, 0.98]), case("b1", [1.1, 1.12, 1.08])
    pair = Baseline("0001", run_of(old)).pair(new, environment())
    known, between = METRICS["joules_per_output_token"], Between()

    rounds, days = contrast(known, pair, 0.95), contrast(known, pair, 0.95, between)
    reach = [math.log(found.high / found.value) for found in (rounds, days)]
    assert reach[1] == pytest.approx(math.hypot(reach[0], 2.228 * math.sqrt(2) * 0.01), rel=1e-4)
    assert days.low == pytest.approx(days.value**2 / days.high)
    repeated = replace(pair, sessions=((2, 1), (2, 1)))
    assert contrast(known, repeated, 0.95, between) == contrast(known, repeated, 0.95)
