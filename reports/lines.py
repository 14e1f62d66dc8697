"""Do joules follow a length in a straight line? Least squares on means; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Result

REQUEST = METRICS["joules_per_request"]
FEWEST_POINTS = 4
"""Below this a straight line through the points says nothing: three bend too easily to one."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Energy per request along one length, the other and the batch held.

    Attributes:
        engine, batch_size: Of all points. axis: `input_tokens` or `output_tokens`. beside: The other length, tokens.
        shortest, longest: Of the axis, tokens. points: How many.
        joules_per_token: Slope. start_j: What remains at length 0, joules per request.
        explained: R squared, in [0, 1]: 1 is a straight line.
    """

    engine: str
    batch_size: int
    axis: str
    beside: int
    shortest: int
    longest: int
    points: int
    joules_per_token: float
    start_j: float
    explained: float


def lines_of(results: Sequence[Result]) -> tuple[Line, ...]:
    """A line for each series of at least `FEWEST_POINTS` results that differ in one length alone."""
    series: dict[tuple[str, str], dict[int, Result]] = {}
    for result in results:
        if result.scenario is None or not REQUEST.values(result):
            continue
        for axis in ("input_tokens", "output_tokens"):
            held = msgspec.structs.replace(result.scenario, **{axis: 1}).key
            series.setdefault((axis, held), {})[getattr(result.scenario, axis)] = result
    return tuple(_line(axis, points) for (axis, _), points in series.items() if len(points) >= FEWEST_POINTS)


def _line(axis: str, points: dict[int, Result]) -> Line:
    lengths = sorted(points)
    joules = [fmean(REQUEST.values(points[length])) for length in lengths]
    slope, start, explained = straight([float(length) for length in lengths], joules)
    scenario = points[lengths[0]].scenario
    assert scenario is not None  # lines_of keeps no other
    return Line(
        engine=scenario.engine,
        batch_size=scenario.batch_size,
        axis=axis,
        beside=scenario.output_tokens if axis == "input_tokens" else scenario.input_tokens,
        shortest=lengths[0],
        longest=lengths[-1],
        points=len(lengths),
        joules_per_token=slope,
        start_j=start,
        explained=explained,
    )


def straight(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, start and R squared of the least-squares line.

    Args:
        x: At least two different values, shape (n,). y: Shape (n,).

    Example:
        >>> straight([1.0, 2.0, 3.0], [3.0, 5.0, 7.0])
        (2.0, 1.0, 1.0)
    """
    middle_x, middle_y = fmean(x), fmean(y)
    across = sum((one - middle_x) ** 2 for one in x)
    together = sum((one - middle_x) * (two - middle_y) for one, two in zip(x, y, strict=True))
    spread = sum((two - middle_y) ** 2 for two in y)
    slope = together / across
    explained = 1.0 if spread == 0 else min(1.0, together**2 / (across * spread))
    return slope, middle_y - slope * middle_x, explained
