"""Was every request served, as asked and in time? Each way in which it was not has a code of its own."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.metrics import METRICS
from energy_fixtures.readings import Reading
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Generation, Request, Result, Scenario, Trial
from energy_fixtures.serving import checks
from energy_fixtures.serving.records import Arrivals, Gaps, Served, ServingRun, Steady
from energy_fixtures.serving.slo import service_level

SCENARIO = Scenario(
    engine="vllm_server", batch_size=1, input_tokens=8, output_tokens=4, arrivals=Arrivals.constant(4, 1.0)
)
LATE = ("benchmark_duration_mismatch",)
STEADY = Steady(
    begin_s=1.0,
    end_s=3.0,
    output_tokens=8.0,
    requests=2,
    reading=Reading(energy_j={"cpu:0": 24.0}, duration_s=2.0, method="counter"),
)


def served(at_s, *, lag_s=0.0, took_s=0.5, failure=None):
    """One request of four tokens."""
    return Served(
        due_s=at_s,
        sent_s=at_s + lag_s,
        first_token_s=at_s + 0.2,
        ended_s=at_s + took_s,
        output_tokens=4,
        failure=failure,
    )


def generation(requests=None, **changes):
    """A run of four requests, one per second, as asked for; `requests` replaces them."""
    requests = [served(float(at_s)) for at_s in range(4)] if requests is None else requests
    fields = {"duration_s": max(one.ended_s for one in requests), "steady": STEADY}
    own = {name: changes.pop(name) for name in ("steady", "foreign_requests", "gaps") if name in changes}
    run = ServingRun(requests=tuple(requests), **{**fields, **own})
    answers = tuple(
        Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.2, e2e_s=one.ended_s - one.sent_s)
        for one in requests
        if one.failure is None
    )
    return Generation(**{"requests": answers, "serving": (run,), **changes})


def test_work_as_asked_has_no_code():
    """Four requests, each as long as asked and in time, raise nothing."""
    assert checks.invalid(SCENARIO, 1, generation()) == ()
    assert checks.doubts(SCENARIO, generation()) == ()


@pytest.mark.parametrize("failure", checks.FAILED)
def test_each_failure_voids_the_trial_by_name(failure):
    """One failed request of four makes the trial invalid, with a code that says how; lengths are not blamed as well."""
    done = generation([served(0.0), served(1.0), served(2.0, failure=failure), served(3.0)])
    codes = checks.invalid(SCENARIO, 1, done)

    assert codes == (checks.FAILED[failure],)
    assert codes[0] in REASONS


def test_a_level_is_not_met_by_leaving_failures_out():
    """Two trials that meet the level and one whose requests the server refused: the level is not met in all of them."""
    whole, level = generation(), service_level("e2el_p99_ms:1000")
    refused = generation([served(0.0), served(1.0), served(2.0, failure="at_capacity"), served(3.0)])
    reading = Reading(energy_j={"cpu:0": 1.0}, duration_s=4.0, method="counter")
    trials = tuple(
        Trial(index=place, iterations=1, reading=reading, generation=done, invalid_reasons=codes)
        for place, (done, codes) in enumerate(
            [(whole, ()), (refused, ("requests_refused",)), (whole, ("clock_skew",)), (whole, ())]
        )
    )
    result = Result(
        fullname="t.py::t", question="serving", case="t", scenario=SCENARIO, environment="e", scope=("cpu:0",),
        trials=trials, started_at="2026-01-01T00:00:00+00:00", service_level=level,
    )  # fmt: skip

    assert METRICS["slo_met"].values(result) == (1.0, 0.0, 1.0)  # the voided one that says nothing of the server is out
    assert len(METRICS["goodput"].values(result)) == 2


def test_other_work_than_asked_is_named():
    """Missing requests, other lengths, cached prompts and requests of others each have their code."""
    short = generation()
    shorter = tuple(msgspec.structs.replace(one, output_tokens=3) for one in short.requests)
    longer = tuple(msgspec.structs.replace(one, input_tokens=9) for one in short.requests)

    assert checks.invalid(SCENARIO, 2, short) == ("request_count_differs",)
    assert checks.invalid(SCENARIO, 1, generation(requests=[served(0.0)])) == ("request_count_differs",)
    assert checks.invalid(SCENARIO, 1, generation(requests=None)) == ()
    replaced = msgspec.structs.replace
    assert checks.invalid(SCENARIO, 1, replace_requests(short, shorter)) == ("output_tokens_differ",)
    assert checks.invalid(SCENARIO, 1, replace_requests(short, longer)) == ("input_tokens_differ",)
    assert checks.invalid(SCENARIO, 1, replaced(short, prefix_cache_hit_tokens=16)) == ("prefix_cache_hit",)
    assert checks.invalid(SCENARIO, 1, generation(foreign_requests=1)) == ("foreign_requests",)


def replace_requests(done, requests):
    """The same generation with other answers."""
    return msgspec.structs.replace(done, requests=requests)


def test_hits_are_wanted_where_they_were_asked_for():
    """With prefix caching in the case its hits void nothing."""
    cached = msgspec.structs.replace(SCENARIO, prefix_caching=True)

    assert checks.invalid(cached, 1, msgspec.structs.replace(generation(), prefix_cache_hit_tokens=16)) == ()


def test_a_client_that_lags_is_a_doubt():
    """Requests that leave later than 50 ms weaken the latencies."""
    late = generation([served(float(at_s), lag_s=0.06) for at_s in range(4)])

    assert checks.doubts(SCENARIO, late) == ("requests_sent_late",)


def test_a_queue_that_grows_is_a_doubt():
    """Where answers come ever later than requests, the rate is above what the server can do."""
    growing = generation([served(float(at_s), took_s=0.5 + at_s) for at_s in range(4)])

    assert checks.doubts(SCENARIO, growing) == ("rate_above_capacity",)


def test_a_slow_but_steady_server_is_none():
    """A run that ends late because every answer takes long has no growing queue."""
    slow = generation([served(float(at_s), took_s=2.0) for at_s in range(4)])

    assert checks.doubts(SCENARIO, slow) == ()


def test_a_missing_steady_state_is_a_doubt():
    """Where the run has no steady state that is said."""
    assert checks.doubts(SCENARIO, generation(steady=None)) == ("steady_state_unknown",)


@pytest.mark.parametrize("reading", [None, msgspec.structs.replace(STEADY.reading, invalid_reasons=("counter_stuck",))])
def test_a_steady_state_without_joules_is_a_doubt(reading):
    """A steady state that the meter missed is said, unless the meter plays back and never looks inside a window."""
    unread = generation(steady=msgspec.structs.replace(STEADY, reading=reading))

    assert checks.doubts(SCENARIO, unread) == ("steady_state_not_metered",)
    assert checks.doubts(SCENARIO, unread, metered=False) == ()


@pytest.mark.parametrize(("looked_s", "codes"), [(2.0, ()), (1.86, ()), (2.14, ()), (1.8, LATE), (2.2, LATE)])
def test_a_look_far_off_is_no_look_at_the_steady_state(looked_s, codes):
    """Two seconds may be missed by 5 % and 50 ms, in either direction."""
    reading = msgspec.structs.replace(STEADY.reading, duration_s=looked_s)

    assert checks.steady_invalid(reading, ("cpu:0",), 2.0) == codes


def test_a_late_look_counts_by_its_power():
    """A meter that looked for 1.6 s of 2 s and saw 12 W has seen 24 J of the steady state."""
    late = Reading(energy_j={"cpu:0": 19.2}, duration_s=1.6, method="counter")
    one = result(generation(steady=msgspec.structs.replace(STEADY, reading=late)))

    assert value("steady_joules_per_output_token", one) == pytest.approx(24 / 8)


def result(done, level=None, **reading):
    """A Result of one trial of 60 J in 4 s."""
    fields = {"energy_j": {"cpu:0": 60.0}, "duration_s": 4.0, "method": "counter"}
    trial = Trial(index=0, iterations=1, reading=Reading(**{**fields, **reading}), generation=done)
    return Result(
        fullname="t::t[x]",
        question="serving",
        case="x",
        scenario=SCENARIO,
        environment="e",
        scope=("cpu:0",),
        trials=(trial,),
        started_at="2026-01-01T00:00:00+00:00",
        service_level=None if level is None else service_level(level),
    )


def value(name, one):
    """The metric of the only trial."""
    values = METRICS[name].values(one)
    return values[0] if values else None


def test_figures_of_a_run_by_hand():
    """Joules, tokens and requests of the whole run and of its steady state, against figures worked out by hand."""
    gaps = Gaps(count=12, mean_s=0.1, p50_s=0.1, p90_s=0.1, p95_s=0.11, p99_s=0.12)
    # 4 answers of 4 tokens in 3.5 s; steady: 24 J, 8 tokens, 2 s
    one = result(generation(gaps=gaps), "ttft_p99_ms:500")

    assert value("joules_per_output_token", one) == 60 / 16
    assert value("steady_joules_per_output_token", one) == 24 / 8
    assert value("steady_joules_per_request", one) == 24 / 8 * 4
    assert value("steady_power_w", one) == 12
    assert value("steady_output_throughput", one) == 4
    assert value("request_throughput", one) == 4 / 3.5
    assert value("offered_rate", one) == 1.0
    assert value("goodput", one) == 4 / 3.5
    assert value("slo_met", one) == 1
    assert value("joules_per_output_token_at_slo", one) == 60 / 16
    assert value("joules_per_good_request", one) == 15
    assert [value(name, one) for name in ("itl", "itl_p95", "itl_p99")] == pytest.approx([0.1, 0.11, 0.12])
    assert value("e2el_p99", one) == pytest.approx(0.5)
    assert value("schedule_lag_p99", one) == 0


def test_a_level_that_is_not_met_has_no_joules_at_it():
    """Answers that are too slow are no goodput; joules at the level are unknown and not the joules of a worse service."""
    slow = [served(0.0), served(1.0), served(2.0), served(3.0, took_s=3.0)]
    one = result(generation(slow), "e2el_p99_ms:1000")

    assert value("goodput", one) == 3 / 6
    assert value("slo_met", one) == 0
    assert value("joules_per_output_token_at_slo", one) is None
    assert value("joules_per_good_request", one) == 20


def test_what_is_unknown_is_none():
    """Without a level, a steady state, or a reading of it the figures are absent and never 0."""
    bare = result(generation(steady=None))
    unread = result(generation(steady=msgspec.structs.replace(STEADY, reading=None)))

    assert value("goodput", bare) is value("slo_met", bare) is value("joules_per_good_request", bare) is None
    assert value("steady_joules_per_output_token", bare) is value("steady_output_throughput", bare) is None
    assert value("steady_joules_per_output_token", unread) is None
    assert value("steady_output_throughput", unread) == 4


def test_a_reading_that_cannot_be_true_is_not_used():
    """A steady state whose reading is invalid has no joules."""
    broken = msgspec.structs.replace(
        STEADY, reading=msgspec.structs.replace(STEADY.reading, invalid_reasons=("counter_stuck",))
    )

    assert value("steady_joules_per_output_token", result(generation(steady=broken))) is None
