"""The cheapest request rate that meets a service level: which rate to measure next, and which one it was. Pure.

    high met?  ── yes ──► low, to see which of the two is cheaper; done, the server could take more
        │ no
    low met?   ── no ───► done, none of them meets it
        │ yes
    halve what lies between the highest that met it and the lowest that did not, by ratio, until they are close

Joules per token mostly fall as the rate rises, because batches fill; so the highest rate that meets the level is mostly
the cheapest. It need not be: of all measured rates that meet it the one with the fewest joules per token is named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Scenario

CLOSE = 1.1
"""Rates whose ratio is below this are not told apart further: latencies vary by more from run to run."""

DIGITS = 4  # of a rate, which people read
MOST_RATES = 7  # each is a measured case of minutes


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One rate that was measured; `joules_per_token` None where it is unknown."""

    rate: float
    met: bool
    joules_per_token: float | None


def next_rate(tried: Sequence[Tried], low: float, high: float) -> float | None:
    """The rate to measure next; None when enough is known, or MOST_RATES were measured."""
    rates = [one.rate for one in tried]
    for end in (high, low):
        if end not in rates:
            return end
    met = [one.rate for one in tried if one.met]
    if high in met or low not in met or len(tried) >= MOST_RATES:
        return None
    best = max(met)
    worst = min(one.rate for one in tried if not one.met and one.rate > best)
    return None if worst / best < CLOSE else float(f"{math.sqrt(best * worst):.{DIGITS}g}")


def cheapest(tried: Sequence[Tried]) -> Tried | None:
    """Of the rates that meet the level the one with the fewest joules per token; None where none does."""
    met = [one for one in tried if one.met]
    return min(met, key=lambda one: math.inf if one.joules_per_token is None else one.joules_per_token, default=None)


def at_rate(scenario: Scenario, rate: float) -> Scenario:
    """The same case with requests coming at `rate` per second.

    Raises:
        ConfigurationError: Its requests do not come at a rate.
    """
    arrivals = scenario.arrivals
    if arrivals is None or arrivals.request_rate is None:
        raise ConfigurationError("a search for a rate needs constant, poisson or gamma arrivals")
    return msgspec.structs.replace(scenario, arrivals=msgspec.structs.replace(arrivals, request_rate=rate))
