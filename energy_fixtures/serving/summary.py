"""From what the client noted to what a Generation says of a run. Pure."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from energy_fixtures.formulas import quantile
from energy_fixtures.records import Request
from energy_fixtures.serving.client import Run, Sent
from energy_fixtures.serving.records import Failure, Gaps, Served, ServingRun, Steady
from energy_fixtures.units import shortened

DIGITS = 6
"""Microseconds: a thousand requests are kept of every trial, and no clock of a loop is better."""

MOST_WORDS = 160  # letters that are kept of why requests failed
_FOLDERS = re.compile(r"/(?:[^/\s'\"`]+/)+")


def serving_run(
    run: Run, *, cut: int = 0, foreign_requests: int | None = None, secret: str | None = None
) -> ServingRun:
    """What became of all requests of a run, with times from its beginning; `secret` is kept out of what was said."""
    began_s = run.began_s
    ended_s = max((sent.ended_s for sent in run.requests), default=began_s)
    return ServingRun(
        requests=tuple(_served(sent, began_s) for sent in run.requests),
        duration_s=ended_s - began_s,
        steady=_steady(run),
        gaps=gaps([late_s - early_s for sent in run.requests for early_s, late_s in pairwise(sent.times_s)]),
        client_cpu_s=run.cpu_s,
        foreign_requests=foreign_requests,
        cut=cut,
        said=_said(run, secret),
    )


def answers(run: Run) -> list[Request]:
    """The whole answers, with the token counts that the server told and vLLM's definitions of latency."""
    found = []
    for sent in run.requests:
        usage = sent.events.usage
        if sent.failure is None and usage is not None:
            found.append(
                Request(
                    input_tokens=usage.prompt_tokens,
                    output_tokens=usage.completion_tokens,
                    finish_reason=sent.events.finish_reason,
                    ttft_s=sent.times_s[0] - sent.sent_s,
                    e2e_s=sent.times_s[-1] - sent.sent_s,
                )
            )
    return found


def gaps(values_s: Sequence[float]) -> Gaps | None:
    """Mean and quantiles; None without a gap."""
    if not values_s:
        return None
    ordered = sorted(values_s)
    p50_s, p90_s, p95_s, p99_s = (quantile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    mean_s = math.fsum(ordered) / len(ordered)
    return Gaps(count=len(ordered), mean_s=mean_s, p50_s=p50_s, p90_s=p90_s, p95_s=p95_s, p99_s=p99_s)


def _served(sent: Sent, began_s: float) -> Served:
    return Served(
        due_s=round(sent.due_s - began_s, DIGITS),
        sent_s=round(sent.sent_s - began_s, DIGITS),
        first_token_s=round(sent.times_s[0] - began_s, DIGITS) if sent.times_s else None,
        ended_s=round(sent.ended_s - began_s, DIGITS),
        output_tokens=_tokens(sent),
        failure=sent.failure,
    )


def _said(run: Run, secret: str | None) -> dict[Failure, str]:
    """Why the first request of each kind of failure failed. Servers name their models by folders of their users."""
    first = {sent.failure: sent.why for sent in reversed(run.requests) if sent.failure is not None}
    return {
        failure: shortened(_FOLDERS.sub("", why.replace(secret, "***") if secret else why), MOST_WORDS)
        for failure, why in first.items()
    }


def _tokens(sent: Sent) -> int:
    """As the server counted; of a broken answer one per chunk, which is the least it can have been."""
    usage = sent.events.usage
    return len(sent.times_s) if usage is None else usage.completion_tokens


def _steady(run: Run) -> Steady | None:
    """None where a failure left the server less full than was asked for, or nothing lies between the two marks.

    A chunk of several tokens is taken as the mean of its answer's chunks.
    """
    begin_s, end_s = run.marks.get("steady_begin"), run.marks.get("steady_end")
    if begin_s is None or end_s is None or end_s <= begin_s or any(sent.failure for sent in run.requests):
        return None
    tokens = math.fsum(
        (bisect_right(sent.times_s, end_s) - bisect_right(sent.times_s, begin_s)) * _tokens(sent) / len(sent.times_s)
        for sent in run.requests
    )
    return Steady(
        begin_s=begin_s - run.began_s,
        end_s=end_s - run.began_s,
        output_tokens=tokens,
        requests=sum(begin_s < sent.ended_s <= end_s for sent in run.requests),
    )
