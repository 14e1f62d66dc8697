"""The figures of a workload: each side's lengths, its arrivals, and how many requests are of which length.

Lengths are counted by value first; every figure follows from these counts, so that a week of requests needs no second
copy of itself. Standard deviations are those of the requests themselves (divided by n), as published tables have them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from energy_fixtures.workloads.lengths import Lengths, Seconds, Tokens

_AT_ONCE = 1 << 20
_DENSE = 1 << 22  # counting by value takes a place per possible value up to here, and sorting beyond


@dataclass(frozen=True, kw_only=True)
class Side:
    """Tokens of one side of the requests. Percentiles are interpolated linearly, as NumPy does."""

    total: int
    mean: float
    sd: float
    median: float
    p90: float
    p95: float
    p99: float
    smallest: int
    largest: int


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How requests come.

    `rate_per_s` is gaps over their duration; `gap_cv` is the standard deviation of the gaps over their mean, 1 where
    arrivals are independent of each other. Both None where all came at once or there is only one request.
    """

    duration_s: float
    rate_per_s: float | None
    gap_cv: float | None


@dataclass(frozen=True, kw_only=True)
class Class:
    """Requests with more than half of `up_to_tokens` tokens, and no more than these, on either side."""

    up_to_tokens: int
    input_requests: int
    output_requests: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A workload in figures. `pace` is None where no arrivals are known; `classes` are powers of two, without gaps."""

    requests: int
    input: Side
    output: Side
    pace: Pace | None
    classes: tuple[Class, ...]


def summarise(lengths: Lengths) -> Summary:
    """Every figure of a workload."""
    spectra = (spectrum(lengths.input_tokens), spectrum(lengths.output_tokens))
    return Summary(
        requests=len(lengths),
        input=_side(*spectra[0]),
        output=_side(*spectra[1]),
        pace=None if lengths.arrival_s is None else _pace(lengths.arrival_s),
        classes=_classes(*spectra),
    )


def spectrum(tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lengths that occur, rising, and how often each does."""
    if int(tokens.max()) > _DENSE:
        values, counts = np.unique(tokens, return_counts=True)
        return values.astype(np.int64), counts.astype(np.int64)
    table = np.zeros(int(tokens.max()) + 1, dtype=np.int64)
    for start in range(0, len(tokens), _AT_ONCE):
        table += np.bincount(tokens[start : start + _AT_ONCE], minlength=len(table))
    values = np.flatnonzero(table)
    return values, table[values]


def _side(values: NDArray[np.int64], counts: NDArray[np.int64]) -> Side:
    requests, total = (
        int(counts.sum()),
        sum(int(value) * int(count) for value, count in zip(values, counts, strict=True)),
    )
    mean = total / requests
    below = np.cumsum(counts)

    def percentile(share: float) -> float:
        place = share * (requests - 1)
        low, high = values[np.searchsorted(below, [math.floor(place), math.ceil(place)], side="right")]
        return float(low + (high - low) * (place - math.floor(place)))

    return Side(
        total=total,
        mean=mean,
        sd=math.sqrt(float((counts * (values - mean) ** 2).sum()) / requests),
        median=percentile(0.5),
        p90=percentile(0.9),
        p95=percentile(0.95),
        p99=percentile(0.99),
        smallest=int(values[0]),
        largest=int(values[-1]),
    )


def _pace(arrival_s: Seconds) -> Pace:
    gaps, duration_s = len(arrival_s) - 1, float(arrival_s[-1])
    if not gaps or duration_s == 0:
        return Pace(duration_s=duration_s, rate_per_s=None, gap_cv=None)
    mean_s = duration_s / gaps
    squares = 0.0
    for start in range(0, gaps, _AT_ONCE):
        apart = np.diff(arrival_s[start : start + _AT_ONCE + 1])
        squares += float(((apart - mean_s) ** 2).sum())
    return Pace(duration_s=duration_s, rate_per_s=gaps / duration_s, gap_cv=math.sqrt(squares / gaps) / mean_s)


def _classes(*spectra: tuple[NDArray[np.int64], NDArray[np.int64]]) -> tuple[Class, ...]:
    powers = [np.ceil(np.log2(values)).astype(np.int64) for values, _ in spectra]
    first, last = (int(pick([pick(power) for power in powers])) for pick in (min, max))
    sums: list[Any] = [
        np.bincount(power, weights=counts, minlength=last + 1)
        for power, (_, counts) in zip(powers, spectra, strict=True)
    ]
    return tuple(
        Class(up_to_tokens=2**power, input_requests=round(sums[0][power]), output_requests=round(sums[1][power]))
        for power in range(first, last + 1)
    )
