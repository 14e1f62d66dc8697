"""How a counter advances: its period, its smallest step, what a reading costs. Looked at once, at session start.

The counter is read about every millisecond for a few of its steps; in windows it is never read so often.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from statistics import median

from energy_fixtures.meters.base import Cadence

PAUSE_S = 0.0005
STEPS = 6  # enough for the period to within a percent of the pause
USUAL_S = 1.5  # most counters have stepped often enough by then
LONGEST_S = 6.0  # for one that steps, but rarely
FEWEST_STEPS = 4  # below this there is no period
ALWAYS = 0.75  # of the looks: a counter that moved at so many of them steps as fast as it is read
FEWEST_LOOKS = 24


@dataclass(frozen=True, kw_only=True)
class Look:
    """One reading: between two moments of a monotonic clock the counter showed so many joules."""

    before_s: float
    after_s: float
    energy_j: float


def measure_cadences(
    reads_j: Sequence[Callable[[], float]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    usual_s: float = USUAL_S,
    longest_s: float = LONGEST_S,
) -> list[Cadence]:
    """Look at counters in turn until each has stepped a few times.

    Args:
        reads_j: The counters.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        usual_s: After this long few steps are enough; a counter that has not moved at all is given up.
        longest_s: After this long even fewer have to do.
    """
    seen: list[list[Look]] = [[] for _ in reads_j]
    began_s = clock()
    while (passed_s := clock() - began_s) < longest_s and not all(_enough(looks, passed_s > usual_s) for looks in seen):
        for read_j, looks in zip(reads_j, seen, strict=True):
            if not _enough(looks, passed_s > usual_s):
                before_s = clock()
                energy_j = read_j()
                looks.append(Look(before_s=before_s, after_s=clock(), energy_j=energy_j))
        sleep(PAUSE_S)
    return [cadence(looks) for looks in seen]


def measure_cadence(
    read_j: Callable[[], float],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Cadence:
    """`measure_cadences` of one counter."""
    return measure_cadences([read_j], clock=clock, sleep=sleep)[0]


def _enough(looks: Sequence[Look], late: bool) -> bool:
    steps = sum(new.energy_j > old.energy_j for old, new in itertools.pairwise(looks))
    if late and (steps >= FEWEST_STEPS or steps == 0):
        return True
    return len(looks) >= FEWEST_LOOKS and (steps > STEPS or steps > ALWAYS * len(looks))


def cadence(looks: Sequence[Look]) -> Cadence:
    """What a series of readings says. At least one; two neighbouring ones of which the later is higher enclose a step.

    On some boards a hasty reading makes the counter fall a little, which is no step.
    """
    read_s = median(look.after_s - look.before_s for look in looks)
    pairs = [(old, new) for old, new in itertools.pairwise(looks) if new.energy_j > old.energy_j]
    step_j = _common_step_j([look.energy_j for look in looks]) if pairs else 0.0
    moments = [(old.before_s + new.after_s) / 2 for old, new in pairs]
    if len(pairs) < FEWEST_STEPS or len(pairs) > ALWAYS * (len(looks) - 1):
        often = len(pairs) > ALWAYS * (len(looks) - 1) and len(looks) > FEWEST_STEPS
        ends = [looks[0].before_s, *moments, looks[-1].after_s]
        silence_s = 0.0 if often else max(late - early for early, late in itertools.pairwise(ends))
        return Cadence(period_s=None, period_error_s=0.0, step_j=step_j, read_s=read_s, silence_s=silence_s)
    gaps = [new.after_s - old.before_s for old, new in pairs]
    usual_s = median(late - early for early, late in itertools.pairwise(moments))
    # a step may be missing where the energy of one period was below the counter's quantum
    count = sum(max(1, round((late - early) / usual_s)) for early, late in itertools.pairwise(moments))
    error_s = math.hypot(gaps[0], gaps[-1]) / math.sqrt(12) / count
    return Cadence(period_s=(moments[-1] - moments[0]) / count, period_error_s=error_s, step_j=step_j, read_s=read_s)


def _common_step_j(values_j: Sequence[float]) -> float:
    """The largest amount of whole microjoules of which all values are multiples; 0 where that cannot be told.

    Of a counter that always advances by the same amount it cannot: that is level power as well as a coarse step.
    """
    values_uj = [round(1e6 * value) for value in values_j]
    advances_uj = {new - old for old, new in itertools.pairwise(values_uj) if new > old}
    return reduce(math.gcd, values_uj) / 1e6 if len(advances_uj) > 1 else 0.0
