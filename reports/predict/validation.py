"""How far a method is off for what it has not seen: one model left out, one kind of board left out, both always."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.predict.fitting import fit
from reports.predict.observations import Column, Observation
from reports.predict.residual import Residual, fit_residual

MOST_FOLDS = 30

Split = Literal["model", "gpu"]
SPLITS: tuple[Split, ...] = ("model", "gpu")

Predict = Callable[[Observation], float]
"""Joules of one request, from everything about a row but its joules."""

Method = Callable[[Sequence[Observation]], Predict]
"""Learns from rows."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """One row that was left out, and what was predicted for it."""

    observation: Observation
    joules: float

    @property
    def log_ratio(self) -> float:
        """Logarithm of predicted over measured."""
        return math.log(self.joules / self.observation.joules)


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Paper 1's four figures over left-out rows, energies in Wh; None where there are too few rows.

    Attributes:
        mape: Mean of |predicted / measured - 1|, in percent. median_ape: Its median.
        rmse_wh, mae_wh: Of the differences. r2: Share of the variance that is explained.
        rows: How many.
    """

    rows: int
    mape: float
    median_ape: float
    rmse_wh: float
    mae_wh: float
    r2: float | None


def ours(observations: Sequence[Observation]) -> Predict:
    """The physics, fitted."""
    constants = fit(observations)
    return lambda one: one.cost(constants).joules


def ours_corrected(observations: Sequence[Observation]) -> Predict:
    """The physics with the ridge on its residuals."""
    constants = fit(observations)
    residual = fit_residual(observations, constants)

    def predict(one: Observation) -> float:
        known = one.cost(constants)
        return known.joules * math.exp(residual.log_factor(one.shape, one.machine, one.work, known))

    return predict


def group(one: Observation, split: Split) -> str:
    """What a row is left out with."""
    return one.model if split == "model" else one.gpu


def leave_out(observations: Sequence[Observation], split: Split, method: Method) -> list[Held]:
    """Every row, predicted by a method that learned without its group; a group that is all there is cannot be left out.

    From `MOST_FOLDS` groups on, several are left out together, so that a sweep of hundreds of architectures stays quick.
    """
    names = sorted({group(one, split) for one in observations})
    folds = [set(names[start::MOST_FOLDS]) for start in range(min(len(names), MOST_FOLDS))]
    held = []
    for out in folds:
        rest = [one for one in observations if group(one, split) not in out]
        if not rest:
            return []
        predict = method(rest)
        held += [Held(observation=one, joules=predict(one)) for one in observations if group(one, split) in out]
    return held


def errors(held: Sequence[Held], column: Column | None = None) -> Errors | None:
    """The figures over the rows of one column; None without rows."""
    rows = [one for one in held if column is None or one.observation.column == column]
    if not rows:
        return None
    apes = sorted(abs(math.expm1(one.log_ratio)) * 100 for one in rows)
    wh = [one.observation.wh for one in rows]
    off = [one.observation.wh * math.expm1(one.log_ratio) for one in rows]
    mean = math.fsum(wh) / len(wh)
    spread = math.fsum((value - mean) ** 2 for value in wh)
    square = math.fsum(value * value for value in off)
    middle = len(apes) // 2
    return Errors(
        rows=len(rows),
        mape=math.fsum(apes) / len(apes),
        median_ape=apes[middle] if len(apes) % 2 else (apes[middle - 1] + apes[middle]) / 2,
        rmse_wh=math.sqrt(square / len(rows)),
        mae_wh=math.fsum(abs(value) for value in off) / len(rows),
        r2=1 - square / spread if len(rows) > 2 and spread > 0 else None,
    )


def chosen_residual(
    observations: Sequence[Observation], plain: dict[Split, list[Held]], corrected: dict[Split, list[Held]]
) -> bool:
    """Whether the ridge helps where it counts: better on both splits, by at least 2 % of the error."""

    def total(held: Sequence[Held]) -> float:
        return math.fsum(abs(math.expm1(one.log_ratio)) * one.observation.weight for one in held)

    splits = [split for split in SPLITS if plain[split]]
    return bool(splits) and all(total(corrected[split]) < 0.98 * total(plain[split]) for split in splits)


NONE = Residual()
"""No correction."""
