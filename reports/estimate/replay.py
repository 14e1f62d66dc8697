"""The release's own random numbers: NumPy's legacy generator, seeded 42, 10,000 draws, models in the order of the table.

    per model: lengths, utilisation, PUE        the bootstrap and every regime begin at seed 42 again

It shows to every digit that the method here is the released one. For an answer take independent streams and more draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from reports.estimate.blend import dearest
from reports.estimate.costs import Released
from reports.estimate.distributions import Floats, Lognormal
from reports.estimate.lengths import single

SEED, DRAWS, RESAMPLES = 42, 10_000, 1_000


def replay(
    costs: Mapping[str, Released], pue: Lognormal, *, median_tokens: float, input_tokens: float
) -> dict[str, Floats]:
    """Wh of every draw by model, each of shape (DRAWS,).

    Args:
        costs: In the order of the released table.
        pue: Not clipped.
        median_tokens: Of the exponential answer. input_tokens: Of every prompt.
    """
    rng = np.random.RandomState(SEED)
    drawn: dict[str, Floats] = {}
    for name, cost in costs.items():
        outputs = np.round(rng.exponential(median_tokens / math.log(2), DRAWS))
        used = rng.lognormal(cost.utilisation.mu, cost.utilisation.sigma, DRAWS)
        effectiveness = rng.lognormal(pue.mu, pue.sigma, DRAWS)
        drawn[name] = cost.full_power_wh(single(np.array([input_tokens]), outputs)) * used * effectiveness
    return drawn


def replay_fleet(drawn: Mapping[str, Floats], queries: float, factor: float) -> tuple[float, float, float]:
    """Median, P5 and P95 of the bootstrapped total of the three dearest models' pooled draws, Wh a day."""
    names = dearest({name: float(np.median(wh)) for name, wh in drawn.items()})
    pool = np.concatenate([drawn[name] for name in names])
    rng = np.random.RandomState(SEED)
    totals = [float(rng.choice(pool, size=len(pool), replace=True).mean()) for _ in range(RESAMPLES)]
    low, middle, high = (float(value) * queries * factor for value in np.percentile(totals, (5, 50, 95)))
    return middle, low, high
