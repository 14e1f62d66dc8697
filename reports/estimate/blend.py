"""The blend: queries to the models that cost most, without the extremes, as the released method puts them together.

Every function takes draws in ascending order: sorting once is cheaper than asking for percentiles several times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reports.estimate.answer import Quantiles
from reports.estimate.distributions import Floats

TOP = 3
"""So many models with the highest medians of this run; which they are follows from the settings."""

TRIMS = ((0.05, 0.95), (0.10, 0.90))
"""Shares that each model's draws are cut to, one after the other."""


def ascending(wh: Floats) -> Floats:
    """Sort in place."""
    wh.sort()
    return wh


def at(wh: Floats, share: float) -> float:
    """The value below which this share lies, linear between the two nearest draws."""
    place = share * (len(wh) - 1)
    below = math.floor(place)
    low, high = float(wh[below]), float(wh[min(below + 1, len(wh) - 1)])
    return low + (place - below) * (high - low)


def quantiles(wh: Floats) -> Quantiles:
    """The percentiles that a table shows."""
    return Quantiles(p5=at(wh, 0.05), p25=at(wh, 0.25), p50=at(wh, 0.5), p75=at(wh, 0.75), p95=at(wh, 0.95))


def dearest(medians: Mapping[str, float], count: int = TOP) -> tuple[str, ...]:
    """The models with the highest medians, the highest first."""
    return tuple(sorted(medians, key=lambda name: -medians[name])[:count])


def trimmed(wh: Floats) -> Floats:
    """Cut to P5-P95, and what is left to its P10-P90."""
    for low, high in TRIMS:
        first = int(np.searchsorted(wh, at(wh, low), side="left"))
        wh = wh[first : int(np.searchsorted(wh, at(wh, high), side="right"))]
    return wh


def blended(draws: Sequence[Floats]) -> Floats:
    """All trimmed draws together, ascending; those of one model alone are not trimmed."""
    if len(draws) == 1:
        return draws[0]
    return ascending(np.concatenate([trimmed(wh) for wh in draws]))
