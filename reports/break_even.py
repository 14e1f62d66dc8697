"""Does guessing ahead save energy, and up to which batch size? Pure: Results in, points and a sentence out.

A point pairs a speculative Result with the autoregressive one of the same work: equal Scenarios except `speculation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Result, Scenario, Speculation
from reports.statistics import Ratio, ratio

PER_TOKEN = METRICS["joules_per_output_token"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One batch size.

    `against` is speculative over autoregressive joules per token; None where one of them is unknown.
    """

    batch_size: int
    speculative: Result
    autoregressive: Result | None
    against: Ratio | None

    @property
    def saving(self) -> float | None:
        """Part of the autoregressive energy that is saved; negative when guessing ahead costs more."""
        return None if self.against is None or self.against.value is None else 1 - self.against.value

    @property
    def shown(self) -> bool:
        """Whether the interval leaves no doubt about the sign."""
        if self.against is None or self.against.low is None or self.against.high is None:
            return False
        return self.against.high < 1 or self.against.low > 1


@dataclass(frozen=True, kw_only=True, eq=False)  # one is itself: records hold dicts and have no hash
class Series:
    """One way of guessing ahead over batch sizes, ascending. `scenario` is that of its smallest batch."""

    scenario: Scenario
    points: tuple[Point, ...]

    @property
    def speculation(self) -> Speculation:
        """The way."""
        assert self.scenario.speculation is not None  # series_of groups speculative results only
        return self.scenario.speculation


def series_of(results: Sequence[Result], level: float) -> tuple[Series, ...]:
    """All ways of guessing ahead among results of one place, in order of appearance."""
    plain = {r.scenario.key: r for r in results if r.scenario is not None and r.scenario.speculation is None}
    groups: dict[str, list[Point]] = {}
    for result in results:
        scenario = result.scenario
        if scenario is None or scenario.speculation is None:
            continue
        twin = plain.get(msgspec.structs.replace(scenario, speculation=None).key)
        if twin is not None and (twin.scope != result.scope or twin.method != result.method):
            twin = None  # joules of other domains, or obtained in another way
        point = Point(
            batch_size=scenario.batch_size,
            speculative=result,
            autoregressive=twin,
            against=_against(twin, result, level),
        )
        groups.setdefault(msgspec.structs.replace(scenario, batch_size=1).key, []).append(point)
    ordered = [sorted(points, key=lambda point: point.batch_size) for points in groups.values()]
    return tuple(Series(scenario=_scenario(points[0]), points=tuple(points)) for points in ordered)


def sentence(points: Sequence[Point]) -> str:
    """Where it pays and where it stops, with the crossing interpolated on the logarithm of the batch size."""
    known = [(point.batch_size, point.saving) for point in points if point.saving is not None]
    if not known:
        return "cannot say where it pays: no batch size was measured both ways"
    said = _said([(batch, saving) for batch, saving in known])
    unsure = [f"b{point.batch_size}" for point in points if point.saving is not None and not point.shown]
    if len(unsure) == len(known):
        return f"not shown whether it pays: the interval of the saving holds zero at {', '.join(unsure)}"
    return f"{said}; the interval still holds zero at {', '.join(unsure)}" if unsure else said


def _said(known: list[tuple[int, float]]) -> str:
    first, last = known[0][0], known[-1][0]
    span = f"b{first}" if first == last else f"b{first} to b{last}"
    pays = [saving > 0 for _, saving in known]
    if all(pays):
        return f"pays at every batch size measured ({span})"
    if not any(pays):
        return f"never pays here ({span})"
    turns = [index for index in range(1, len(pays)) if pays[index] != pays[index - 1]]
    if len(turns) > 1:
        yes = ", ".join(f"b{batch}" for (batch, _), good in zip(known, pays, strict=True) if good)
        no = ", ".join(f"b{batch}" for (batch, _), good in zip(known, pays, strict=True) if not good)
        return f"pays at {yes}, not at {no}: no single batch size where it stops"
    before, after = known[turns[0] - 1], known[turns[0]]
    between = f"between b{before[0]} and b{after[0]} (about b{crossing(before, after):.0f})"
    return f"pays up to b{before[0]}, stops {between}" if pays[0] else f"pays from b{after[0]} on, starts {between}"


def crossing(before: tuple[int, float], after: tuple[int, float]) -> float:
    """Batch size at which the saving is zero, between two measured points on both sides of it.

    Args:
        before, after: Batch size and saving; the savings have opposite signs, or one is zero.

    Example:
        >>> crossing((8, 0.1), (32, -0.1))
        16.0
    """
    (low, gain), (high, loss) = before, after
    share = gain / (gain - loss)
    return math.exp2(math.log2(low) + share * (math.log2(high) - math.log2(low)))


def _against(autoregressive: Result | None, speculative: Result, level: float) -> Ratio | None:
    if autoregressive is None:
        return None
    base, new = PER_TOKEN.values(autoregressive), PER_TOKEN.values(speculative)
    return ratio(base, new, level) if base and new else None


def _scenario(point: Point) -> Scenario:
    assert point.speculative.scenario is not None
    return point.speculative.scenario
