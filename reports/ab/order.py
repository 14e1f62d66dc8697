"""Which side is measured next, and when it is enough. Pure; `command` carries it out.

    A B B A  A B B A  ...     a block each: one pytest session of that side

Whatever drifts steadily (heat, clocks, other people's load) then hits both sides alike: over each group of four the two sides
stand, on average, at the same moment. It is only ever stopped when both sides have equally many blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Name = Literal["A", "B"]

PATTERN: tuple[Name, ...] = ("A", "B", "B", "A")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """How much to measure.

    Attributes:
        rounds: Valid trials that every case shall have on each side.
        block_rounds: Valid trials that a block is expected to yield of each case.
        max_time_s: No further pair of blocks is begun that would end later than this.
        max_joules: No further pair of blocks is begun that would meter more than this in all.
    """

    rounds: int
    block_rounds: int
    max_time_s: float = math.inf
    max_joules: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Done:
    """One finished block: how long it took with loading, what it metered, and its valid trials by case."""

    side: Name
    took_s: float
    energy_j: float
    valid: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Stop:
    """No further block; `why` is None when every case has its rounds."""

    why: str | None


def side_of(index: int) -> Name:
    """The side of block `index`, counted from 0.

    >>> "".join(side_of(index) for index in range(8))
    'ABBAABBA'
    """
    return PATTERN[index % len(PATTERN)]


def next_block(goal: Goal, done: Sequence[Done]) -> Name | Stop:
    """The side to measure now, or why not."""
    side = side_of(len(done))
    if len(done) < 2 or len(_of(done, "A")) != len(_of(done, "B")):
        return side
    fewest = _fewest(done)
    if fewest >= goal.rounds:
        return Stop(why=None)
    if len(done) >= 2 * goal.rounds:  # each block should have brought one valid trial of each case at least
        return Stop(why=f"after {len(done)} blocks a case has {fewest} of {goal.rounds} valid trials on a side")
    took_s, energy_j = (math.fsum(values) for values in zip(*((one.took_s, one.energy_j) for one in done), strict=True))
    if took_s + _pair_s(done) > goal.max_time_s:
        return Stop(why=_spent("--max-time", f"{goal.max_time_s:g} s", fewest, goal))
    if energy_j + 2 * energy_j / len(done) > goal.max_joules:
        return Stop(why=_spent("--max-joules", f"{goal.max_joules:g} J", fewest, goal))
    return side


def blocks_expected(goal: Goal, done: Sequence[Done]) -> int:
    """How many blocks there will be in all, as far as can be told."""
    a_block = [min(one.valid.values(), default=0) for one in done]
    per_block = max(1, min(a_block, default=goal.block_rounds))
    return max(len(done), 2 * min(goal.rounds, math.ceil(goal.rounds / per_block)))


def seconds_left(goal: Goal, done: Sequence[Done]) -> float | None:
    """About how long the blocks still to come take; None before the first one ended."""
    if not done:
        return None
    sides = [side_of(index) for index in range(len(done), blocks_expected(goal, done))]
    spent_s = math.fsum(one.took_s for one in done)
    return min(math.fsum(_block_s(done, side) for side in sides), max(0.0, goal.max_time_s - spent_s))


def _of(done: Sequence[Done], side: Name) -> list[Done]:
    return [one for one in done if one.side == side]


def _fewest(done: Sequence[Done]) -> int:
    """Valid trials of the case and side that has fewest; 0 where a side has no case."""
    counts = []
    for side in ("A", "B"):
        blocks = [one for one in done if one.side == side]
        cases = dict.fromkeys(case for one in blocks for case in one.valid)
        counts.append(min((sum(one.valid.get(case, 0) for one in blocks) for case in cases), default=0))
    return min(counts)


def _block_s(done: Sequence[Done], side: Name) -> float:
    """What a block of this side took on average, of any side while this one was not seen."""
    seen = _of(done, side) or list(done)
    return math.fsum(one.took_s for one in seen) / len(seen)


def _pair_s(done: Sequence[Done]) -> float:
    return _block_s(done, "A") + _block_s(done, "B")


def _spent(option: str, amount: str, fewest: int, goal: Goal) -> str:
    return (
        f"{option} {amount} allows no further pair of blocks; the case with fewest has {fewest} of {goal.rounds} rounds"
    )
