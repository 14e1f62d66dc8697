"""What a kilowatt-hour costs, as it is typed."""

from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.explain.costs import WORLD_GRID_GCO2E_PER_KWH
from reports.explain.explanation import explain
from reports.explain.prices import Prices, parse_prices
from tests.reports.sides import side

OPTIONS = ("--price-per-kwh", "--grid-g-per-kwh")


@pytest.mark.parametrize(
    ("text", "price", "currency"),
    [("0.30", 0.3, ""), ("0.30EUR", 0.3, "EUR"), ("12 ct", 12.0, "ct"), (".2€", 0.2, "€"), ("0", 0.0, "")],
)
def test_a_price_may_have_a_currency(text, price, currency):
    """Number and currency are told apart with or without a space; the grid stays the world's average."""
    assert parse_prices(text, None, OPTIONS) == Prices(price_per_kwh=price, currency=currency)


def test_nothing_typed_is_the_world_without_money():
    """Neither option, or an empty ini value, leaves grams of the world's average and no money."""
    for nothing in (None, ""):
        assert parse_prices(nothing, nothing, OPTIONS) == Prices(
            grid_gco2e_per_kwh=WORLD_GRID_GCO2E_PER_KWH, price_per_kwh=None, currency=""
        )


@pytest.mark.parametrize("price", ["abc", "-1", "nan", "inf", "0.3 \x1b[31m", "1e400", "0.3 EUR per kWh"])
def test_what_is_no_price_is_refused(price):
    """One sentence names the option and shows what was wanted."""
    with pytest.raises(ConfigurationError, match=r"^--price-per-kwh=.*0\.30EUR$"):
        parse_prices(price, None, OPTIONS)


@pytest.mark.parametrize("grid", ["green", "-1", "nan", "inf", "458000"])
def test_what_is_no_grid_is_refused(grid):
    """Grams that no grid has are refused too: they are milligrams, or of a megawatt-hour."""
    with pytest.raises(ConfigurationError, match=r"^--grid-g-per-kwh=.*from 0 to 5000"):
        parse_prices(None, grid, OPTIONS)


def test_costs_are_of_the_prices_that_were_named():
    """Ten more joules a request are 10 MJ, 2.78 kWh per million: at 100 g and 0.5 of money per kWh."""
    found = explain(side(seconds=2.0, power_w=100.0, tokens=400), side(seconds=2.2, power_w=100.0, tokens=400))
    assert found is not None

    costs = parse_prices("0.5EUR", "100", OPTIONS).costs(found)
    assert costs.energy_kwh == pytest.approx(5e6 / 3.6e6, rel=1e-3)
    assert costs.gco2e == pytest.approx(100 * costs.energy_kwh)
    assert (costs.money, costs.currency) == (pytest.approx(0.5 * costs.energy_kwh), "EUR")
