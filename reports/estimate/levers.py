"""Efficiency measures: each divides the energy by a lognormal of its own stream, alone or several together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest
from reports.estimate.answer import LeverEstimate
from reports.estimate.blend import ascending, at, quantiles
from reports.estimate.distributions import BLOCK, Floats, Lognormal, Purpose, streams
from reports.estimate.scenario import Levers, Scenario, Spread

PUBLISHED = ("model", "serving", "hardware")
"""Those that the article combines."""


def spread_of(levers: Levers, name: str) -> Spread:
    """The range of a lever.

    Raises:
        ConfigurationError: No such lever; the nearest is offered.
    """
    if name not in levers.__struct_fields__:
        near = nearest(name, levers.__struct_fields__, 1)[0]
        raise ConfigurationError(
            f"no lever is called {name!r}; the nearest is {near}, and all stands for {', '.join(PUBLISHED)}"
        )
    spread: Spread = getattr(levers, name)
    return spread


def chosen(text: str, levers: Levers) -> tuple[str, ...]:
    """Names separated by commas, or `all`.

    Raises:
        ConfigurationError: An unknown lever, one named twice, or none.
    """
    names = PUBLISHED if text.strip() == "all" else tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(f"--levers {text!r} needs each lever once, as in --levers model,serving, or all")
    for name in names:
        spread_of(levers, name)
    return names


def divisors(scenario: Scenario, name: str, count: int, whose: str = "") -> Floats:
    """So many independent draws of a lever, shape (count,); `whose` keeps several uses of one lever apart."""
    lever = Lognormal.of(spread_of(scenario.levers, name))
    drawn = np.empty(count)
    for block, first in enumerate(range(0, count, BLOCK)):
        rng = streams(scenario.seed, f"lever {name} {whose}", block)(Purpose.LEVERS)
        drawn[first : first + BLOCK] = lever.draw(rng, min(BLOCK, count - first))
    return drawn


def with_levers(scenario: Scenario, names: Sequence[str], wh: Floats) -> tuple[LeverEstimate, ...]:
    """Each lever alone, then all of them together, on these draws."""
    drawn = {name: divisors(scenario, name, len(wh)) for name in names}
    groups = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    return tuple(_estimate(group, wh, [drawn[name] for name in group]) for group in groups)


def _estimate(names: tuple[str, ...], wh: Floats, drawn: Sequence[Floats]) -> LeverEstimate:
    divisor = np.prod(drawn, axis=0) if len(drawn) > 1 else drawn[0]
    left = ascending(wh / divisor)
    divisor = ascending(divisor.copy())
    return LeverEstimate(
        levers=names,
        divisor_p5=at(divisor, 0.05),
        divisor_median=at(divisor, 0.5),
        divisor_p95=at(divisor, 0.95),
        wh=quantiles(left),
    )
