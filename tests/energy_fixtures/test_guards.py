"""The same-work guard: different work is invalid, not fast."""

import msgspec
import pytest

from energy_fixtures import guards
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import Reading
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Generation, Request

REQUEST = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=0.4)
METER = MeterInfo(name="m", method="counter", domains=("gpu:0",), resolution_s=0.1)


def generation(*requests, **changes):
    return msgspec.structs.replace(Generation(requests=requests), **changes)


def test_work_as_asked_has_no_reason(scenario):
    """Two requests of 8 + 4 tokens in each of two iterations are exactly what was asked for."""
    assert guards.work_differs(scenario(), 2, generation(*[REQUEST] * 4)) == ()


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (generation(REQUEST), "request_count_differs"),
        (generation(REQUEST, msgspec.structs.replace(REQUEST, output_tokens=3)), "output_tokens_differ"),
        (generation(REQUEST, msgspec.structs.replace(REQUEST, input_tokens=7)), "input_tokens_differ"),
        (generation(REQUEST, REQUEST, prefix_cache_hit_tokens=16), "prefix_cache_hit"),
    ],
)
def test_other_work_is_named(scenario, done, code):
    """Each way of doing less than asked has its own code."""
    assert guards.work_differs(scenario(), 1, done) == (code,)


def test_prefix_hits_are_fine_where_asked_for(scenario):
    """A case that asks for prefix caching is not punished for hits."""
    done = generation(REQUEST, REQUEST, prefix_cache_hit_tokens=16)

    assert guards.work_differs(scenario(prefix_caching=True), 1, done) == ()


def test_energy_that_is_not_positive_is_invalid():
    """Zero joules for work is never a result."""
    reading = Reading(energy_j={"gpu:0": 0.0}, duration_s=1.0, method="counter")

    assert guards.reading_invalid(reading, ("gpu:0",), None) == ("energy_not_positive",)


def test_domain_outside_the_scope_may_read_zero():
    """Only what stands for the work must have used energy."""
    reading = Reading(energy_j={"gpu:0": 1.0, "dram:0": 0.0}, duration_s=1.0, method="counter")

    assert guards.reading_invalid(reading, ("gpu:0",), 0.9) == ()


def test_engine_time_must_fit_into_the_window():
    """Work that says it took longer than the window around it cannot be paired with that window, except on replay."""
    measured = Reading(energy_j={"gpu:0": 1.0}, duration_s=1.0, method="counter")
    replayed = msgspec.structs.replace(measured, method="replay")

    assert guards.reading_invalid(measured, ("gpu:0",), 1.2) == ("benchmark_duration_mismatch",)
    assert guards.reading_invalid(replayed, ("gpu:0",), 1.2) == ()


def test_short_window_is_a_doubt():
    """A window of few counter steps counts, with a doubt."""
    short = Reading(energy_j={"gpu:0": 1.0}, duration_s=0.5, method="counter", doubts=("modelled_not_measured",))

    assert guards.reading_doubts(short, METER) == ("modelled_not_measured", "window_short_for_meter")
    assert guards.reading_doubts(msgspec.structs.replace(short, duration_s=2.0), METER) == ("modelled_not_measured",)


def test_doubts_of_the_work():
    """Preemptions, dummy weights and their acceptance rate are told."""
    assert guards.generation_doubts(generation(REQUEST, preemptions=2), dummy_weights=False) == ("requests_preempted",)
    assert guards.generation_doubts(generation(REQUEST, drafted_tokens=3), dummy_weights=True) == (
        "weights_are_dummies",
        "acceptance_of_random_weights",
    )


def test_every_code_has_a_sentence_and_a_remedy():
    """No reason code without its sentence and what to do about it."""
    for reason in REASONS.values():
        assert reason.sentence and reason.remedy
        assert not reason.sentence.endswith(".")
