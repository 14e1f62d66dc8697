"""Serving cases: what exists is valid, keeps old keys, and survives its JSON form."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.records import Decoding, Scenario
from energy_fixtures.serving.records import Arrivals


def case(arrivals, **changes):
    """A serving Scenario of two at once."""
    fields = {"engine": "vllm_server", "batch_size": 2, "input_tokens": 8, "output_tokens": 4, "arrivals": arrivals}
    return Scenario(**{**fields, **changes})


@pytest.mark.parametrize(
    "arrivals",
    [
        Arrivals.all_at_once(6),
        Arrivals.all_at_once(3, max_concurrency=1),
        Arrivals.constant(6, 2.0),
        Arrivals.poisson(6, 2.0),
        Arrivals.gamma(6, 2.0, 0.5),
        Arrivals.trace(6, "trace.csv", time_scale=0.5),
        Arrivals.trace(6),
        Arrivals(process="poisson", requests=8, request_rate=1.0, turns=4, shared_prefix_tokens=3),
    ],
)
def test_a_serving_case_survives_json(arrivals):
    """Any arrivals come back from their JSON equal, inside a Scenario with an equal key."""
    scenario = case(arrivals)
    again = msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario)

    assert again == scenario and again.key == scenario.key


def test_cases_without_arrivals_keep_their_keys():
    """What serving added does not show in the JSON of other cases, so stored keys stay what they were."""
    scenario = Scenario(engine="vllm", batch_size=2, input_tokens=8, output_tokens=4)

    assert msgspec.to_builtins(scenario) == {"engine": "vllm", "batch_size": 2, "input_tokens": 8, "output_tokens": 4}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"process": "poisson", "requests": 6}, "need a request_rate"),
        ({"process": "constant", "requests": 6, "request_rate": 0.0}, "need a request_rate"),
        ({"process": "all_at_once", "requests": 6, "request_rate": 1.0}, "have no request_rate"),
        ({"process": "gamma", "requests": 6, "request_rate": 1.0}, "need a burstiness"),
        ({"process": "poisson", "requests": 6, "request_rate": 1.0, "burstiness": 1.0}, "belongs to gamma"),
        ({"process": "trace", "requests": 6, "workload": "t", "time_scale": 0.0}, "need a time_scale"),
        ({"process": "constant", "requests": 6, "request_rate": 1.0, "time_scale": 2.0}, "belongs to trace"),
        ({"process": "all_at_once", "requests": 7, "turns": 2}, "multiple of 2 turns"),
        ({"process": "all_at_once", "requests": 6, "turns": 2, "workload": "t"}, "own lengths"),
        ({"process": "all_at_once", "requests": 0}, "requests must be >= 1"),
        ({"process": "all_at_once", "requests": 6, "max_concurrency": 0}, "max_concurrency must be >= 1"),
    ],
)
def test_arrivals_that_mean_nothing_are_refused(fields, said):
    """A field that a process lacks, or has and should not, is told by name."""
    with pytest.raises(ValueError, match=said):
        Arrivals(**fields)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arrivals": None}, "needs arrivals"),
        ({"engine": "vllm"}, "belong to a server"),
        ({"decoding": Decoding.beam(2)}, "no beam search"),
        ({"batch_size": 3}, "needs at least 9 requests"),
        ({"arrivals": Arrivals(process="all_at_once", requests=6, shared_prefix_tokens=8)}, "fewer than the 8"),
        ({"execution": "as_served"}, "executes as one of"),
        ({"engine": "server"}, "executes as one of as_served"),
    ],
)
def test_serving_cases_that_cannot_be_are_refused(changes, said):
    """A steady state needs three times as many requests as are served at once, and a server has no beams."""
    with pytest.raises(ValueError, match=said):
        case(**{"arrivals": Arrivals.all_at_once(6), **changes})


def test_concurrency_bounds_how_many_are_served():
    """B is the smaller of the server's limit and the arrivals'."""
    assert case(Arrivals.all_at_once(6)).served_at_once == 2
    assert case(Arrivals.all_at_once(6, max_concurrency=1), batch_size=9).served_at_once == 1
