"""An explanation with its costs as data: what JSON holds, and what lines of any format are made of."""

from __future__ import annotations

import math

from energy_fixtures.readings import Method
from energy_fixtures.record import Record
from reports.explain.conditions import Kind
from reports.explain.costs import Costs
from reports.explain.explanation import Explanation
from reports.explain.parts import Name, Part


class ToldPart(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One quantity before and after.

    `adds` and its ends `low` and `high` are logarithms; `share` is of the whole change, None where it does not apply.
    """

    name: Name
    before: float
    after: float
    adds: float
    low: float | None
    high: float | None
    share: float | None
    told: bool


class ToldCondition(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What else was seen on both sides; `notable` where it is in the sentence."""

    kind: Kind
    before: float
    after: float
    notable: bool


class ToldCosts(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What the change costs for `count` of `of`, below 0 where it saves; `sentence` and `basis` say it."""

    sentence: str
    basis: str
    count: int
    of: str
    energy_j: float
    energy_low_j: float | None
    energy_high_j: float | None
    gco2e: float
    grid_gco2e_per_kwh: float
    money: float | None
    price_per_kwh: float | None
    currency: str


class Told(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Why one case moved; the fields are those of `Explanation` and `Split`, `verdict` is the gate's word."""

    fullname: str
    case: str
    verdict: str
    sentence: str
    method: Method
    metric: str
    unit: str
    ratio: float
    whole: ToldPart
    parts: tuple[ToldPart, ...]
    time_by_phase: tuple[ToldPart, ...]
    energy_by_phase: tuple[ToldPart, ...]
    windows: tuple[int, int]
    same_work: bool
    work: tuple[str, ...]
    conditions: tuple[ToldCondition, ...]
    environment: tuple[str, ...]
    costs: ToldCosts


def told(explanation: Explanation, costs: Costs, *, fullname: str, case: str, verdict: str) -> Told:
    """Everything that an explanation says of a case."""
    split = explanation.split
    parts = [part for part in (split.power, split.time, split.tokens) if part is not None]
    return Told(
        fullname=fullname,
        case=case,
        verdict=verdict,
        sentence=explanation.sentence,
        method=explanation.method,
        metric=split.metric,
        unit=explanation.unit,
        ratio=explanation.change,
        whole=_part(split.whole, explanation.share(split.whole)),
        parts=tuple(_part(part, explanation.share(part)) for part in parts),
        time_by_phase=tuple(_part(part, explanation.share(part)) for part in split.phases),
        energy_by_phase=tuple(_part(part, None) for part in split.energies),
        windows=split.windows,
        same_work=not explanation.work,
        work=explanation.work,
        conditions=tuple(
            ToldCondition(kind=one.kind, before=one.before, after=one.after, notable=one.notable)
            for one in explanation.conditions
        ),
        environment=explanation.around,
        costs=ToldCosts(
            sentence=costs.sentence,
            basis=costs.basis,
            count=costs.count,
            of=costs.of,
            energy_j=costs.energy_j,
            energy_low_j=_finite(costs.low_j),
            energy_high_j=_finite(costs.high_j),
            gco2e=costs.gco2e,
            grid_gco2e_per_kwh=costs.grid_gco2e_per_kwh,
            money=costs.money,
            price_per_kwh=costs.price_per_kwh,
            currency=costs.currency,
        ),
    )


def _part(part: Part, share: float | None) -> ToldPart:
    low, high = (None, None) if part.reach is None else (part.adds - part.reach, part.adds + part.reach)
    return ToldPart(
        name=part.name,
        before=part.before,
        after=part.after,
        adds=part.adds,
        low=_finite(low),
        high=_finite(high),
        share=share,
        told=part.told,
    )


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None
