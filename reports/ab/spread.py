"""Whether the sessions of one side differ by more than the rounds inside them. Pure.

Rounds of one block share its session: memory layout, clocks, the heat of that minute. Intervals and verdicts count sessions,
not rounds (`reports.replication`), so they hold it; the reader is told how much it is, because more blocks then help and more
rounds in a block do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from energy_fixtures.metrics import headline
from energy_fixtures.records import Result
from reports.ab.merge import Merged
from reports.comparison import split_values

DOUBTFUL = 0.01  # probability of so large a difference between blocks that only have rounds in common


@dataclass(frozen=True, kw_only=True)
class BlockSpread:
    """What one session adds of its own.

    Attributes:
        deviation: Standard deviation from block to block beyond what the rounds explain, as a share of the joules.
        probability: Of blocks that differ as much if a block added nothing.
    """

    deviation: float
    probability: float

    @property
    def sentence(self) -> str | None:
        """For the report; None where rounds alone explain it."""
        if self.probability >= DOUBTFUL:
            return None
        return (
            f"sessions of one side differ by {100 * self.deviation:.2g} % on their own, more than their rounds explain; "
            "intervals count a session as one value and hold this, and more blocks (--rounds) narrow them"
        )


def block_spread(sides: Sequence[Merged]) -> BlockSpread | None:
    """One-way analysis of variance of the logarithms, within each case and side, pooled over all of them.

    Returns:
        None where no case has two blocks with two values in one of them, or rounds do not differ at all.

    Source:
        R. A. Fisher, Statistical Methods for Research Workers (1925), chapter VII.
    """
    between, within, free_between, free_within, sizes = 0.0, 0.0, 0, 0, 0.0
    for side in sides:
        for result in side.run.results:
            blocks = _blocks(result, side.sizes[result.fullname])
            count = sum(map(len, blocks))
            if len(blocks) < 2 or count <= len(blocks):
                continue
            mean = math.fsum(value for block in blocks for value in block) / count
            means = [math.fsum(block) / len(block) for block in blocks]
            between += math.fsum(len(block) * (own - mean) ** 2 for block, own in zip(blocks, means, strict=True))
            within += math.fsum((value - own) ** 2 for block, own in zip(blocks, means, strict=True) for value in block)
            free_between += len(blocks) - 1
            free_within += count - len(blocks)
            sizes += count - math.fsum(len(block) ** 2 for block in blocks) / count
    if free_between == 0 or within == 0:
        return None
    from scipy.special import fdtrc  # type: ignore[import-untyped]  # takes 0.3 s to import

    noise = within / free_within
    ratio = between / free_between / noise
    extra = max(0.0, (ratio - 1) * noise / (sizes / free_between))
    return BlockSpread(deviation=math.sqrt(extra), probability=float(fdtrc(free_between, free_within, ratio)))


def _blocks(result: Result, sizes: Sequence[int]) -> list[list[float]]:
    """ln of the headline metric of each block's valid trials; blocks without any are left out."""
    blocks = split_values(headline(result), result, sizes)
    return [[math.log(value) for value in values] for values in blocks if values and min(values) > 0]
