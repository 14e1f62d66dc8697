"""What is drawn at random, in words: a line that names an assumption stands only where that assumption played a part."""

from __future__ import annotations

from collections.abc import Sequence

from reports.estimate.costs import Cost, Linear, Predicted, Released
from reports.estimate.scenario import Scenario


def by_power(cost: Cost) -> bool:
    """Whether energy comes from a node's power, and so from its utilisation."""
    return isinstance(cost, Released) or (isinstance(cost, Linear) and cost.power_kw is not None)


def with_pue(scenario: Scenario) -> bool:
    """Whether cooling and losses are in the boundary."""
    return scenario.boundary in ("facility", "full_stack")


def told_unknown(scenario: Scenario, costs: Sequence[Cost], whose: str = "") -> str:
    """What an interval is over where all queries are served at one site: what is drawn once for all of them."""
    used, pue = scenario.utilisation, scenario.pue
    site = ["utilisation"] if any(by_power(cost) for cost in costs) and used.p5 < used.p95 else []
    site += ["PUE"] if with_pue(scenario) and pue.p5 < pue.p95 else []
    drawn = [f"what is drawn of {' and '.join(site)}"] if site else []
    if any(isinstance(cost, Linear) and cost.scatter is not None for cost in costs):
        drawn.append(f"the fits{whose}")
    if any(isinstance(cost, Predicted) for cost in costs):
        drawn.append(f"the predictor's error{whose}, the same for all queries")
    if not drawn:
        return "none: nothing that the queries share is drawn"
    return f"P5 to P95 over what is not known of one site: {', and '.join(drawn)}"
