"""What one arrival run asks for: lengths, turns, prompts."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from energy_fixtures.records import Scenario
from energy_fixtures.serving import schedule as module
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.schedule import longest_tokens, prompts_of, schedule_of, stored


def case(arrivals, **changes):
    """A serving Scenario of prompts of 8 and answers of 4 tokens."""
    fields = {"engine": "vllm_server", "batch_size": 1, "input_tokens": 8, "output_tokens": 4, "arrivals": arrivals}
    return Scenario(**{**fields, **changes})


def prompts(scenario, seed=1):
    """Its prompts for one round."""
    return prompts_of(scenario, schedule_of(scenario), seed=seed, vocab_size=50_000, avoid=(0,))


def test_plain_arrivals_ask_for_the_scenarios_lengths():
    """Each request has its time and the Scenario's own lengths."""
    scenario = case(Arrivals.constant(3, 2.0))
    planned = schedule_of(scenario).requests

    assert [(one.at_s, one.after, one.input_tokens, one.output_tokens) for one in planned] == [
        (0.0, None, 8, 4),
        (0.5, None, 8, 4),
        (1.0, None, 8, 4),
    ]
    assert schedule_of(scenario).last_s == 1.0


def test_rounds_share_times_and_no_prompt():
    """The times belong to the Scenario, the prompts to the round: none comes twice."""
    scenario = case(Arrivals.poisson(4, 1.0))
    one, other = prompts(scenario, 1), prompts(scenario, 2)

    assert schedule_of(scenario) == schedule_of(case(Arrivals.poisson(4, 1.0)))
    assert len({tuple(prompt[:4]) for prompt in (*one, *other)}) == 8


def test_turns_repeat_the_conversation_before_them():
    """A later turn holds the earlier prompt and as many tokens as its answer, then its own; conversations share nothing."""
    scenario = case(Arrivals(process="constant", requests=6, request_rate=3.0, turns=3))
    planned = schedule_of(scenario).requests
    found = prompts(scenario)

    assert [one.input_tokens for one in planned] == [8, 20, 32, 8, 20, 32] == [len(one) for one in found]
    assert [one.after for one in planned] == [None, 0, 1, None, 3, 4]
    assert [one.at_s for one in planned] == [0.0, None, None, 1.0, None, None]
    assert found[1][:8] == found[0] and found[2][:20] == found[1]
    assert found[3] != found[0]
    assert longest_tokens(scenario) == 36


def test_a_shared_prefix_is_shared_by_all():
    """The first tokens of every prompt are the same inside a round and others in the next."""
    scenario = case(Arrivals(process="all_at_once", requests=4, shared_prefix_tokens=5))
    one, other = prompts(scenario, 1), prompts(scenario, 2)

    assert {tuple(prompt[:5]) for prompt in one} == {tuple(one[0][:5])}
    assert len({tuple(prompt[5:]) for prompt in one}) == 4
    assert [len(prompt) for prompt in one] == [8] * 4
    assert one[0][:5] != other[0][:5]


@pytest.fixture
def workload(monkeypatch):
    """A workload of three requests, the last of which is longer than any case allows."""
    lengths = SimpleNamespace(
        provenance=SimpleNamespace(sha256="0123456789abcdef" * 4),
        input_tokens=np.array([5, 8, 900]),
        output_tokens=np.array([2, 4, 3]),
        arrival_s=np.array([0.0, 2.0, 8.0]),
    )
    stand_in = ModuleType("energy_fixtures.workloads.catalogue")
    stand_in.workload = lambda name, requests, seed: lengths
    monkeypatch.setitem(sys.modules, "energy_fixtures.workloads.catalogue", stand_in)
    module._schedule.cache_clear()
    yield
    module._schedule.cache_clear()


@pytest.mark.usefixtures("workload")
def test_a_workload_gives_lengths_and_times():
    """Lengths and times come from the workload; what is longer than the case allows is cut and counted."""
    schedule = schedule_of(case(Arrivals.trace(3, "t", time_scale=0.5)))

    assert [(one.at_s, one.input_tokens, one.output_tokens) for one in schedule.requests] == [
        (0.0, 5, 2),
        (1.0, 8, 4),
        (4.0, 8, 3),
    ]
    assert schedule.cut == 1
    assert [len(one) for one in prompts(case(Arrivals.trace(3, "t")))] == [5, 8, 8]


@pytest.mark.usefixtures("workload")
def test_a_result_keeps_no_path_of_a_user():
    """A workload is stored by name and content, whichever folder it lies in."""
    one = stored(case(Arrivals.trace(3, "/somebody/azure.csv")))
    other = stored(case(Arrivals.trace(3, "elsewhere/azure.csv")))

    assert one.arrivals.workload == "azure.csv@01234567"
    assert one == other
    assert stored(case(Arrivals.all_at_once(3))) == case(Arrivals.all_at_once(3))
