"""The table of serving: how requests came, what they cost in the whole run and the steady state, who met the level."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Request, Scenario
from energy_fixtures.serving.records import Arrivals, Served, ServingRun, Steady
from energy_fixtures.serving.search import at_rate
from energy_fixtures.serving.slo import service_level
from energy_fixtures.workloads.mix import Mix
from reports.render.serving import serving_table
from reports.render.tables import View
from reports.render.terminal import report
from reports.render.text import to_lines
from tests.conftest import make_environment, make_result, make_trial

VIEW = View(level=0.95)
ENVIRONMENTS = {make_environment().key: make_environment()}


def lines(results, view=VIEW):
    """The printed table."""
    return to_lines(serving_table("energy: serving", results, ENVIRONMENTS, view), width=200, colour=False)


def online(name, joules, arrivals, *, level=None, e2e_s=0.5, failure=None, **changes):
    """A case of three trials with three requests of four tokens each."""
    served = tuple(
        Served(due_s=at_s, sent_s=at_s, first_token_s=at_s + 0.1, ended_s=at_s + e2e_s, output_tokens=4)
        for at_s in (0.0, 0.5, 1.0)
    )
    if failure is not None:
        served = (*served[:2], msgspec.structs.replace(served[2], failure=failure))
    whole = [one for one in served if one.failure is None]
    steady = Steady(
        begin_s=0.1,
        end_s=1.1,
        output_tokens=8,
        requests=2,
        reading=Reading(energy_j={"gpu:0": 4.0}, duration_s=1.0, method="counter"),
    )
    request = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=e2e_s)
    run = ServingRun(requests=served, duration_s=1.0 + e2e_s, steady=steady)
    generation = Generation(requests=(request,) * len(whole), serving=(run,))
    invalid = ("requests_refused",) if failure is not None else ()
    trials = tuple(
        make_trial(value, index=index, generation=generation, invalid_reasons=invalid)
        for index, value in enumerate(joules)
    )
    scenario = Scenario(
        engine="vllm_server", model="tiny", batch_size=1, input_tokens=8, output_tokens=4, arrivals=arrivals, **changes
    )
    return make_result(
        f"test_serving[{name}]",
        question="serving",
        scenario=scenario,
        trials=trials,
        service_level=None if level is None else service_level(level),
    )


def offline(joules, name="offline", **changes):
    """The same lengths in one batch after another."""
    fields = {"engine": "vllm", "model": "tiny", "batch_size": 1, "input_tokens": 8, "output_tokens": 4, **changes}
    scenario = Scenario(**fields)
    return make_result(f"test_serving[{name}]", question="serving", scenario=scenario, joules=joules)


def row(printed, case):
    """The cells of a case."""
    return next(line for line in printed if line.startswith(f"{case} "))


def test_a_row_says_how_requests_came_and_what_they_cost():
    """Arrivals, joules per token of the whole run and of the steady state, latencies, answers per second."""
    printed = lines([online("poisson2", (12.0, 12.0, 12.0), Arrivals.poisson(3, 2.0))])
    cells = row(printed, "poisson2").split()

    assert "poisson 2/s, 3 requests" in row(printed, "poisson2")
    assert cells[5] == "1.00"  # 12 J over 12 tokens
    assert "500" in cells  # mJ/token in the steady state: 4 J over 8 tokens
    assert "2.00" in cells  # three answers in 1.5 s


@pytest.mark.parametrize(
    ("arrivals", "said"),
    [
        (Arrivals.all_at_once(3, max_concurrency=1), "all at once, 3 requests, 1 at once"),
        (Arrivals.gamma(3, 1.5, 0.25), "gamma 1.5/s burstiness 0.25, 3 requests"),
        (Arrivals.trace(3, "/somebody/azure.csv", time_scale=0.5), "trace, 3 requests, time × 0.5, azure.csv"),
        (
            Arrivals(process="constant", requests=4, request_rate=1.0, turns=2, shared_prefix_tokens=3),
            "constant 1/s, 4 requests, 2 turns, 3 tokens shared",
        ),
    ],
)
def test_every_choice_of_arrivals_is_said(arrivals, said):
    """What makes two cases different stands in the row; of a path the last part alone."""
    text = " ".join(" ".join(lines([online("case", (1.0, 1.0), arrivals)])).split())

    for part in said.replace(",", "").split():
        assert part in text
    assert "/somebody" not in text


def test_online_stands_beside_offline():
    """For the same lengths and batch the change in joules per token is said, in its direction."""
    printed = lines([offline((8.0, 8.0, 8.0)), online("poisson", (18.0, 18.0, 18.0), Arrivals.poisson(3, 2.0))])
    (sentence,) = [line for line in printed if "joules per token beside" in line]

    # offline 8 J over 8 tokens, online 18 J over 12
    assert sentence.startswith("poisson: +50.0 % joules per token beside offline")


def test_a_limit_at_once_is_compared_with_the_batch_of_that_size():
    """Of two batches the one with as many at once as the client allowed, also where the server could take more."""
    few = online("few", (18.0, 18.0, 18.0), Arrivals.all_at_once(3, max_concurrency=1))
    few = msgspec.structs.replace(few, scenario=msgspec.structs.replace(few.scenario, batch_size=8))
    larger = offline((1.0, 1.0, 1.0), "offline-b8", batch_size=8)
    printed = lines([larger, offline((8.0, 8.0, 8.0), "offline-b1"), few])

    assert [line.split(" (")[0] for line in printed if "joules per token beside" in line] == [
        "few: +50.0 % joules per token beside offline-b1"
    ]
    assert "beside offline: the same lengths, as many at once; other prompts" in " ".join(printed)
    assert not any("beside" in line for line in lines([larger, few]))


def test_requests_of_a_workload_are_compared_with_the_same_ones_only():
    """Workload, number and seed have to be equal, and none of the requests cut."""
    drawn = Arrivals(process="poisson", requests=3, request_rate=2.0, workload="burstgpt-like")
    case = online("chat", (18.0, 18.0, 18.0), drawn)
    joules, mix = (8.0, 8.0, 8.0), Mix(requests=3, workload="burstgpt-like")
    same = offline(joules, "same", mix=mix)
    others = [
        offline(joules, "plain"),
        offline(joules, "more", mix=Mix(requests=4, workload="burstgpt-like")),
        offline(joules, "code", mix=Mix(requests=3, workload="azure-code-like")),
        offline(joules, "seed", mix=mix, seed=1),
    ]
    printed = lines([case, same, *others])

    assert [line.split(" (")[0] for line in printed if "joules per token beside" in line] == [
        "chat: +50.0 % joules per token beside same"
    ]
    assert "batches of 1, 3 requests" in row(printed, "same")
    assert not any("beside" in line for line in lines([case, *others]))
    cut = msgspec.structs.replace(case.trials[0].generation.serving[0], cut=1)
    trial = msgspec.structs.replace(
        case.trials[0], generation=msgspec.structs.replace(case.trials[0].generation, serving=(cut,))
    )
    assert not any("beside" in line for line in lines([msgspec.structs.replace(case, trials=(trial,)), same]))


def test_the_cheapest_rate_that_meets_the_level_is_named():
    """Of three rates two meet the level; the one with fewer joules per token is the answer, the third its limit."""
    level = "e2el_p99_ms:1000"
    cases = [
        online("r1", (24.0, 24.0), Arrivals.poisson(3, 1.0), level=level),
        online("r2", (12.0, 12.0), Arrivals.poisson(3, 2.0), level=level),
        online("r4", (6.0, 6.0), Arrivals.poisson(3, 4.0), level=level, e2e_s=3.0),
    ]
    printed = lines(cases)

    assert "E2EL p99 <= 1000 ms: the cheapest of 2 rates that meet it is 2.00 requests/s, 1.00 J/token" in "".join(
        printed
    )
    assert any("4.00 requests/s does not meet it" in line for line in printed)
    assert "not met" in row(printed, "r4") and " met" in row(printed, "r1")


def test_a_level_that_none_meets_is_said():
    """Where no rate meets the level no joules are named."""
    cases = [
        online(f"r{rate}", (6.0, 6.0), Arrivals.poisson(3, float(rate)), level="e2el_p99_ms:100") for rate in (1, 2)
    ]

    assert "E2EL p99 <= 100 ms: none of 2 rates meets it, the lowest was 1.00 requests/s" in "".join(lines(cases))


def test_cases_that_differ_in_more_than_their_rate_are_no_rivals():
    """Another prefix cache, another limit at once, another workload: each is work of its own and joins no search."""
    level, joules = "e2el_p99_ms:1000", (12.0, 12.0)
    poisson = Arrivals.poisson(3, 2.0)
    cases = [
        online("plain", joules, poisson, level=level),
        online("cached", joules, Arrivals.poisson(3, 4.0), level=level, prefix_caching=True),
        online("few", joules, msgspec.structs.replace(poisson, request_rate=8.0, max_concurrency=1), level=level),
        online("chat", joules, msgspec.structs.replace(poisson, request_rate=9.0, workload="w"), level=level),
        online("again", joules, poisson, level=level),
    ]

    assert not any("cheapest" in line or "none of" in line for line in lines(cases))


def test_a_rate_that_nobody_could_judge_is_not_one_that_misses():
    """A case whose trials are all void for another reason than its requests is left out and counted."""
    level = "e2el_p99_ms:1000"
    met = online("r1", (24.0, 24.0), Arrivals.poisson(3, 1.0), level=level)
    void = online("r2", (12.0, 12.0), Arrivals.poisson(3, 2.0), level=level)
    void = msgspec.structs.replace(
        void, trials=tuple(msgspec.structs.replace(one, invalid_reasons=("foreign_requests",)) for one in void.trials)
    )
    text = " ".join(lines([met, void]))

    assert "the cheapest of 1 rates that meet it is 1.00 requests/s, 2.00 J/token" in text
    assert "1 more without a valid trial" in text and "does not meet it" not in text
    void = msgspec.structs.replace(void, scenario=at_rate(void.scenario, 3.0))
    other = msgspec.structs.replace(void, scenario=at_rate(void.scenario, 2.0))
    assert "unknown, no trial of 2 rates is valid" in " ".join(lines([void, other]))


def test_what_the_server_said_stands_in_the_note():
    """The first words of each kind of failure, as text and not as colours of the terminal."""
    case = online("full", (6.0, 6.0), Arrivals.poisson(3, 1.0), failure="at_capacity")
    trials = []
    for one in case.trials:
        (run,) = one.generation.serving
        run = msgspec.structs.replace(run, said={"at_capacity": "status 503: \x1b[31mno"})
        generation = msgspec.structs.replace(one.generation, serving=(run,))
        trials.append(msgspec.structs.replace(one, generation=generation))
    text = " ".join(lines([msgspec.structs.replace(case, trials=tuple(trials))]))

    assert r"the first at capacity: status 503: \x1b[31mno" in text


def test_failures_are_counted_in_a_note():
    """How many requests failed, of how many, and how, beside why the trials do not count."""
    text = " ".join(lines([online("full", (6.0, 6.0), Arrivals.poisson(3, 1.0), failure="at_capacity")]))

    assert "2 of 2 trials do not count: the server refused requests" in text
    assert "2 of 6 requests in all windows failed: 2 at capacity" in text


def test_the_report_takes_it_for_serving_and_leaves_named_columns_alone():
    """Question `serving` gets this table; columns that were asked for get the usual one."""
    case = online("poisson", (12.0, 12.0), Arrivals.poisson(3, 2.0))
    usual = to_lines(report([case], ENVIRONMENTS, VIEW), width=200, colour=False)
    named = to_lines(
        report([case], ENVIRONMENTS, View(level=0.95, metrics=("goodput", "ttft"))), width=200, colour=False
    )

    assert any("arrivals" in line for line in usual)
    assert not any("arrivals" in line for line in named)


def test_without_arrivals_there_is_no_such_table():
    """Offline cases alone are shown as everywhere."""
    assert serving_table("energy: serving", [offline((1.0,))], ENVIRONMENTS, VIEW) == []
