"""Counters of a vLLM server, read from its Prometheus page."""

from __future__ import annotations

import re
from collections.abc import Mapping

COUNTERS = {
    "drafted_tokens": "vllm:spec_decode_num_draft_tokens_total",
    "accepted_tokens": "vllm:spec_decode_num_accepted_tokens_total",
    "prefix_cache_hit_tokens": "vllm:prefix_cache_hits_total",
    "preemptions": "vllm:num_preemptions_total",
    "finished_requests": "vllm:request_success_total",
}
"""Our name, and that of vLLM 0.32; each is summed over engines and labels."""


def counters(page: str) -> dict[str, int]:
    """The counters that stand on the page, by our name; a server of another make has none of them."""
    names = {theirs: ours for ours, theirs in COUNTERS.items()}
    found: dict[str, int] = {}
    for line in page.splitlines():
        if not line.startswith("vllm:"):
            continue
        name, _, value = line.rpartition(" ")
        ours = names.get(name.partition("{")[0])
        if ours is None:
            continue
        try:
            found[ours] = found.get(ours, 0) + int(float(value))
        except (ValueError, OverflowError):  # no number: as good as no counter
            continue
    return found


_CACHES = re.compile(r'^vllm:cache_config_info\{(?:[^}\n]*,)?enable_prefix_caching="(True|False)"', re.MULTILINE)


def caches_prefixes(page: str) -> bool | None:
    """Whether the server keeps what prompts begin with; None where its page does not say, or its engines differ."""
    said = set(_CACHES.findall(page))
    return said == {"True"} if len(said) == 1 else None


def counted_between(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What was counted between two readings; a counter that appears only with its first event started at zero."""
    return {name: count - before.get(name, 0) for name, count in after.items()}
