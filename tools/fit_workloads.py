"""Find the quantiles behind the synthetic workloads: `python tools/fit_workloads.py` prints what synthetic.py holds.

The published figures (mean, sd, median, p99 or largest) leave the shape open. Taken is the one nearest to the log-normal
of the median and p99 (of mean and sd, where only those are published) that has the published figures exactly; "near" is
least squares of the logarithms at the shares. Between them the logarithm of the length rises linearly.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).parents[1]))

from energy_fixtures.workloads.synthetic import RECIPES, Curve, Published

GRID = (np.arange(100_000) + 0.5) / 100_000
NARROWEST = 0.001  # of the logarithm between shares, so that lengths always rise
ROUNDS = 6  # lengths are whole: what rounding adds to mean and sd is taken off the target, and fitted again


def fit(curve: Curve) -> NDArray[np.float64]:
    """The quantiles at the shares of this curve, in tokens."""
    figures, shares, ceiling = curve.published, curve.shares, curve.ceiling
    start, fixed = _start(figures, shares, ceiling)
    free = [index for index in range(len(shares)) if index not in fixed]

    def whole(values: NDArray[np.float64]) -> NDArray[np.float64]:
        logs = start.copy()
        logs[free] = values
        return logs

    def lengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(np.interp(GRID, shares, whole(values)))

    mean, sd, values = figures.mean, figures.sd, start[free]
    for _ in range(ROUNDS):
        wanted = (mean, sd)
        found = minimize(
            lambda values: float(((values - start[free]) ** 2).sum()),
            values,
            constraints=[
                {"type": "eq", "fun": lambda values, to=wanted[0]: lengths(values).mean() / to - 1},
                {"type": "eq", "fun": lambda values, to=wanted[1]: lengths(values).std() / to - 1},
                {"type": "ineq", "fun": lambda values: np.diff(whole(values)) - NARROWEST},
            ],
            bounds=[(0.0, np.log(ceiling))] * len(free),
            method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-10},
        )
        assert found.success, found.message
        values = found.x
        drawn = np.maximum(1, np.rint(lengths(values)))
        mean, sd = mean + figures.mean - drawn.mean(), sd + figures.sd - drawn.std()
    return np.exp(whole(values))


def _start(figures: Published, shares: tuple[float, ...], ceiling: float) -> tuple[NDArray[np.float64], set[int]]:
    """Logarithms of the log-normal's quantiles, and which of them are published and stay."""
    if figures.p99 is not None and figures.median is not None:
        middle = np.log(figures.median)
        spread = (np.log(figures.p99) - middle) / NormalDist().inv_cdf(0.99)
        known = {0.5: figures.median, 0.99: figures.p99}
    else:
        assert figures.largest is not None
        spread = np.sqrt(np.log(1 + (figures.sd / figures.mean) ** 2))
        middle = np.log(figures.mean) - spread**2 / 2
        known = {1.0: figures.largest}
    scores = [NormalDist().inv_cdf(min(max(share, 0.0005), 0.9999)) for share in shares]
    start = np.clip(middle + spread * np.array(scores), 0, np.log(ceiling))
    for share, length in known.items():
        start[shares.index(share)] = np.log(length)
    return start, {shares.index(share) for share in known}


if __name__ == "__main__":
    for name, recipe in RECIPES.items():
        for side, curve in (("input", recipe.input), ("output", recipe.output)):
            if curve.published.sd:
                print(f"{name} {side}: {tuple(np.round(fit(curve), 2).tolist())}")
