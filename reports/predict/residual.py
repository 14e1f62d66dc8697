"""A small learner on what the physics leaves over: a ridge on five features of a case, kept only where it helps.

log joules = log joules of the physics + clip(sum of weight * (feature - mean) / scale, +-MOST)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from energy_fixtures.record import Record
from reports.predict.constants import Constants
from reports.predict.machines import Machine
from reports.predict.observations import Observation
from reports.predict.physics import Cost, Work
from reports.predict.shape import Shape

MOST = 0.25
"""The largest correction, as a logarithm: the physics stays in charge where the features leave what was seen."""

RIDGE = 10.0
"""Penalty in rows: a weight has to be worth ten rows of noise."""


class Residual(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A fitted correction; no features means none."""

    features: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    most: float = MOST

    def log_factor(self, shape: Shape, machine: Machine, work: Work, known: Cost) -> float:
        """What to add to the logarithm of the physics' joules."""
        if not self.features:
            return 0.0
        values = features(shape, machine, work, known)
        parts = zip(self.features, self.means, self.scales, self.weights, strict=True)
        total = math.fsum(weight * (values[name] - mean) / scale for name, mean, scale, weight in parts)
        return min(max(total, -self.most), self.most)


def features(shape: Shape, machine: Machine, work: Work, known: Cost) -> Mapping[str, float]:
    """Five features without a unit: size, what binds a step, experts, boards and attention."""
    step = known.step
    return {
        "log_active": math.log(shape.active),
        "launch_share": step.host_s / (step.host_s + step.memory_s + step.compute_s),
        "mixture": 1.0 if shape.experts else 0.0,
        "doublings": math.log2(work.boards),
        "log_cache": math.log((shape.cache + shape.sliding_cache) / shape.layers),
    }


def fit_residual(observations: Sequence[Observation], constants: Constants) -> Residual:
    """The ridge on the rows' log residuals, each weighted as in the fit of the constants."""
    import numpy as np

    known = [one.cost(constants) for one in observations]
    rows = [features(one.shape, one.machine, one.work, cost) for one, cost in zip(observations, known, strict=True)]
    names = tuple(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    weights = np.array([one.weight for one in observations])
    left = np.array([math.log(one.joules / cost.joules) for one, cost in zip(observations, known, strict=True)])
    left = np.clip(left, -2 * MOST, 2 * MOST)  # an odd row is not explained by features
    means = np.average(table, axis=0, weights=weights)
    scales = np.sqrt(np.average((table - means) ** 2, axis=0, weights=weights))
    varies = scales > 1e-9
    names = tuple(name for name, keep in zip(names, varies, strict=True) if keep)
    scaled = (table[:, varies] - means[varies]) / scales[varies]
    square = (scaled * weights[:, None]).T @ scaled + RIDGE * np.eye(len(names))
    found = np.linalg.solve(square, (scaled * weights[:, None]).T @ left)
    return Residual(
        features=names,
        means=tuple(means[varies].tolist()),
        scales=tuple(scales[varies].tolist()),
        weights=tuple(found.tolist()),
    )
