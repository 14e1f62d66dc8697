"""The ratio of two samples whose values come from several sessions a side: a session is the unit of replication.

    values of a session  ─►  their mean  ─►  one value of its side  ─►  Student's t on the logarithms of these values

Rounds of one session share its day: memory layout, clocks, the heat of that minute. Ten more of them say nothing more of the
day, so that an interval from rounds alone fails as soon as sessions differ by as much as rounds do. The mean of a session
holds both, whatever their sizes are, and sessions are as independent as anything on one machine.

How many sessions there are is settled beforehand, never by what they showed, so that no correction for looking is needed.

Sources:
    S. H. Hurlbert, Pseudoreplication and the design of ecological field experiments, Ecological Monographs 54 (1984).
    S. E. Lazic, The problem of pseudoreplication in neuroscientific studies, BMC Neuroscience 11:5 (2010), section "Averaging".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.statistics import Ratio, quantile

FEWEST = 2
"""Sessions a side, below which nothing can be said of what sessions differ by."""


def session_ratio(base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], level: float) -> Ratio:
    """Mean of `new` over that of `base`, with an interval that holds what sessions differ by.

    Never narrower than what the rounds alone would give: with two or three sessions a side their means are sometimes close
    to each other by luck.

    Args:
        base, new: Per session one value per valid trial, all above 0; sessions without a value are passed over.
        level: Confidence in (0, 1), for one look at a number of sessions that was fixed beforehand.

    Returns:
        `low` and `high` None below FEWEST sessions a side; `doubts` then says so.

    Raises:
        ValueError: A side has no value.

    Example:
        >>> one = session_ratio([[1.0, 1.0], [1.02, 1.02]], [[1.1, 1.1], [1.12, 1.12]], 0.95)
        >>> round(one.value, 3), round(one.low, 3), round(one.high, 3)
        (1.099, 1.038, 1.164)
    """
    sides = [[values for values in sessions if values] for sessions in (base, new)]
    if not all(sides):
        raise ValueError(
            f"a ratio needs values on both sides, got {len(sides[0])} and {len(sides[1])} sessions with any"
        )
    if any(min(values) <= 0 for side in sides for values in side):
        return Ratio(value=None, low=None, high=None, level=level, doubts=("a ratio needs values above 0",))
    means = [[math.log(math.fsum(values) / len(values)) for values in side] for side in sides]
    before, after = (math.fsum(side) / len(side) for side in means)
    effect, fewest = after - before, min(map(len, means))
    if fewest < FEWEST:
        doubt = f"what sessions differ by needs >= {FEWEST} of them on each side, has {fewest}"
        return Ratio(value=math.exp(effect), low=None, high=None, level=level, doubts=(doubt,))
    rounds = [[math.log(value) for values in side for value in values] for side in sides]
    reach = max(_reach(means[0], means[1], level), _reach(rounds[0], rounds[1], level))
    high = math.exp(effect + reach) if effect + reach < 700 else math.inf  # exp overflows at 709
    return Ratio(value=math.exp(effect), low=math.exp(effect - reach), high=high, level=level)


def _reach(base: Sequence[float], new: Sequence[float], level: float) -> float:
    """Half of Student's interval of the difference of two means, both samples with the same noise."""
    squares = math.fsum(
        math.fsum((value - mean) ** 2 for value in side)
        for side, mean in ((side, math.fsum(side) / len(side)) for side in (base, new))
    )
    freedom = len(base) + len(new) - 2
    return quantile(freedom, level) * math.sqrt(squares / freedom * (1 / len(base) + 1 / len(new)))
