"""A fleet of a trace: the energy of every pair of lengths that occurs in it, times how often it does. Nothing is sampled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reports.estimate.answer import TraceEstimate, TraceModel
from reports.estimate.blend import TOP
from reports.estimate.costs import Released
from reports.estimate.distributions import Floats, Purpose, streams
from reports.estimate.fleet import REPLICATES
from reports.estimate.histogram import Histogram
from reports.estimate.lengths import single
from reports.estimate.montecarlo import Work
from reports.estimate.unknowns import told_unknown

_CHUNK = 1_000_000
"""Pairs that are computed together."""


def trace_estimate(histogram: Histogram, works: Sequence[Work]) -> tuple[TraceEstimate, Floats]:
    """All requests by each model, then equal parts by each of the dearest; and draws of Wh per request of the last."""
    means = [_mean_wh(histogram, work) for work in works]
    order = sorted(range(len(works)), key=lambda index: -means[index][0])
    models = [_told(work.model, histogram, *mean) for work, mean in zip(works, means, strict=True)]
    dearest = order[:TOP]
    blend: Floats = np.mean([means[index][1] for index in dearest], axis=0)
    if len(works) > 1:
        centre = float(np.mean([means[index][0] for index in dearest]))
        models.append(
            _told(f"equal parts by {' / '.join(works[index].model for index in dearest)}", histogram, centre, blend)
        )
    released = isinstance(works[0].cost, Released)
    interval = (
        "P5 to P95 if as many requests with these lengths came again, each at another site"
        if released
        else told_unknown(works[0].scenario, [work.cost for work in works])
    )
    estimate = TraceEstimate(
        files=histogram.files,
        requests=histogram.requests,
        input_tokens=int((histogram.inputs * histogram.counts).sum()),
        output_tokens=int((histogram.outputs * histogram.counts).sum()),
        distinct_lengths=len(histogram.counts),
        empty_answers=int(histogram.counts[histogram.outputs == 0].sum()),
        models=tuple(models),
        interval=interval,
    )
    return estimate, blend


def _mean_wh(histogram: Histogram, work: Work) -> tuple[float, Floats]:
    """Best figure of the mean request, and draws of it, shape (REPLICATES,)."""
    factor, cost = work.reach.factor, work.cost
    if isinstance(cost, Released):
        return _released_mean(histogram, work, cost)
    draw = streams(work.scenario.seed, f"fleet {work.model}", 0)
    drawn = factor * cost.shared_wh(single(histogram.inputs, histogram.outputs), draw, REPLICATES, histogram.counts)
    if work.reach.with_pue:
        drawn *= work.pue.draw(streams(work.scenario.seed, "fleet", 0)(Purpose.PUE), REPLICATES)
    return float(np.median(drawn)), drawn


def _released_mean(histogram: Histogram, work: Work, cost: Released) -> tuple[float, Floats]:
    """The expectation in closed form: every request draws its own utilisation and PUE, which average out."""
    first, second = [], []
    for start in range(0, len(histogram.counts), _CHUNK):
        part = slice(start, start + _CHUNK)
        wh = cost.full_power_wh(single(histogram.inputs[part], histogram.outputs[part]))
        first.append(float(np.dot(wh, histogram.counts[part])))
        second.append(float(np.dot(wh * wh, histogram.counts[part])))
    requests = histogram.requests
    circumstances = [] if cost.follows_throughput else [cost.utilisation]
    circumstances += [work.pue] if work.reach.with_pue else []
    scale = work.reach.factor * math.prod(one.mean for one in circumstances)
    again = math.exp(math.fsum(one.sigma**2 for one in circumstances))  # E[f²] / E[f]² of lognormals
    mean = math.fsum(first) / requests * scale
    variance = max(0.0, math.fsum(second) / requests * scale**2 * again - mean**2)
    rng = streams(work.scenario.seed, f"trace {work.model}", 0)(Purpose.BOOTSTRAP)
    return mean, mean + math.sqrt(variance / requests) * rng.standard_normal(REPLICATES)


def _told(name: str, histogram: Histogram, mean_wh: float, drawn: Floats) -> TraceModel:
    low, high = (float(value) * histogram.requests for value in np.percentile(drawn, (5, 95)))
    return TraceModel(
        model=name, total_wh=mean_wh * histogram.requests, low_wh=low, high_wh=high, wh_per_request=mean_wh
    )
