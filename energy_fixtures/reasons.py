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
        sentence="the engine's own time for the work and the length of the metered window differ",
        remedy="the measuring process was held up: check for other work on its core, a debugger, a suspended machine; run again",
    ),
    "counter_went_backwards": Reason(
        sentence="a counter showed less at the end of the window than at its start",
        remedy="it was reset (driver reload, power cycle); measure again",
    ),
    "energy_impossible": Reason(
        sentence="a counter moved by more than the board's power limit allows in that time",
        remedy="check the counter with another tool; a broken sensor cannot be mended here",
    ),
    "counter_stuck": Reason(
        sentence="a counter did not move any more",
        remedy="check it with nvidia-smi or joules doctor; reload the driver or reboot",
    ),
    "counter_unreadable": Reason(
        sentence="a counter could not be read at one end of the window",
        remedy="check that the board is still there and may be read: joules doctor",
    ),
    "throttled": Reason(
        sentence="the board slowed itself down because of heat or the power supply",
        remedy="improve cooling or power supply, or wait; then measure again",
    ),
    "power_limit_changed": Reason(
        sentence="somebody changed the board's power limit inside the window or since the first one",
        remedy="keep the limit fixed while measuring: nvidia-smi -pl",
    ),
    "foreign_process": Reason(
        sentence="a process that is not part of the work was on the board inside the window",
        remedy="give the measurement a board of its own (CUDA_VISIBLE_DEVICES, the scheduler)",
    ),
    "requests_refused": Reason(
        sentence="the server refused requests because it was at its capacity (status 429 or 503)",
        remedy="lower the request rate or the concurrency, or raise what the server accepts",
    ),
    "requests_failed": Reason(
        sentence="the server answered requests with an error",
        remedy="read what it said in the notes, and the server's own log",
    ),
    "streams_malformed": Reason(
        sentence="the server streamed something else than chunks of the completions API with a token count at the end",
        remedy="use a server that streams /v1/completions with stream_options.include_usage, and read its log",
    ),
    "streams_cut_off": Reason(
        sentence="streams ended before their end was announced",
        remedy="read the server's log; it may have crashed or run into a limit",
    ),
    "streams_stalled": Reason(
        sentence="nothing came for a minute on streams that had begun, or on any at all",
        remedy="read the server's log; it may hang or swap",
    ),
    "server_unreachable": Reason(
        sentence="the server refused or reset connections",
        remedy="look whether it still runs",
    ),
    "foreign_requests": Reason(
        sentence="the server finished requests of others inside the window",
        remedy="give the measurement a server of its own",
    ),
    # these are doubts
    "error_above_limit": Reason(
        sentence="the meter's own error is larger than --energy-max-error asks for",
        remedy="raise --energy-min-window or --energy-max-time, or accept a larger --energy-max-error",
    ),
    "warmup_not_level": Reason(
        sentence="throughput, power or temperature were still changing when warm-up ended",
        remedy="raise --energy-max-warmup",
    ),
    "temperature_drifts": Reason(
        sentence="the board grew much warmer or colder from round to round",
        remedy="raise --energy-warmup-rounds for steady heat, or let it cool with --energy-cooldown",
    ),
    "power_capped": Reason(
        sentence="the board held itself at its power limit",
        remedy="expected under full load; compare only at the same limit",
    ),
    "clock_changed": Reason(
        sentence="the board's clock wandered by more than a tenth inside the window",
        remedy="lock the clocks (nvidia-smi -lgc) if runs have to be alike",
    ),
    "whole_card_reading": Reason(
        sentence="the board is partitioned (MIG) and its energy is that of the whole card",
        remedy="measure on a card without MIG, or with the other instances empty",
    ),
    "meters_disagree": Reason(
        sentence="the counter and the integrated power of a board differ by more than their errors explain",
        remedy="look at both in the result file; joules doctor shows which of them reacts to what",
    ),
    "sampling_gap_exceeded": Reason(
        sentence="power was not sampled for longer than ten sampling periods",
        remedy="leave a core to the measuring process; if that was free, check that the board still answers",
    ),
    "insufficient_power_samples": Reason(
        sentence="too few power samples lie inside the window to integrate them",
        remedy="make the window longer: --energy-min-window",
    ),
    "no_idle_baseline": Reason(
        sentence="power at rest is not known, so joules net of idle are missing",
        remedy="see the line on idle power in the header, and end other work on the board before the session starts",
    ),
    "host_energy_missing": Reason(
        sentence="joules are of the GPUs alone; the host's are not metered",
        remedy="see the hint in the header or joules doctor",
    ),
    "host_energy_shared": Reason(
        sentence="another group of the sweep worked on this machine meanwhile, and the host's joules are of both",
        remedy="look at the joules of the GPUs, or give each group a node of its own",
    ),
    "cpu_shared": Reason(
        sentence="other processes used the processor inside the window",
        remedy="end other work on this machine",
    ),
    "phases_do_not_add_up": Reason(
        sentence="prefill and decode measured apart differ from the whole by more than their errors explain",
        remedy="look at both phases with longer windows (--energy-min-window) before using either",
    ),
    "window_short_for_meter": Reason(
        sentence="the window was too short for this meter's resolution",
        remedy="raise --energy-min-window",
    ),
    "requests_preempted": Reason(
        sentence="the engine preempted requests and computed part of the work twice",
        remedy="give the engine more KV-cache memory or lower the batch size",
    ),
    "requests_sent_late": Reason(
        sentence="more than one request in a hundred was sent more than 50 ms after it was due",
        remedy="leave the load client a core of its own, or lower the request rate",
    ),
    "rate_above_capacity": Reason(
        sentence="requests came faster than the server could answer them, so that a queue grew until the last one was sent",
        remedy="lower the request rate; latencies of such a run depend on how long it is",
    ),
    "workload_cut": Reason(
        sentence="requests of the workload are longer than the case allows and were cut to its lengths",
        remedy="raise input_tokens and output_tokens of the scenario as far as the model's context reaches",
    ),
    "steady_state_unknown": Reason(
        sentence="the run has no steady state: requests failed, or nothing lies between its two ends",
        remedy="send more requests, or more tokens each",
    ),
    "steady_state_not_metered": Reason(
        sentence="the meter could not look at both ends of the steady state in time, so it has no joules of its own",
        remedy="leave a core to the measuring process, or send more requests so that the state lasts longer",
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
