"""What a query costs by one of the ways to know it: the released equation, ours, measured joules, or a predictor.

Every way gives the energy of the machine in Wh, before PUE, in two forms: query by query, and as the mean of many queries under
shared circumstances. In the first every query is at another site; in the second a fleet is at one, and what we do not know of
that site does not average out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from reports.estimate.boundary import Meets
from reports.estimate.distributions import STANDARD_ERRORS_TO_P95, Floats, Lognormal, Purpose, Streams
from reports.estimate.lengths import Lengths
from reports.estimate.throughput import Phases, Piecewise, Scatter

JOULES_PER_WH = 3600.0

_FARTHEST = 100.0
"""Largest logarithm of a factor; three of them still multiply to a number."""


class Cost(Protocol):
    """The energy of queries to one model, before PUE."""

    @property
    def meets(self) -> Meets:
        """What the joules are of."""
        ...

    def each_wh(self, lengths: Lengths, draw: Streams) -> Floats:
        """Wh of every query, each under circumstances of its own, shape (queries,)."""
        ...

    def shared_wh(self, lengths: Lengths, draw: Streams, count: int, weights: Floats | None = None) -> Floats:
        """Mean Wh of these queries under `count` draws of the circumstances that all of them share, shape (count,).

        `weights` says how often each query occurs, shape (queries,); None for once each.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Released:
    """The released equation: power × utilisation × L_eff / TPS, nothing clipped.

    `input_divisor` adds L_in / divisor to the output tokens. `follows_throughput` replaces the draw of the utilisation.
    """

    throughput: Piecewise
    power_kw: float
    utilisation: Lognormal
    input_divisor: float | None = None
    follows_throughput: bool = False
    meets: Meets = "node"

    def full_power_wh(self, lengths: Lengths) -> Floats:
        """At the highest power, or at what throughput implies, shape (queries,)."""
        tokens = lengths.outputs
        if self.input_divisor is not None:
            tokens = tokens + lengths.contexts / self.input_divisor
        speed = self.throughput.tokens_per_s(lengths.contexts, lengths.outputs)
        power_kw = (
            self.power_kw * (0.24 + 0.56 * speed / self.throughput.cap) if self.follows_throughput else self.power_kw
        )
        wh: Floats = np.asarray(power_kw * tokens / (3.6 * speed)).sum(axis=0)
        return wh

    def each_wh(self, lengths: Lengths, draw: Streams) -> Floats:
        """See Cost."""
        wh = self.full_power_wh(lengths)
        if not self.follows_throughput:
            wh *= self.utilisation.draw(draw(Purpose.UTILISATION), len(wh))
        return wh

    def shared_wh(self, lengths: Lengths, draw: Streams, count: int, weights: Floats | None = None) -> Floats:
        """See Cost."""
        mean = float(np.average(self.full_power_wh(lengths), weights=weights))
        if self.follows_throughput:
            return np.full(count, mean)
        return mean * self.utilisation.draw(draw(Purpose.UTILISATION), count)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Prefill and decode as separate terms, uncertain as the fit is.

    The constants are drawn from a multivariate Student's t around the fit, and the result scatters around them as rows do:
    a predictive distribution. Without a scatter (None) nothing is drawn, and the caller has to say so.

    `power_kw` × utilisation turns seconds of a node into energy; None where `fit` is in joules already.
    """

    fit: Phases
    scatter: Scatter | None
    power_kw: float | None
    utilisation: Lognormal | None
    meets: Meets = "node"

    def each_wh(self, lengths: Lengths, draw: Streams) -> Floats:
        """See Cost."""
        queries = np.broadcast_shapes(lengths.computed.shape, lengths.outputs.shape)
        inputs = np.broadcast_to(lengths.computed, queries).sum(axis=0)
        return self._drawn(inputs, lengths.outputs.sum(axis=0), draw)

    def shared_wh(self, lengths: Lengths, draw: Streams, count: int, weights: Floats | None = None) -> Floats:
        """See Cost; exact, since the cost is linear in the tokens."""
        mean = lengths.mean(weights)
        return self._drawn(np.full(count, mean.computed.item()), np.full(count, mean.outputs.item()), draw)

    def _drawn(self, inputs: Floats, outputs: Floats, draw: Streams) -> Floats:
        count = len(outputs)
        if self.scatter is None:
            wh = self.fit.cost(inputs, outputs)
        else:
            rng, freedom = draw(Purpose.FIT), self.scatter.freedom
            # a multivariate t: three normals over one chi
            wide = self.scatter.deviation / np.sqrt(rng.standard_gamma(freedom / 2, count) * (2 / freedom))
            first, second, rest = rng.standard_normal((3, count))
            (r00, _), (r10, r11) = self.fit.root
            wh = self.fit.prefill * _factor(wide * r00 * first) * inputs
            wh += self.fit.decode * _factor(wide * (r10 * first + r11 * second)) * outputs
            wh *= _factor(wide * rest)
        if self.power_kw is None or self.utilisation is None:
            return wh / JOULES_PER_WH
        wh *= self.power_kw / 3.6
        wh *= self.utilisation.draw(draw(Purpose.UTILISATION), count)
        return wh


@dataclass(frozen=True, kw_only=True)
class JoulesRange:
    """A predictor's answer for one request: joules by phase, and where 90 of 100 would lie for both together."""

    prefill_j: float
    decode_j: float
    low_j: float
    high_j: float


Predictor = Callable[[float, float], JoulesRange]
"""Joules per request of one model on one board, from input and output tokens; above 0 in all."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Joules from a predictor, asked once per point of a grid in the logarithms of both lengths and read off in between.

    A turn costs the prefill of what it computes and the decode over its whole context, so that a cached prefix saves prefill
    alone. The error of a predictor is systematic: whatever it gets wrong about a deployment it gets wrong in every query. So
    it is one standard normal for all turns of a query, and for all queries of a fleet, times the width at their lengths. The
    answer is the median, not the mean: the mean of what is drawn is larger by exp(deviation² / 2).

    Attributes:
        inputs, outputs: ln of the grid's lengths, increasing, shapes (n,) and (m,), n, m >= 2; lengths beyond are taken at
            its edge.
        ln_joules: Of the answer, shape (n, m).
        prefill_share: Of its joules, shape (n, m).
        deviation: Standard deviation of ln(joules), shape (n, m).
    """

    inputs: Floats
    outputs: Floats
    ln_joules: Floats
    prefill_share: Floats
    deviation: Floats
    meets: Meets = "boards"

    @classmethod
    def ask(cls, predictor: Predictor, *, most_input: float, most_output: float, points: int = 24) -> Predicted:
        """Ask at points from one token to these lengths."""
        inputs = np.linspace(0.0, math.log(max(most_input, 2.0)), points)
        outputs = np.linspace(0.0, math.log(max(most_output, 2.0)), points)
        answers = [predictor(math.exp(a), math.exp(b)) for a in inputs for b in outputs]
        told = np.array([(one.prefill_j, one.decode_j, one.low_j, one.high_j) for one in answers])
        prefill, decode, low, high = told.reshape(points, points, 4).transpose(2, 0, 1)
        return cls(
            inputs=inputs,
            outputs=outputs,
            ln_joules=np.log(prefill + decode),
            prefill_share=prefill / (prefill + decode),
            deviation=np.log(high / low) / (2 * STANDARD_ERRORS_TO_P95),
        )

    def erring(self, standard_errors: float) -> Predicted:
        """The same predictor, wrong by so many standard deviations and certain of it."""
        return replace(
            self,
            ln_joules=self.ln_joules + standard_errors * self.deviation,
            deviation=np.zeros_like(self.deviation),
        )

    def expected(self, lengths: Lengths) -> tuple[Floats, Floats]:
        """Wh without the predictor's doubt, and the standard deviation of its ln weighted by energy; both of shape (queries,)."""
        whole, share, decode_wide = self._read(lengths.contexts, lengths.outputs)
        decode, wide = whole * (1 - share), decode_wide
        if lengths.computed is not lengths.contexts:
            whole, share, wide = self._read(lengths.computed, lengths.outputs)
        prefill = whole * share
        joules = (prefill + decode).sum(axis=0)
        deviation: Floats = (prefill * wide + decode * decode_wide).sum(axis=0) / joules
        return joules / JOULES_PER_WH, deviation

    def each_wh(self, lengths: Lengths, draw: Streams) -> Floats:
        """See Cost; each draw is one query and one error that the predictor may have."""
        wh, deviation = self.expected(lengths)
        deviation *= draw(Purpose.FIT).standard_normal(len(wh))
        wh *= np.exp(deviation)
        return wh

    def shared_wh(self, lengths: Lengths, draw: Streams, count: int, weights: Floats | None = None) -> Floats:
        """See Cost; one error for all queries, as wide as their widths weighted by energy."""
        wh, deviation = self.expected(lengths)
        mean = float(np.average(wh, weights=weights))
        wide = float(np.average(deviation, weights=wh if weights is None else wh * weights))
        doubt: Floats = np.exp(wide * draw(Purpose.FIT).standard_normal(count))
        return mean * doubt

    def _read(self, inputs: Floats, outputs: Floats) -> tuple[Floats, Floats, Floats]:
        """Joules, share of prefill and deviation at these tokens; shapes broadcast."""
        x, y = np.broadcast_arrays(np.log(np.maximum(inputs, 1.0)), np.log(np.maximum(outputs, 1.0)))
        i, fx = _place(self.inputs, x)
        j, fy = _place(self.outputs, y)

        def at(grid: Floats) -> Floats:
            low = grid[i, j] * (1 - fx) + grid[i + 1, j] * fx
            high = grid[i, j + 1] * (1 - fx) + grid[i + 1, j + 1] * fx
            value: Floats = low * (1 - fy) + high * fy
            return value

        return np.exp(at(self.ln_joules)), at(self.prefill_share), at(self.deviation)


def _factor(logarithm: Floats) -> Floats:
    """exp, in place, within what stays a number: a t of one degree of freedom reaches farther than any float."""
    np.clip(logarithm, -_FARTHEST, _FARTHEST, out=logarithm)
    return np.exp(logarithm, out=logarithm)


def _place(grid: Floats, values: Floats) -> tuple[np.ndarray, Floats]:
    """The interval of an increasing grid that holds each value, and how far along it."""
    index = np.clip(np.searchsorted(grid, values, side="right") - 1, 0, len(grid) - 2)
    share = np.clip((values - grid[index]) / (grid[index + 1] - grid[index]), 0.0, 1.0)
    return index, share
