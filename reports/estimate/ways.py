"""From a scenario to what each model costs: the released method or ours, on the published table."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.units import significant
from reports.estimate.boundary import reach
from reports.estimate.costs import Cost, Linear, Predicted, Released
from reports.estimate.distributions import Lognormal
from reports.estimate.lengths import typical
from reports.estimate.montecarlo import Work
from reports.estimate.reading import chosen_models, published_models
from reports.estimate.scenario import Regime, Scenario, Served, Spread
from reports.estimate.throughput import Phases, Piecewise, Scatter, node_phases, piecewise, pooled

PUBLISHED = "published throughput"
"""Where costs come from that rest on the table."""

PREDICTED = "predicted joules"
"""And those that rest on `joules predict`."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A model with a way to know its energy. `origin` and `basis` say what it rests on, `notes` are doubts."""

    name: str
    cost: Cost
    basis: str
    origin: str = PUBLISHED
    notes: tuple[str, ...] = ()


def utilisation_of(scenario: Scenario) -> Lognormal:
    """Nothing clipped by the released method; at most 1 by ours."""
    high = 1.0 if scenario.method == "refined" else float("inf")
    return Lognormal.of(Spread(p5=scenario.utilisation.p5, p95=scenario.utilisation.p95), high=high)


def pue_of(scenario: Scenario) -> Lognormal:
    """Nothing clipped by the released method; at least 1 by ours."""
    low = 1.0 if scenario.method == "refined" else 0.0
    return Lognormal.of(Spread(p5=scenario.pue.p5, p95=scenario.pue.p95), low=low)


def priced(scenario: Scenario) -> tuple[Priced, ...]:
    """Every model of the scenario by the scenario's method, in the order of the table.

    Raises:
        ConfigurationError: An unknown model, or one with too few rows.
    """
    models = chosen_models(scenario)
    if scenario.method == "released":
        return tuple(_released(model, scenario) for model in models)
    scatter = scatter_of(scenario)
    return tuple(_refined(model, scenario, scatter) for model in models)


def scatter_of(scenario: Scenario) -> Scatter | None:
    """Of all published models and the scenario's own whose rows tell prefill from decode, whether they are asked for or not."""
    known = {model.name: model for model in (*published_models(), *scenario.served)}
    fits = []
    for model in known.values():
        with contextlib.suppress(ConfigurationError):  # who asks for that model is told
            fits.append(node_phases(model))
    return pooled(fits)


def works(models: Sequence[Priced], scenario: Scenario, regime: Regime) -> list[Work]:
    """One per model."""
    pue = pue_of(scenario)
    return [
        Work(
            model=model.name,
            cost=model.cost,
            scenario=scenario,
            regime=regime,
            reach=reach(scenario.boundary, model.cost.meets, scenario.node),
            pue=pue,
        )
        for model in models
    ]


def _released(model: Served, scenario: Scenario) -> Priced:
    fit = piecewise(model)
    cost = Released(
        throughput=fit,
        power_kw=scenario.node.power_of(model.name),
        utilisation=utilisation_of(scenario),
        input_divisor=scenario.tokens.input_divisor,
        follows_throughput=scenario.utilisation.follows_throughput,
    )
    return Priced(name=model.name, cost=cost, basis=_told(fit), notes=_beyond(model, scenario, fit))


def _refined(model: Served, scenario: Scenario, scatter: Scatter | None) -> Priced:
    fit = node_phases(model)
    cost = Linear(
        fit=fit,
        scatter=scatter,
        power_kw=scenario.node.power_of(model.name),
        utilisation=utilisation_of(scenario),
    )
    return Priced(name=model.name, cost=cost, basis=_told_phases(fit), notes=_doubts(fit, scatter))


def _told(fit: Piecewise) -> str:
    if fit.coefficients is None:
        return f"{fit.rows} rows: constant {significant(fit.cap, 4)} tokens/s"
    b0, b1, b2 = fit.coefficients
    return (
        f"{fit.rows} rows: exp({b0:.4f} {b1:+.4f} ln in {b2:+.4f} ln out), at most {significant(fit.cap, 4)} tokens/s"
    )


def _beyond(model: Served, scenario: Scenario, fit: Piecewise) -> tuple[str, ...]:
    """How far a task goes beyond the rows: a power law of a few rows says nothing there."""
    if scenario.regime != "agentic" or scenario.traces:
        return ()
    prompt, longest = typical(scenario)[0], max(row.input_tokens for row in model.rows)
    if prompt <= longest:
        return ()
    how = "one speed for every length" if fit.coefficients is None else "extrapolated by its power law"
    return (
        f"the last turn's prompt of {prompt:,.0f} tokens on average is {significant(prompt / longest, 2)} times "
        f"its longest row, {longest:,.0f}: {how}",
    )


def _told_phases(fit: Phases) -> str:
    return f"{fit.rows} rows: prefill {significant(1 / fit.prefill)}, decode {significant(1 / fit.decode)} tokens/s of the node"


def _doubts(fit: Phases, scatter: Scatter | None) -> tuple[str, ...]:
    if scatter is None:
        return ("no model has more rows than constants, so the fits are taken as exact",)
    if fit.freedom == 0:
        return ("as many rows as constants: its scatter is that of the other models",)
    return ()


def slowed(models: Sequence[Priced], speed: float) -> tuple[Priced, ...]:
    """The same models with all throughputs times `speed`, whatever they were fitted to."""
    return tuple(replace(model, cost=_at_speed(model.cost, speed)) for model in models)


def erring(models: Sequence[Priced], standard_errors: float) -> tuple[Priced, ...]:
    """The same models with every predictor wrong by so many standard deviations, all to one side."""
    return tuple(
        replace(model, cost=model.cost.erring(standard_errors)) if isinstance(model.cost, Predicted) else model
        for model in models
    )


def _at_speed(cost: Cost, speed: float) -> Cost:
    if isinstance(cost, Released):
        fit = cost.throughput
        b = fit.coefficients
        moved = None if b is None else (b[0] + math.log(speed), b[1], b[2])
        return replace(cost, throughput=replace(fit, cap=fit.cap * speed, coefficients=moved))
    if isinstance(cost, Linear):
        return replace(cost, fit=replace(cost.fit, prefill=cost.fit.prefill / speed, decode=cost.fit.decode / speed))
    return cost
