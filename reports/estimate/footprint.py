"""Carbon, water and money of joules. Factors are the scenario's; none is looked up anywhere."""

from __future__ import annotations

from reports.estimate.answer import Footprint
from reports.estimate.boundary import reach
from reports.estimate.scenario import Scenario
from reports.explain.costs import WORLD_GRID_GCO2E_PER_KWH


def on_site(scenario: Scenario, wh: float) -> float:
    """Millilitres of water for these Wh: of the machines' energy, so PUE's median is taken out where it is in."""
    pue = (
        (scenario.pue.p5 * scenario.pue.p95) ** 0.5 if reach(scenario.boundary, "node", scenario.node).with_pue else 1.0
    )
    return wh / pue * scenario.grid.water_l_per_kwh  # L/kWh is mL/Wh


def footprint(scenario: Scenario, wh: float) -> Footprint:
    """Of one query of so many Wh."""
    grid = scenario.grid
    world = " (world average of 2025, Ember)" if grid.gco2e_per_kwh == WORLD_GRID_GCO2E_PER_KWH else ""
    basis = f"{grid.gco2e_per_kwh:g} gCO2e/kWh{world}; {grid.water_l_per_kwh:g} L/kWh of the machines' energy"
    price = grid.price_per_kwh
    return Footprint(
        gco2e=wh / 1000 * grid.gco2e_per_kwh,
        water_ml=on_site(scenario, wh),
        money_per_million=None if price is None else wh * 1000 * price,  # Wh × 1e6 / 1000
        currency=grid.currency,
        basis=basis,
    )
