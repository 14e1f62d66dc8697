"""What joules cost: of a change, for a million requests; of the measuring itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from energy_fixtures.readings import MEASURED, Method
from energy_fixtures.records import Result
from energy_fixtures.units import duration, quantity, significant

JOULES_PER_KWH = 3.6e6

MILLION = 1_000_000

WORLD_GRID_GCO2E_PER_KWH = 458.0
"""Grams of CO2 equivalent that a kilowatt-hour of electricity caused on the world's average, year 2025.

Life cycle of generation, all greenhouse gases over 100 years, before losses of the grid. Single grids lie far from it on both
sides; take one's own where it is known.

Source:
    Ember, Global Electricity Review 2026 (21 April 2026), "Electricity demand and supply trends":
    https://ember-energy.org/latest-insights/global-electricity-review-2026/electricity-demand-and-supply-trends/
"""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a change costs; below 0 where it saves.

    Attributes:
        count, of: For how many of what.
        energy_j: Joules of the metered domains; `low_j`, `high_j`: their interval, None where there is no spread.
        grid_gco2e_per_kwh: The grid's factor, grams of CO2 equivalent per kWh.
        price_per_kwh, currency: Of electricity; None and empty where nobody named a price.
        method: How the joules were obtained.
        same_work: Whether both sides did the same work per request.
    """

    count: int
    of: Literal["requests", "iterations"]
    energy_j: float
    low_j: float | None
    high_j: float | None
    grid_gco2e_per_kwh: float
    price_per_kwh: float | None
    currency: str
    method: Method
    same_work: bool

    @property
    def energy_kwh(self) -> float:
        """The joules as they are billed."""
        return self.energy_j / JOULES_PER_KWH

    @property
    def gco2e(self) -> float:
        """Grams of CO2 equivalent."""
        return self.energy_kwh * self.grid_gco2e_per_kwh

    @property
    def money(self) -> float | None:
        """In the currency of the price; None without one."""
        return None if self.price_per_kwh is None else self.energy_kwh * self.price_per_kwh

    @property
    def told(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low_j is not None and self.high_j is not None and (self.low_j > 0 or self.high_j < 0)

    @property
    def sentence(self) -> str:
        """For example `1.20 kWh (1.05 kWh to 1.35 kWh) and 550 gCO2e more per million requests`."""
        amounts = [f"{watt_hours(abs(self.energy_j))}{self._range()}", grams(abs(self.gco2e))]
        if self.money is not None:
            amounts.append(" ".join(filter(None, (significant(abs(self.money)), self.currency or "of money"))))
        said = f"{', '.join(amounts[:-1])} and {amounts[-1]} {'more' if self.energy_j > 0 else 'less'}"
        if self.energy_j == 0:
            said = "no joules more or less"
        per = f"per million {self.of}" if self.count == MILLION else f"per {self.count:,} {self.of}"
        doubts = [] if self.method in MEASURED else [f"{self.method}, not measured"]
        doubts += [] if self.told else ["not told apart from noise"]
        doubts += [] if self.same_work else ["not the same work"]
        return f"{said} {per}" + (f" ({'; '.join(doubts)})" if doubts else "")

    @property
    def basis(self) -> str:
        """What the figures rest on."""
        year = " (world average of 2025, Ember)" if self.grid_gco2e_per_kwh == WORLD_GRID_GCO2E_PER_KWH else ""
        price = ""
        if self.price_per_kwh is not None:
            price = f", {self.price_per_kwh:g} {self.currency}".rstrip() + " per kWh"
        grid = f"{self.grid_gco2e_per_kwh:g} gCO2e/kWh{year}"
        return f"costs: {grid}{price}; of the metered domains alone, cooling and losses of supplies not in them"

    def _range(self) -> str:
        if not self.told or self.low_j is None or self.high_j is None:
            return ""
        ends = sorted((abs(self.low_j), abs(self.high_j)))
        return f" ({watt_hours(ends[0])} to {watt_hours(ends[1])})"


@dataclass(frozen=True, kw_only=True)
class OwnJoules:
    """What the suite itself spent inside metered windows, whether they count or not.

    Attributes:
        energy_j: Joules of all metered domains by the way they were obtained.
        duration_s: Length of all windows together.
        windows, invalid: How many windows there were, and how many of them do not count.
    """

    energy_j: Mapping[Method, float]
    duration_s: float
    windows: int
    invalid: int

    def __add__(self, other: OwnJoules) -> OwnJoules:
        methods = dict.fromkeys((*self.energy_j, *other.energy_j))
        return OwnJoules(
            energy_j={one: self.energy_j.get(one, 0.0) + other.energy_j.get(one, 0.0) for one in methods},
            duration_s=self.duration_s + other.duration_s,
            windows=self.windows + other.windows,
            invalid=self.invalid + other.invalid,
        )

    @property
    def sentence(self) -> str:
        """For example `measuring took 1.20 kJ in 3 min 34 s of metered windows; loading and warm-up come on top`."""
        measured = [joules for method, joules in self.energy_j.items() if method in MEASURED]
        said = [quantity(math.fsum(measured), "J")] if measured else []
        for method, joules in self.energy_j.items():
            if method not in MEASURED:
                said.append(f"{quantity(joules, 'J')} ({method}, not measured)")
        if not said:
            return "measuring took no joules that were metered"
        lost = f" ({self.invalid} of {self.windows} invalid)" if self.invalid else ""
        spent = f"{' and '.join(said)} in {duration(self.duration_s)} of metered windows{lost}"
        return f"measuring took {spent}; loading and warm-up come on top"


class Tally:
    """Adds up windows, one after another or in several processes."""

    def __init__(self) -> None:
        self._energy_j: dict[Method, float] = {}
        self._duration_s = 0.0
        self._windows = 0
        self._invalid = 0

    def window(self, method: Method, energy_j: float | None, duration_s: float, valid: bool) -> None:
        """One more; a window without a domain that could be read still took its time."""
        if energy_j is not None:
            self._energy_j[method] = self._energy_j.get(method, 0.0) + energy_j
        self._duration_s += duration_s
        self._windows += 1
        self._invalid += not valid

    def result(self, result: Result) -> None:
        """Every window of a result, prefill's among them."""
        for trial in (*result.trials, *result.prefill_trials):
            self.window(trial.reading.method, trial.reading.joules(), trial.reading.duration_s, trial.valid)

    @property
    def total(self) -> OwnJoules:
        """What there is so far."""
        return OwnJoules(
            energy_j=dict(self._energy_j),
            duration_s=self._duration_s,
            windows=self._windows,
            invalid=self._invalid,
        )


def own_joules(results: Iterable[Result]) -> OwnJoules:
    """Sum over every window of these results, prefill's among them, valid and invalid."""
    tally = Tally()
    for result in results:
        tally.result(result)
    return tally.total


def watt_hours(joules: float) -> str:
    """Joules as they are billed.

    >>> watt_hours(4.32e6), watt_hours(36.0)
    ('1.20 kWh', '10.0 mWh')
    """
    return quantity(joules / 3600, "Wh")


def grams(gco2e: float) -> str:
    """Grams of CO2 equivalent as a person says them.

    >>> grams(549.6), grams(1500.0), grams(0.0021)
    ('550 gCO2e', '1.50 kgCO2e', '2.10 mgCO2e')
    """
    units = ((1e6, "t"), (1e3, "kg"), (1.0, "g"))
    factor, unit = next((pair for pair in units if gco2e >= 0.9995 * pair[0]), (1e-3, "mg"))
    return f"{significant(gco2e / factor)} {unit}CO2e"
