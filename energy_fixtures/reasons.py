"""The closed list of reasons why a trial does not count, or counts with a doubt.

Codes follow InferenceX' words where the meaning is the same. Each has one sentence and one remedy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """What happened, in a sentence, and what to do about it."""

    sentence: str
    remedy: str


REASONS: dict[str, Reason] = {
    # these make a trial invalid
    "input_tokens_differ": Reason(
        sentence="the engine read another number of prompt tokens than was asked for",
        remedy="use a model and context length that take the whole prompt",
    ),
    "output_tokens_differ": Reason(
        sentence="the engine generated another number of tokens than was asked for",
        remedy="check that the engine ignores end-of-sequence and that the context is long enough",
    ),
    "request_count_differs": Reason(
        sentence="the engine answered another number of requests than were sent",
        remedy="read the engine's log; requests were dropped or answered twice",
    ),
    "prefix_cache_hit": Reason(
        sentence="part of the prompts came from the prefix cache although the case did not ask for it",
        remedy="keep prefix caching off and let the seed vary by round",
    ),
    "energy_not_positive": Reason(
        sentence="a domain that was in use read zero or negative joules",
        remedy="make the window longer than several counter updates, and check the counter with another tool",
    ),
    "benchmark_duration_mismatch": Reason(
        sentence="the engine's own time for the work does not fit into the metered window",
        remedy="check for a suspended machine or a debugger; run again",
    ),
    # these are doubts
    "window_short_for_meter": Reason(
        sentence="the window was too short for this meter's resolution",
        remedy="raise --energy-min-window",
    ),
    "requests_preempted": Reason(
        sentence="the engine preempted requests and computed part of the work twice",
        remedy="give the engine more KV-cache memory or lower the batch size",
    ),
    "weights_are_dummies": Reason(
        sentence="the weights are random numbers of the model's shapes, not the trained ones",
        remedy="name a trained model with --energy-model if its outputs matter",
    ),
    "modelled_not_measured": Reason(
        sentence="joules are modelled from CPU seconds, not measured",
        remedy="run where a counter can be read: an NVIDIA or AMD GPU, or RAPL (see the header's hint)",
    ),
    "replayed_not_measured": Reason(
        sentence="joules are played back from a recorded run, not measured now",
        remedy="choose --energy-meter=auto to measure",
    ),
    "power_integrated": Reason(
        sentence="joules were integrated from sampled power because a board has no energy counter",
        remedy="make windows long against the sampling period, and compare only with joules obtained the same way",
    ),
    "simulated_not_measured": Reason(
        sentence="joules follow a made-up power trace, not a meter",
        remedy="choose --energy-meter=auto to measure",
    ),
    "acceptance_of_random_weights": Reason(
        sentence="the acceptance rate belongs to made-up models and says nothing about trained ones",
        remedy="name a trained model and draft with --energy-model and --energy-draft-model",
    ),
}
