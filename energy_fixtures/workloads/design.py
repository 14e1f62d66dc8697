"""Points that fill a space evenly, the same on every machine: the Halton sequence, and values at its points.

Any first part of the sequence fills the space too, so a sweep that is cut short by its budget is still even.
Reference: J. H. Halton, "On the efficiency of certain quasi-random sequences of points", Numerische Mathematik 2 (1960).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
SKIPPED = 20  # of the first points: in the bases beyond 5 they all lie near the origin

Value = TypeVar("Value")


def halton(count: int, dimensions: int) -> list[tuple[float, ...]]:
    """The first `count` points of the sequence in the unit cube, each coordinate in (0, 1).

    Raises:
        ValueError: More dimensions than there are bases, or fewer than one.
    """
    if not 1 <= dimensions <= len(PRIMES):
        raise ValueError(f"the sequence has 1 to {len(PRIMES)} dimensions, not {dimensions}")
    bases = PRIMES[:dimensions]
    return [tuple(radical_inverse(index, base) for base in bases) for index in range(SKIPPED + 1, SKIPPED + 1 + count)]


def radical_inverse(index: int, base: int) -> float:
    """The digits of `index` in `base`, mirrored at the point.

    >>> [radical_inverse(index, 2) for index in (1, 2, 3, 4)]
    [0.5, 0.25, 0.75, 0.125]
    """
    value, scale = 0.0, 1.0 / base
    while index:
        index, digit = divmod(index, base)
        value += digit * scale
        scale /= base
    return value


def between(share: float, low: float, high: float) -> float:
    """The value that lies a share of the way from `low` to `high`, evenly in the logarithm.

    >>> round(between(0.5, 1, 100), 9)
    10.0
    """
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def one_of(share: float, choices: Sequence[Value]) -> Value:
    """The choice at a share of the way through them, each as often as the others.

    >>> one_of(0.0, "abc"), one_of(0.5, "abc"), one_of(0.999, "abc")
    ('a', 'b', 'c')
    """
    return choices[min(int(share * len(choices)), len(choices) - 1)]
