"""The constants that explain observations best without leaving their priors: a maximum a posteriori fit.

residuals = weight * bent(log(predicted / measured) / NOISE)   for each observation and published figure
          + (log constant - log median) / spread              for each constant
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from energy_fixtures.errors import ConfigurationError
from reports.boards import find_board
from reports.predict.constants import JOULES_PER_WH, PRIORS, Constants, prior_constants
from reports.predict.machines import Machine, machine_of
from reports.predict.models import find_architecture
from reports.predict.observations import Observation
from reports.predict.physics import Work, cost
from reports.predict.shape import Shape, shape_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = Path(__file__).with_name("published.toml")

NOISE = 0.18
"""Standard deviation of one row's logarithm around the best constants: what left-out rows show, both splits together."""

BEARS = 0.01
"""Share of a prediction that a constant has to move to count as one that rows bear on."""

FEWEST_MODELS = 3
"""Models that have to be among the rows; fewer say nothing about another model."""


class _Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str
    gpu: str
    batch: int
    input_tokens: int
    output_tokens: int
    weight: float
    gpu_count: int = 1
    wh: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """One printed figure outside any table: joules of one request, or seconds of the batch."""

    name: str
    shape: Shape
    machine: Machine
    work: Work
    joules: float | None
    seconds: float | None
    weight: float

    def log_ratio(self, constants: Constants) -> float:
        """Logarithm of predicted over printed."""
        known = cost(self.shape, self.machine, self.work, constants)
        return math.log(known.joules / self.joules if self.joules is not None else known.seconds / (self.seconds or 1))


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    figure: tuple[_Figure, ...]


@cache
def published() -> tuple[Published, ...]:
    """The figures of `published.toml`."""
    table = msgspec.convert(tomllib.loads(TABLE.read_text(encoding="utf-8")), _Table, strict=True)
    found = []
    for row in table.figure:
        name, known = find_architecture(row.model)
        work = Work(
            batch=row.batch, input_tokens=row.input_tokens, output_tokens=row.output_tokens, boards=row.gpu_count
        )
        found.append(
            Published(
                name=f"{name} at P({row.input_tokens},{row.output_tokens}), batch {row.batch}",
                shape=shape_of(name, known),
                machine=machine_of(find_board(row.gpu)),
                work=work,
                joules=None if row.wh is None else row.wh * JOULES_PER_WH,
                seconds=row.seconds,
                weight=row.weight,
            )
        )
    return tuple(found)


def fit(observations: Sequence[Observation]) -> Constants:
    """The constants that explain the observations; a weight below 1 makes a row count less.

    Raises:
        ConfigurationError: No rows at all.
    """
    if not observations:
        raise ConfigurationError("no rows to fit: the training set is empty; name result files or tables with rows")
    return _fit(tuple(observations))


@lru_cache(maxsize=128)  # every split is asked for with and without the correction
def _fit(observations: tuple[Observation, ...]) -> Constants:
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    names = list(PRIORS)
    medians = np.array([math.log(PRIORS[name].median) for name in names])
    spreads = np.array([PRIORS[name].spread for name in names])
    models = {one.model for one in observations}
    anchors = [
        figure for figure in published() if figure.shape.name not in models
    ]  # rows of a model replace its figures
    rows: list[Observation | Published] = [*observations, *anchors]

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        constants = _constants(names, logs.tolist())
        data = [one.weight * _bent(one.log_ratio(constants) / NOISE) for one in rows]
        return np.concatenate([data, (logs - medians) / spreads])

    found = least_squares(residuals, medians, xtol=1e-6, ftol=1e-6)
    return _constants(names, found.x.tolist())


def _constants(names: Sequence[str], logs: Sequence[float]) -> Constants:
    return Constants(**{name: math.exp(value) for name, value in zip(names, logs, strict=True)})


def _bent(value: float) -> float:
    """A residual whose square grows like |x| far out (pseudo-Huber), so that one odd row does not bend the rest."""
    return math.copysign(math.sqrt(2 * (math.sqrt(1 + value * value) - 1)), value)


def moved(observations: Sequence[Observation]) -> list[str]:
    """The constants that these rows bear on: a tenth more of one changes what is predicted for some row by `BEARS`.

    The others keep their prior whatever is fitted, as launches by graphs do where every row is eager.
    """
    start = prior_constants()
    before = [one.cost(start).joules for one in observations]
    found = []
    for name in PRIORS:
        more = msgspec.structs.replace(start, **{name: 1.1 * getattr(start, name)})
        if any(
            abs(one.cost(more).joules / joules - 1) > BEARS for one, joules in zip(observations, before, strict=True)
        ):
            found.append(name)
    return found


def enough(observations: Sequence[Observation]) -> None:
    """Refuse a training set that cannot carry the constants that it bears on.

    Raises:
        ConfigurationError: Fewer rows than such constants, or too few models.
    """
    if not observations:
        raise ConfigurationError("no rows to fit: the training set is empty; name result files or tables with rows")
    rows, models, constants = len(observations), len({one.model for one in observations}), len(moved(observations))
    if rows < constants:
        raise ConfigurationError(
            f"{rows} rows are fewer than the {constants} constants that they bear on; add rows, or use the predictor that"
            " comes with the package"
        )
    if models < FEWEST_MODELS:
        raise ConfigurationError(
            f"{rows} rows of {models} models say nothing about another model; measure at least {FEWEST_MODELS} architectures"
        )
