"""What a kilowatt-hour costs here: grams of CO2 equivalent and money, as they were typed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from energy_fixtures.errors import ConfigurationError
from reports.explain.costs import WORLD_GRID_GCO2E_PER_KWH, Costs
from reports.explain.explanation import Explanation

MOST_GCO2E_PER_KWH = 5000.0
"""No grid is as dirty as this, a lignite plant emits about 1,200; a larger number is in other units."""

_PRICE = re.compile(r"(\d+\.?\d*|\.\d+)\s*([^\W\d_]{1,8}|[$€£¥₹])?")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Of a kilowatt-hour.

    Attributes:
        grid_gco2e_per_kwh: Grams of CO2 equivalent; the world's average where nobody named a grid's.
        price_per_kwh, currency: None and empty where nobody named a price.
    """

    grid_gco2e_per_kwh: float = WORLD_GRID_GCO2E_PER_KWH
    price_per_kwh: float | None = None
    currency: str = ""

    def costs(self, explanation: Explanation) -> Costs:
        """What the explained change costs per million requests."""
        return explanation.costs(
            grid_gco2e_per_kwh=self.grid_gco2e_per_kwh, price_per_kwh=self.price_per_kwh, currency=self.currency
        )


def parse_prices(price: str | None, grid: str | None, options: tuple[str, str]) -> Prices:
    """Read what was typed.

    Args:
        price: A number with or without a currency behind it, `0.30EUR`; None or empty for no money.
        grid: Grams of CO2 equivalent per kWh; None or empty for the world's average.
        options: What the two are called where they were typed, for the sentence of a refusal.

    Raises:
        ConfigurationError: A text that is no such number.

    Example:
        >>> parse_prices("0.30 EUR", "380", ("--price-per-kwh", "--grid-g-per-kwh"))
        Prices(grid_gco2e_per_kwh=380.0, price_per_kwh=0.3, currency='EUR')
    """
    found = Prices()
    if grid:
        found = Prices(grid_gco2e_per_kwh=_grams(grid, options[1]))
    if not price:
        return found
    read = _PRICE.fullmatch(price.strip())
    if read is None or not math.isfinite(float(read[1])):
        raise ConfigurationError(
            f"{options[0]}={price}: give the price of a kilowatt-hour, with a currency if you like: 0.30EUR"
        )
    return Prices(grid_gco2e_per_kwh=found.grid_gco2e_per_kwh, price_per_kwh=float(read[1]), currency=read[2] or "")


def _grams(text: str, option: str) -> float:
    try:
        grams = float(text)
    except ValueError:
        grams = math.nan
    if not 0 <= grams <= MOST_GCO2E_PER_KWH:
        raise ConfigurationError(
            f"{option}={text}: give grams of CO2 equivalent per kilowatt-hour from 0 to {MOST_GCO2E_PER_KWH:g}, "
            "such as 380"
        )
    return grams
