"""A series of runs with what was found in it: the values as they are compared, stretches, steps, runs that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.series.change_points import Floats
from reports.series.gather import Series
from reports.series.stretches import Found, found_in


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A series and what was found in it.

    Attributes:
        values: Means in the metric's unit, shape (n,).
        shares: Whether changes are shares, since all values are above 0; then `found` is of their logarithms.
    """

    series: Series
    values: Floats
    shares: bool
    found: Found

    def in_unit(self, value: float) -> float:
        """A value of `found` in the metric's unit."""
        return float(np.exp(value)) if self.shares else value


def examined(series: Sequence[Series], confidence: float) -> list[Examined]:
    """Look for changes in each of them, sure of all of them together.

    Args:
        series: Each with one run at least.
        confidence: That no series shows a change that is none, in (0, 1); what is left is shared equally among them.
    """
    return [_examined(one, (1 - confidence) / len(series)) for one in series]


def _examined(series: Series, doubt: float) -> Examined:
    values = series.rows["mean"].to_numpy()
    shares = bool((values > 0).all())
    compared = np.log(values) if shares else values
    errors = _errors(series, values, shares)
    floor = float(np.median(errors)) if len(errors) else 0.0
    return Examined(series=series, values=values, shares=shares, found=found_in(compared, doubt, floor))


def _errors(series: Series, values: Floats, shares: bool) -> Floats:
    """Standard errors of the runs from their own rounds, on the scale that is compared; none where runs have one round.

    Runs of the same code differ by that much at least, so runs that happen to agree better prove nothing.
    """
    spread = series.rows["sd"].cast(float).fill_null(np.nan).to_numpy()
    rounds = series.rows["rounds"].to_numpy()
    errors = spread / np.sqrt(np.maximum(rounds, 1)) / (values if shares else 1.0)
    known: Floats = errors[np.isfinite(errors)]
    return known
