"""How far off a prediction may be: Student's t on the logarithms of left-out errors, wider where less is known.

half width of the logarithm = sqrt(base^2 + inferred^2 + sum of (OUTSIDE * distance)^2)
base: t(level, n - 1) * root mean square of left-out log ratios * sqrt(1 + 1/n), by kind of board and of batch
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from energy_fixtures.record import Record
from reports.predict.constants import Constants
from reports.predict.observations import Observation
from reports.predict.physics import Work, cost
from reports.predict.shape import Shape, typical_shape
from reports.predict.validation import Held, Split
from reports.statistics import quantile

LEVEL = 0.9
"""Share of true values that an interval is to hold."""

OUTSIDE = 0.25
"""Half width that each unit of logarithm beyond the seen range adds: a factor of 2.7 outside is 25 % more to either side."""

UNKNOWN = 0.5
"""Half width where there is nothing to learn it from, about a factor of 1.6."""


class Widths(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Half widths of the logarithm at `level`.

    Attributes:
        seen_board, new_board: One request alone, on a kind of board that was learned from, or on another.
        seen_board_batched, new_board_batched: Batches.
        inferred, inferred_mixture: Added where only the size of a model is known; mixtures differ more.
        outside: Added for each unit of logarithm beyond the seen range.
        coverage: Share of left-out rows that their interval holds, each left out of its own width; None without rows.
    """

    level: float
    seen_board: float
    new_board: float
    seen_board_batched: float
    new_board_batched: float
    inferred: float
    inferred_mixture: float
    outside: float
    coverage: Mapping[str, float]


def half_width(log_ratios: Sequence[float], level: float = LEVEL) -> float:
    """Half width of the logarithm that a new row's error stays within."""
    n = len(log_ratios)
    if n < 3:
        return UNKNOWN
    mean_square = math.fsum(value * value for value in log_ratios) / n
    return quantile(n - 1, level) * math.sqrt(mean_square * (1 + 1 / n))


def coverage(log_ratios: Sequence[float], level: float = LEVEL) -> float | None:
    """Share of rows whose error is within the half width that the other rows give; None below four rows."""
    if len(log_ratios) < 4:
        return None
    inside = sum(
        abs(value) <= half_width([*log_ratios[:place], *log_ratios[place + 1 :]], level)
        for place, value in enumerate(log_ratios)
    )
    return inside / len(log_ratios)


def widths(held: Mapping[Split, Sequence[Held]], inferred: Mapping[str, float]) -> Widths:
    """The half widths that left-out rows give."""

    def ratios(split: Split, batched: bool) -> list[float]:
        return [one.log_ratio for one in held[split] if (one.observation.work.batch > 1) == batched]

    seen = half_width(ratios("model", False))
    new = max(seen, half_width(ratios("gpu", False)))
    covered = {}
    for split in ("model", "gpu"):
        for batched in (False, True):
            share = coverage(ratios(split, batched))
            if share is not None:
                covered[f"{split} left out, {'batched' if batched else 'one request'}"] = share
    seen_batched = max(seen, half_width(ratios("model", True)))
    return Widths(
        level=LEVEL,
        seen_board=seen,
        new_board=new,
        seen_board_batched=seen_batched,
        new_board_batched=max(seen_batched, new, half_width(ratios("gpu", True))),
        inferred=inferred.get("dense", UNKNOWN),
        inferred_mixture=max(inferred.get("moe", UNKNOWN), inferred.get("dense", 0.0)),
        outside=OUTSIDE,
        coverage=covered,
    )


def inferred_widths(
    shapes: Sequence[Shape], observations: Sequence[Observation], constants: Constants
) -> dict[str, float]:
    """How far a typical shape of a model's size is from its own shape, as half widths, for dense models and mixtures.

    Every known model is set on the board of the row whose model is nearest in size.
    """
    logs: dict[str, list[float]] = {"dense": [], "moe": []}
    for shape in shapes:
        near = min(observations, key=lambda one: abs(math.log(one.shape.parameters / shape.parameters)))
        active_b = shape.active / 1e9 if shape.experts else None
        others = [one for one in shapes if one.name != shape.name]
        typical = typical_shape(shape.parameters / 1e9, active_b, others)
        work = Work(batch=1, input_tokens=300, output_tokens=300, boards=near.work.boards)
        ratio = cost(typical, near.machine, work, constants).joules / cost(shape, near.machine, work, constants).joules
        logs["moe" if shape.experts else "dense"].append(math.log(ratio))
    return {name: half_width(values) for name, values in logs.items() if len(values) >= 3}
