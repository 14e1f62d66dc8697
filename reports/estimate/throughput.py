"""Throughput of a node from a few published rows: the released fit, and ours, which tells prefill from decode.

    released   TPS = min(exp(b0 + b1 ln L_in + b2 ln L_out), TPS_max)      two rows: TPS_max
    refined    L_out / TPS = prefill_s L_in + decode_s L_out               seconds of the node per request

The refined form is what a node does: it computes each prompt token once and each output token once. Two constants instead of
three, so that two rows of different shape suffice, and no cap: TPS tends to 1 / decode_s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from energy_fixtures.errors import ConfigurationError
from reports.estimate.scenario import Row, Served

Floats = NDArray[np.float64]

FEWEST_ROWS = 2
LEAST_TOKENS = 1e-6
"""What the released code takes for an answer of no tokens, so that it has a logarithm."""

_WIDEST = 12.0
"""ln of the largest ratio of prefill_s to decode_s, or its inverse, that is looked for."""


@dataclass(frozen=True, kw_only=True)
class Piecewise:
    """The released method's throughput of one model.

    `coefficients` are b0, b1, b2 of natural logarithms; None means the constant `cap`. `cap` in output tokens/s.
    `r_squared` is of the logarithms, None for a constant.
    """

    cap: float
    coefficients: tuple[float, float, float] | None
    r_squared: float | None
    rows: int

    def tokens_per_s(self, inputs: Floats, outputs: Floats) -> Floats:
        """Output tokens/s of the node; shapes broadcast."""
        if self.coefficients is None:
            return np.full(np.broadcast_shapes(inputs.shape, outputs.shape), self.cap)
        b0, b1, b2 = self.coefficients
        uncapped = np.exp((b0 + b1 * np.log(inputs)) + b2 * np.log(np.maximum(outputs, LEAST_TOKENS)))
        speed: Floats = np.minimum(uncapped, self.cap)
        return speed


def piecewise(model: Served) -> Piecewise:
    """Ordinary least squares on logarithms, capped at the largest row; the constant rule for two rows.

    Raises:
        ConfigurationError: Fewer than two rows, or three and more that do not differ enough for a plane.

    Source:
        Released code of arXiv 2509.20241.
    """
    _enough(model)
    inputs, outputs, speeds = _columns(model.rows)
    cap = float(speeds.max())
    if len(speeds) == FEWEST_ROWS:
        return Piecewise(cap=cap, coefficients=None, r_squared=None, rows=len(speeds))
    design = np.column_stack([np.ones_like(inputs), np.log(inputs), np.log(outputs)])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ConfigurationError(
            f"the {len(speeds)} rows of {model.name!r} do not differ enough in both lengths for a fit; add a row with others"
        )
    logs = np.log(speeds)
    solution = np.linalg.lstsq(design, logs, rcond=None)[0]
    left = float(np.sum((logs - design @ solution) ** 2))
    spread = float(np.sum((logs - logs.mean()) ** 2))
    b0, b1, b2 = (float(value) for value in solution)
    explained = 1 - left / spread if spread > 0 else None
    return Piecewise(cap=cap, coefficients=(b0, b1, b2), r_squared=explained, rows=len(speeds))


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """How far rows lie from their fits: standard deviation of ln, and its degrees of freedom, pooled over models."""

    deviation: float
    freedom: int


@dataclass(frozen=True, kw_only=True)
class Phases:
    """Cost of a request, linear in what is computed: `prefill` per prompt token, `decode` per output token.

    In seconds of a node, or in joules where joules were measured.
    `root` is a root of the parameters' covariance in units of the scatter's variance: ln(prefill, decode) is the estimate
    plus deviation × root × two standard normals. `squares` and `freedom` are the residual sum of squares of ln and what is
    left of the rows.
    """

    prefill: float
    decode: float
    root: tuple[tuple[float, float], tuple[float, float]]
    squares: float
    freedom: int
    rows: int

    def cost(self, inputs: Floats, outputs: Floats) -> Floats:
        """Of requests with these prompt tokens to compute and output tokens to write; shapes broadcast."""
        return self.prefill * inputs + self.decode * outputs


def phases(name: str, inputs: Floats, outputs: Floats, costs: Floats) -> Phases:
    """Least squares of ln(cost) with both constants above 0.

    For a given ratio of the constants their size follows from a mean, so one number is searched: on a grid, then finer.

    Args:
        name: Of the model, for the sentence.
        inputs, outputs, costs: Shape (n,), n >= 2, above 0.

    Raises:
        ConfigurationError: Fewer than two rows, or rows that do not tell prefill from decode.
    """
    if len(costs) < FEWEST_ROWS:
        raise ConfigurationError(
            f"{name!r} has {len(costs)} row; telling prefill from decode needs at least {FEWEST_ROWS}"
        )
    logs = np.log(costs)

    def leftover(ratios: Floats) -> Floats:
        apart = logs - np.log(np.exp(ratios)[:, None] * inputs + outputs)
        squares: Floats = np.sum((apart - apart.mean(axis=1, keepdims=True)) ** 2, axis=1)
        return squares

    low, high, points = -_WIDEST, _WIDEST, 241
    for _ in range(5):
        grid = np.linspace(low, high, points)
        best = int(np.argmin(leftover(grid)))
        low, high, points = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)]), 41
    ratio = float(grid[best])
    decode = math.exp(float(np.mean(logs - np.log(math.exp(ratio) * inputs + outputs))))
    prefill = decode * math.exp(ratio)
    share = prefill * inputs / (prefill * inputs + decode * outputs)
    jacobian = np.column_stack([share, 1 - share])
    information = jacobian.T @ jacobian
    if abs(ratio) > _WIDEST - 0.2 or np.linalg.det(information) < 1e-6:
        raise ConfigurationError(
            f"the {len(costs)} rows of {name!r} do not tell prefill from decode; add rows with another ratio of input to output"
        )
    root = np.linalg.cholesky(np.linalg.inv(information))
    return Phases(
        prefill=prefill,
        decode=decode,
        root=((float(root[0, 0]), 0.0), (float(root[1, 0]), float(root[1, 1]))),
        squares=float(leftover(grid[[best]])[0]),
        freedom=len(costs) - FEWEST_ROWS,
        rows=len(costs),
    )


def node_phases(model: Served) -> Phases:
    """Seconds of a node per prompt and per output token of a published model.

    Raises:
        ConfigurationError: As for `phases`.
    """
    _enough(model)
    inputs, outputs, speeds = _columns(model.rows)
    return phases(model.name, inputs, outputs, outputs / speeds)


def pooled(fits: Sequence[Phases]) -> Scatter | None:
    """The scatter of all models together, since two rows, or three, say little or nothing of their own.

    None where no model has a row more than constants.
    """
    freedom = sum(fit.freedom for fit in fits)
    if freedom == 0:
        return None
    return Scatter(
        deviation=math.sqrt(math.fsum(fit.squares for fit in fits if fit.freedom) / freedom), freedom=freedom
    )


def _enough(model: Served) -> None:
    if len(model.rows) < FEWEST_ROWS:
        raise ConfigurationError(
            f"{model.name!r} has {len(model.rows)} row(s) of throughput; an estimate needs at least {FEWEST_ROWS}"
        )


def _columns(rows: Sequence[Row]) -> tuple[Any, Any, Any]:
    table = np.array([(row.input_tokens, row.output_tokens, row.tokens_per_s) for row in rows], dtype=np.float64)
    return table[:, 0], table[:, 1], table[:, 2]
