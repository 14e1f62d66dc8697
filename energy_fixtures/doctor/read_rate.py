"""Does a counter fall short when it is read often? Equal spans at rest, read rarely, once per update, and fast.

    rare   once   fast   fast   once   rare      repeated; power that drifts evenly adds the same to each kind
    |  |   ||||   ▮▮▮▮   ▮▮▮▮   ||||   |  |      each span is tick to tick, so nothing is lost at its ends

Some boards' counters do: an RTX 4090 read every 10 ms showed 76 % less than its power said (Dauner et al., HotCarbon 2026).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from energy_fixtures.doctor.spread import mean, student_factor
from energy_fixtures.doctor.ticks import TickingCounter
from energy_fixtures.examination import ReadRate

Kind = Literal["rare", "once", "fast"]
ORDER: tuple[Kind, ...] = ("rare", "once", "fast", "fast", "once", "rare")

ONCE = 1.1
"""Once per update is a tenth less often than that, because a sleep that ends early must not read twice in one update."""

UNTICKING_S = 0.01
"""What stands for an update of a counter that steps faster than can be waited for."""

LONGEST_FAST_S = 1.0
"""A counter is not read fast for longer than this at a time."""


class Span(NamedTuple):
    """One span: how it was read, the mean power that the counter gave, how many times it was read, how long it was."""

    kind: Kind
    power_w: float
    reads: int
    length_s: float


def take_spans(counter: TickingCounter, *, span_s: float, rounds: int, fast_hz: float) -> list[Span]:
    """Measure `rounds` times the six spans of ORDER.

    Args:
        counter: On a machine at rest.
        span_s: Of each span, at most LONGEST_FAST_S; it is rounded to whole updates.
        rounds: At least 1.
        fast_hz: How often the counter is read in a fast span; slower where one reading takes longer than that.

    Raises:
        MeasurementInvalid: The counter stands still, went backwards or cannot be read any more.
    """
    length_s = min(span_s, LONGEST_FAST_S)
    return [_take(counter, kind, length_s, fast_hz) for _ in range(rounds) for kind in ORDER]


def _take(counter: TickingCounter, kind: Kind, length_s: float, fast_hz: float) -> Span:
    counter.find_tick()
    # one whole update of rest between the looks for a tick and the first reading that counts
    begin = counter.read_at(counter.clock() + counter.period_s)
    begun_s = counter.clock()
    updates = max(2, round(length_s / counter.period_s)) if counter.period_s else 0
    # read_at reads half a period after a tick, so that many whole updates after this reading
    end_s = begun_s + (updates * counter.period_s or length_s)
    pause_s = {"rare": math.inf, "once": ONCE * (counter.period_s or UNTICKING_S), "fast": 1 / fast_hz}[kind]
    reads = 0
    while counter.clock() + pause_s < end_s - counter.period_s / 4:
        counter.sleep(pause_s)
        counter.read_j()
        reads += 1
    end = counter.read_at(end_s - counter.period_s / 2)
    return Span(kind, counter.power_w(begin, end), reads, end.at_s - begin.at_s)


def compare(spans: Sequence[Span]) -> ReadRate | None:
    """What the spans of `take_spans` show; None where the counter did not advance at all.

    The order is symmetric, so an even drift of power cancels in each kind's mean and is taken out of the scatter.
    """
    middle = (len(spans) - 1) / 2
    means = {kind: mean([span.power_w for span in spans if span.kind == kind]) for kind in ORDER}
    if means["rare"] <= 0:
        return None
    centred = [(place - middle, span.power_w - means[span.kind]) for place, span in enumerate(spans)]
    slope = math.fsum(x * y for x, y in centred) / math.fsum(x * x for x, _ in centred)
    freedom = len(spans) - 4  # three means and a slope
    scatter_w = math.sqrt(math.fsum((y - slope * x) ** 2 for x, y in centred) / freedom)
    each = len(spans) // 3
    return ReadRate(
        once_short=1 - means["once"] / means["rare"],
        fast_short=1 - means["fast"] / means["rare"],
        uncertainty=scatter_w * math.sqrt(2 / each) * student_factor(freedom) / means["rare"],
        once_hz=_rate_hz(spans, "once"),
        fast_hz=_rate_hz(spans, "fast"),
        span_s=mean([span.length_s for span in spans]),
        spans=each,
    )


def _rate_hz(spans: Sequence[Span], kind: Kind) -> float:
    chosen = [span for span in spans if span.kind == kind]
    return sum(span.reads for span in chosen) / math.fsum(span.length_s for span in chosen)
