"""What is drawn, and from which stream: the same numbers for the same seed on one core, on many, or on many machines.

A stream is named by (seed, what it is for, whose, which block). Draws come in blocks of BLOCK, each from streams of its own, so
that it does not matter who computes a block or when, and a changed assumption leaves every other draw as it was.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from reports.estimate.scenario import Spread

Floats = NDArray[np.float64]

BLOCK = 65_536
"""Draws that are computed together: half a megabyte per array, which a core's cache holds."""

STANDARD_ERRORS_TO_P95 = 1.645  # as the released code rounds it


class Purpose(IntEnum):
    """What a stream is for."""

    LENGTHS = 0
    UTILISATION = 1
    PUE = 2
    FIT = 3
    LEVERS = 4
    BOOTSTRAP = 5


Streams = Callable[[Purpose], np.random.Generator]
"""The streams of one block of one model."""


def streams(seed: int, name: str, block: int) -> Streams:
    """The streams of block number `block` of whatever `name` stands for."""
    whose = zlib.crc32(name.encode())

    def stream(purpose: Purpose) -> np.random.Generator:
        return np.random.Generator(
            np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(whose, int(purpose), block)))
        )

    return stream


@dataclass(frozen=True, kw_only=True)
class Lognormal:
    """exp(mu + sigma z), drawn again until it lies in [low, high].

    Mean and percentiles are of the whole lognormal where nothing is cut off; `mean` of one that is cut off is closed form too.
    """

    mu: float
    sigma: float
    low: float = 0.0
    high: float = math.inf

    @classmethod
    def of(cls, spread: Spread, *, low: float = 0.0, high: float = math.inf) -> Lognormal:
        """From its 5th and 95th percentile, which are those before anything is cut off."""
        sigma = (math.log(spread.p95) - math.log(spread.p5)) / (2 * STANDARD_ERRORS_TO_P95)
        return cls(mu=math.log(spread.p5) + STANDARD_ERRORS_TO_P95 * sigma, sigma=sigma, low=low, high=high)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """So many independent values, shape (count,)."""
        values = self._plain(rng, count)
        if self.low > 0 or self.high < math.inf:
            outside = np.flatnonzero((values < self.low) | (values > self.high))
            while outside.size:  # P5 and P95 lie inside, so that one in twenty is drawn again at most
                values[outside] = self._plain(rng, outside.size)
                again = values[outside]
                outside = outside[(again < self.low) | (again > self.high)]
        return values

    def _plain(self, rng: np.random.Generator, count: int) -> Floats:
        values = rng.standard_normal(count)
        values *= self.sigma
        values += self.mu
        return np.exp(values, out=values)

    @property
    def median(self) -> float:
        """Of the whole lognormal."""
        return math.exp(self.mu)

    @property
    def mean(self) -> float:
        """Of what is drawn."""
        whole = math.exp(self.mu + self.sigma**2 / 2)
        if self.sigma == 0 or (self.low <= 0 and self.high == math.inf):
            return whole
        below = -math.inf if self.low <= 0 else (math.log(self.low) - self.mu) / self.sigma
        above = math.inf if self.high == math.inf else (math.log(self.high) - self.mu) / self.sigma
        return whole * (_normal(above - self.sigma) - _normal(below - self.sigma)) / (_normal(above) - _normal(below))


def exponential_lengths(rng: np.random.Generator, median: float, count: int) -> Floats:
    """Whole numbers of tokens, exponential with this median before rounding; about one in a thousand is 0 at 300."""
    values = rng.standard_exponential(count)
    values *= median / math.log(2)
    return np.rint(values, out=values)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
