"""What vLLM returned and counted, read into records; the shapes are vLLM 0.32's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from energy_fixtures.engines.vllm_outputs import (
    Done,
    beam_requests,
    counted_between,
    counters,
    requests,
    spans,
)
from energy_fixtures.records import Span


def done(output: Any) -> Done:
    """An iteration from 100 s to 103 s with one output."""
    return Done(started_s=100.0, ended_s=103.0, prompt_tokens=3, outputs=[output])


def output(metrics: Any) -> Any:
    """A RequestOutput of three prompt and two generated tokens."""
    completion = SimpleNamespace(token_ids=[7, 8], finish_reason="length")
    return SimpleNamespace(prompt_token_ids=[1, 2, 3], outputs=[completion], metrics=metrics)


def test_latencies_count_from_the_hand_over() -> None:
    """Time to first and last token are differences to the batch's start on vLLM's monotonic clock."""
    (request,) = requests(done(output(SimpleNamespace(first_token_ts=100.5, last_token_ts=102.0))))

    assert (request.input_tokens, request.output_tokens, request.finish_reason) == (3, 2, "length")
    assert (request.ttft_s, request.e2e_s) == (0.5, 2.0)


def test_missing_times_are_unknown() -> None:
    """Zero, vLLM's word for "not yet", and absent metrics are unknown times and not early ones."""
    for metrics in (None, SimpleNamespace(first_token_ts=0.0, last_token_ts=0.0)):
        (request,) = requests(done(output(metrics)))

        assert (request.ttft_s, request.e2e_s) == (None, None)


def test_best_beam_is_what_the_caller_receives() -> None:
    """A beam output counts its best sequence without the prompt, and ends with its batch."""
    beams = [
        SimpleNamespace(tokens=[1, 2, 3, 9, 9], finish_reason=None),
        SimpleNamespace(tokens=[1, 2, 3, 4], finish_reason=None),
    ]

    (request,) = beam_requests(done(SimpleNamespace(sequences=beams)))

    assert (request.input_tokens, request.output_tokens, request.finish_reason) == (3, 2, "length")
    assert (request.ttft_s, request.e2e_s) == (None, 3.0)


def test_prefill_ends_with_the_last_first_token() -> None:
    """A span counts from the engine's start of work; its first token is that of the batch's slowest request."""
    early, late = (output(SimpleNamespace(first_token_ts=first_s)) for first_s in (100.5, 100.75))
    both = Done(started_s=100.0, ended_s=103.0, prompt_tokens=3, outputs=[early, late])

    assert spans([both], 99.0) == (Span(start_s=1.0, first_token_s=1.75, end_s=4.0),)


def test_a_first_token_that_one_request_does_not_tell_is_unknown() -> None:
    """One request without its time leaves the end of prefill unknown; so does a beam search, which has none."""
    told, untold = output(SimpleNamespace(first_token_ts=100.5)), output(SimpleNamespace(first_token_ts=0.0))
    beams = SimpleNamespace(sequences=[])

    for outputs in ([told, untold], [told, output(None)], [beams], []):
        one = Done(started_s=100.0, ended_s=103.0, prompt_tokens=3, outputs=outputs)
        assert spans([one], 100.0) == (Span(start_s=0.0, first_token_s=None, end_s=3.0),)


def test_counters_are_summed_over_engine_cores() -> None:
    """One counter per core becomes one number; what is not of interest is passed over, whatever its kind."""
    metrics = [
        SimpleNamespace(name="vllm:num_preemptions", value=2),
        SimpleNamespace(name="vllm:num_preemptions", value=3),
        SimpleNamespace(name="vllm:some_histogram"),
    ]

    assert counters(metrics) == {"preemptions": 5}


def test_absent_counter_is_unknown_and_not_zero() -> None:
    """Only counters that exist are answered, as differences."""
    counted = counted_between({"preemptions": 5}, {"preemptions": 5, "drafted_tokens": 8}, speculated=True)

    assert counted == {"preemptions": 0, "drafted_tokens": 8, "accepted_tokens": None, "prefix_cache_hit_tokens": None}


def test_without_speculation_nothing_is_said_of_drafts() -> None:
    """A draft counter that stands at zero because nothing speculates is no count."""
    counted = counted_between({"drafted_tokens": 0}, {"drafted_tokens": 0}, speculated=False)

    assert counted["drafted_tokens"] is None
