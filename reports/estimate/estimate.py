"""From a scenario to an answer.

models with a cost each ─► draws ─► per model, blend ─► levers, fleet, footprint, sensitivity, references
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest
from reports.estimate import fleet, levers, sensitivity
from reports.estimate.answer import Answer, Beside, FleetEstimate, ModelEstimate, Swing, TraceEstimate
from reports.estimate.assumptions import told_assumptions
from reports.estimate.blend import ascending, at, blended, dearest, quantiles
from reports.estimate.boundary import LEFT_OUT, WHAT
from reports.estimate.costs import Linear, Predicted, Released
from reports.estimate.distributions import Floats
from reports.estimate.footprint import footprint
from reports.estimate.histogram import Histogram
from reports.estimate.montecarlo import Runner, draw_all, on_each, on_threads
from reports.estimate.reading import changed, published_references
from reports.estimate.scenario import Reference, Regime, Scenario
from reports.estimate.throughput import Scatter
from reports.estimate.trace import trace_estimate
from reports.estimate.ways import PUBLISHED, Priced, erring, priced, scatter_of, slowed, works

ESTIMATED = "estimated bottom-up, not measured"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a scenario beyond its models: levers, a fleet, a trace, what moves the answer, the other method."""

    levers: tuple[str, ...] = ()
    fleet: bool = False
    trace: Histogram | None = None
    sensitivity: bool = False
    beside: bool = False


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Wh of every query by model, ascending, in the order of the models; and what follows from them."""

    names: tuple[str, ...]
    wh: tuple[Floats, ...]
    dearest: tuple[str, ...]

    @property
    def of_dearest(self) -> list[Floats]:
        """Untrimmed draws of the dearest models, the dearest first."""
        return [self.wh[self.names.index(name)] for name in self.dearest]


def drawn(models: Sequence[Priced], scenario: Scenario, regime: Regime, runner: Runner = on_threads) -> Draws:
    """Draw queries to every model, and find the dearest."""
    wh = [
        ascending(one) for one in on_each(ascending, draw_all(works(models, scenario, regime), scenario.draws, runner))
    ]
    names = tuple(model.name for model in models)
    medians = {name: at(one, 0.5) for name, one in zip(names, wh, strict=True)}
    return Draws(names=names, wh=tuple(wh), dearest=dearest(medians))


def estimate(
    scenario: Scenario, question: Question, models: Sequence[Priced] | None = None, runner: Runner = on_threads
) -> Answer:
    """Answer a question.

    Args:
        scenario: What is assumed.
        question: What is asked.
        models: With a cost each, where it comes from elsewhere than the throughput table.
        runner: Who computes the draws.

    Raises:
        ConfigurationError: An unknown model, too few rows, or things that do not go together.
    """
    own = models is not None
    chosen = filtered(models, scenario) if models is not None else priced(scenario)
    if question.fleet:
        fleet.check_boundary(scenario)
    shown = references(scenario)
    if question.trace is not None:
        return _of_trace(scenario, question, chosen, shown, question.trace)
    found = drawn(chosen, scenario, scenario.regime, runner)
    blend = blended(found.of_dearest)
    beside = None
    notes: tuple[str, ...] = ()
    if question.beside and not own and scenario.method == "released":
        try:
            beside = _beside(replace(scenario, method="refined"), runner)
        except ConfigurationError as error:  # the answer that was asked for stands
            notes = (f"no refined method beside it: {error}",)
    swings: tuple[Swing, ...] = ()
    if question.sensitivity:
        swings = sensitivity.swings(scenario, chosen, _scatter(scenario, chosen), _median(chosen, own))
        swings = sensitivity.by_width((*swings, *_which_model(found)))
    return _answer(
        scenario,
        chosen,
        models=tuple(
            ModelEstimate(
                model=model.name,
                wh=quantiles(wh),
                in_blend=model.name in found.dearest,
                basis=model.basis,
                notes=model.notes,
            )
            for model, wh in zip(chosen, found.wh, strict=True)
        ),
        blend_of=found.dearest,
        blend=quantiles(blend),
        beside=beside,
        footprint=footprint(scenario, at(blend, 0.5)),
        levers=levers.with_levers(scenario, question.levers, blend) if question.levers else (),
        fleet=_fleet(scenario, chosen, found, runner) if question.fleet else None,
        sensitivity=swings,
        references=shown,
        notes=notes,
    )


def filtered(models: Sequence[Priced], scenario: Scenario) -> tuple[Priced, ...]:
    """Those that the scenario names, or all.

    Raises:
        ConfigurationError: One is not among them.
    """
    if scenario.models is None:
        return tuple(models)
    known = {model.name: model for model in models}
    for name in scenario.models:
        if name not in known:
            near = ", ".join(repr(one) for one in nearest(name, known, 3))
            raise ConfigurationError(f"no model {name!r} in these results; the nearest are {near}")
    return tuple(known[name] for name in dict.fromkeys(scenario.models))


def references(scenario: Scenario) -> tuple[Reference, ...]:
    """Published figures of the same boundary, and the scenario's own.

    Raises:
        ConfigurationError: One of the scenario's own is of another boundary.
    """
    for reference in scenario.references:
        if reference.boundary != scenario.boundary:
            raise ConfigurationError(
                f"reference {reference.name!r} is of boundary {reference.boundary}, the estimate of {scenario.boundary};"
                " they never share a table: name one boundary for both"
            )
    published = [one for one in published_references() if one.boundary == scenario.boundary]
    return (*published, *scenario.references)


def _answer(scenario: Scenario, chosen: Sequence[Priced], **found: object) -> Answer:
    origin = chosen[0].origin
    whole: dict[str, object] = {
        "what": ESTIMATED if origin == PUBLISHED else f"estimated from {origin}, not measured for these queries",
        "origin": origin,
        "title": scenario.title,
        "method": scenario.method,
        "parameters": scenario.parameters,
        "changed": changed(scenario),
        "regime": scenario.regime,
        "boundary": scenario.boundary,
        "includes": f"{WHAT[scenario.boundary]}; {LEFT_OUT}",
        "draws": scenario.draws,
        "seed": scenario.seed,
        "models": (),
        "blend_of": (),
        "blend": None,
        "beside": None,
        "footprint": None,
        "levers": (),
        "fleet": None,
        "trace": None,
        "sensitivity": (),
        "references": (),
        "assumptions": told_assumptions(scenario, chosen),
        "notes": (),
    }
    return Answer(**{**whole, **found})  # type: ignore[arg-type]


def _of_trace(
    scenario: Scenario, question: Question, chosen: Sequence[Priced], shown: tuple[Reference, ...], histogram: Histogram
) -> Answer:
    traced, per_request = trace_estimate(histogram, works(chosen, scenario, scenario.regime))
    mean_wh = traced.models[-1].wh_per_request
    scaled = None
    if question.fleet:
        day = fleet.Day(mean_wh=mean_wh, drawn_wh=per_request)
        scaled = fleet.fleet_estimate(scenario, {"lengths of the trace": day}, {}, traced.interval)
    notes = (*_trace_notes(traced), *(f"{one.name}: {'; '.join((one.basis, *one.notes))}" for one in chosen))
    return _answer(
        scenario,
        chosen,
        trace=traced,
        fleet=scaled,
        footprint=footprint(scenario, mean_wh),
        references=shown,
        notes=notes,
    )


def _trace_notes(traced: TraceEstimate) -> tuple[str, ...]:
    if not traced.empty_answers:
        return ()
    return (f"{traced.empty_answers:,} requests have answers of no tokens; by the released method they take no energy",)


def _beside(scenario: Scenario, runner: Runner) -> Beside:
    found = drawn(priced(scenario), scenario, scenario.regime, runner)
    return Beside(method=scenario.method, models=found.dearest, wh=quantiles(blended(found.of_dearest)))


def _fleet(scenario: Scenario, chosen: Sequence[Priced], found: Draws, runner: Runner) -> FleetEstimate:
    regimes: tuple[Regime, ...] = ("agentic",) if scenario.regime == "agentic" else ("traditional", "test-time")
    plain: dict[str, fleet.Day] = {}
    improved: dict[str, fleet.Day] = {}
    for regime in regimes:
        here = found if regime == scenario.regime else drawn(chosen, scenario, regime, runner)
        if isinstance(chosen[0].cost, Released):
            plain[regime] = fleet.released_day(scenario, here.of_dearest, regime)
            improved[regime] = fleet.released_day(scenario, here.of_dearest, regime, improved=True)
        else:
            of_dearest = [work for work in works(chosen, scenario, regime) if work.model in here.dearest]
            plain[regime] = fleet.refined_day(scenario, of_dearest, regime)
            improved[regime] = fleet.refined_day(scenario, of_dearest, regime, improved=True)
    interval = fleet.told_interval(scenario, [model.cost for model in chosen])
    return fleet.fleet_estimate(scenario, plain, improved, interval)


def _scatter(scenario: Scenario, models: Sequence[Priced]) -> Scatter | None:
    """Of our own results where they are what is asked, else of the published table; None where a predictor answers."""
    if any(isinstance(model.cost, Predicted) for model in models):
        return None
    linear = [model.cost.scatter for model in models if isinstance(model.cost, Linear)]
    if linear:
        known = [one for one in linear if one is not None]
        return max(known, key=lambda one: one.deviation) if known else None
    return scatter_of(scenario)


def _which_model(found: Draws) -> tuple[Swing, ...]:
    """From the cheapest of the dearest models to the dearest, each alone."""
    if len(found.dearest) < 2:
        return ()
    medians = [at(wh, 0.5) for wh in found.of_dearest]
    ends = (found.dearest[-1], found.dearest[0])
    return (Swing(assumption="which model", low=ends[0], high=ends[1], low_wh=medians[-1], high_wh=medians[0]),)


def _median(models: Sequence[Priced], own: bool) -> sensitivity.Median:
    def median(end: sensitivity.End) -> float:
        scenario = end.scenario
        again = slowed(models if own else priced(scenario), end.speed)
        if end.predictor_error is not None:
            again = erring(again, end.predictor_error)
        found = drawn(again, scenario, scenario.regime)
        return float(np.median(blended(found.of_dearest)))

    return median
