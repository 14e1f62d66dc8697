"""From what vLLM returned and counted to what a Generation says. Knows vLLM's names and imports none of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from energy_fixtures.records import Request, Span

DRAFT_FIELDS = ("drafted_tokens", "accepted_tokens")

COUNTERS = {
    "drafted_tokens": "vllm:spec_decode_num_draft_tokens",
    "accepted_tokens": "vllm:spec_decode_num_accepted_tokens",
    "prefix_cache_hit_tokens": "vllm:prefix_cache_hits",
    "preemptions": "vllm:num_preemptions",
}
"""Field of Generation, and the counter of vLLM that it is the difference of."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """One iteration: hand-over and end on the monotonic clock, length of each prompt, and what vLLM returned."""

    started_s: float
    ended_s: float
    prompt_tokens: int
    outputs: Sequence[Any]


def requests(done: Done) -> list[Request]:
    """One Request per output of `LLM.generate`; `first_token_ts` and `last_token_ts` are on the monotonic clock."""
    found = []
    for output in done.outputs:
        first_s, last_s = (getattr(output.metrics, name, None) for name in ("first_token_ts", "last_token_ts"))
        found.append(
            Request(
                input_tokens=len(output.prompt_token_ids),
                output_tokens=len(output.outputs[0].token_ids),
                finish_reason=str(output.outputs[0].finish_reason),
                ttft_s=first_s - done.started_s if first_s else None,  # 0.0 is vLLM's "not yet"
                e2e_s=last_s - done.started_s if last_s else None,
            )
        )
    return found


def beam_requests(done: Done) -> list[Request]:
    """One Request per prompt: its best beam. All beams of a batch advance together and end together."""
    return [
        Request(
            input_tokens=done.prompt_tokens,
            output_tokens=len(output.sequences[0].tokens) - done.prompt_tokens,
            finish_reason=output.sequences[0].finish_reason or "length",  # None where max_tokens ended it
            ttft_s=None,  # a beam search has no first token before its end
            e2e_s=done.ended_s - done.started_s,
        )
        for output in done.outputs
    ]


def spans(done: Iterable[Done], started_s: float) -> tuple[Span, ...]:
    """When each iteration ran, counted from `started_s`; the last first token of a batch ends its prefill.

    Unknown where one output does not say (beam search: its outputs have no times).
    """
    found = []
    for one in done:
        firsts = [getattr(getattr(output, "metrics", None), "first_token_ts", None) for output in one.outputs]
        known = [first_s for first_s in firsts if first_s]  # 0.0 is vLLM's "not yet"
        first_s = max(known) - started_s if known and len(known) == len(firsts) else None
        found.append(Span(start_s=one.started_s - started_s, first_token_s=first_s, end_s=one.ended_s - started_s))
    return tuple(found)


def counters(metrics: Iterable[Any]) -> dict[str, int]:
    """The counters that this version of vLLM has, by field of Generation, summed over its engine cores."""
    fields = {counter: name for name, counter in COUNTERS.items()}
    found: dict[str, int] = {}
    for metric in metrics:
        if metric.name in fields:
            found[fields[metric.name]] = found.get(fields[metric.name], 0) + int(metric.value)
    return found


def counted_between(before: Mapping[str, int], after: Mapping[str, int], *, speculated: bool) -> dict[str, int | None]:
    """What was counted between two readings, by field of Generation; None where a counter is missing.

    A counter that appears only with its first event started at zero. Without speculation nothing is said of drafts.
    """
    return {
        name: after[name] - before.get(name, 0) if name in after and (speculated or name not in DRAFT_FIELDS) else None
        for name in COUNTERS
    }
