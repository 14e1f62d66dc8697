"""What an estimate rests on, in words: every assumption that played a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.estimate.boundary import ACCELERATOR_SHARE, IDLE_FACTOR
from reports.estimate.reading import chosen_models
from reports.estimate.scenario import Node, Scenario, Spread
from reports.estimate.unknowns import by_power, with_pue
from reports.estimate.ways import PREDICTED, PUBLISHED, Priced


def told_assumptions(scenario: Scenario, models: Sequence[Priced]) -> Mapping[str, str]:
    """By name, for the foot of a table."""
    powered = any(by_power(model.cost) for model in models)
    told = {"lengths": _lengths(scenario)}
    if powered:
        told["power of the node"] = _power(scenario, models)
        told["utilisation"] = _utilisation(scenario)
    if scenario.boundary != "gpu_only" and any(model.cost.meets == "boards" for model in models):
        told["host"] = _host(scenario)
    if with_pue(scenario):
        told["PUE"] = _range(Spread(p5=scenario.pue.p5, p95=scenario.pue.p95)) + _cut(scenario, "below 1")
    told["throughput" if powered else "joules per request"] = _throughput(scenario, models)
    return told


def _lengths(scenario: Scenario) -> str:
    if scenario.traces:
        return "of the trace's rows"
    if scenario.regime == "agentic":
        plan = scenario.agentic
        cached = f", {plan.cached_share:.0%} of the earlier context cached" if scenario.method == "refined" else ""
        return (
            f"{plan.turns} turns, first prompt {plan.input}, {plan.growth:g} tokens more each turn, "
            f"answers exponential with median {plan.output:g}{cached}"
        )
    tokens = scenario.tokens
    median = tokens.traditional if scenario.regime == "traditional" else tokens.test_time
    divisor = f"; prompt counts as 1/{tokens.input_divisor:g} of an answer" if tokens.input_divisor else ""
    return f"prompt {tokens.input}, answer exponential with median {median:g} tokens{divisor}"


def _power(scenario: Scenario, models: Sequence[Priced]) -> str:
    node = scenario.node
    own = [f"{node.models[model.name]:g} kW for {model.name}" for model in models if model.name in node.models]
    return "; ".join([f"at most {node.power_kw:g} kW", *own])


def _host(scenario: Scenario) -> str:
    """How what no board's meter sees was added to the boards' joules."""
    share = scenario.node.gpu_share
    of = "a DGX H100 node of 10.2 kW" if share == Node().gpu_share else "the node"
    whole = f"not metered: the boards' joules are taken as {share:.3f} of {of} (node.gpu_share)"
    more = {
        "active_accelerator": f", and {ACCELERATOR_SHARE:.2f} of that counted, accelerators with trays and links",
        "full_stack": f", and idle machines added as × {IDLE_FACTOR:.2f}",
    }
    return whole + more.get(scenario.boundary, "")


def _utilisation(scenario: Scenario) -> str:
    used = scenario.utilisation
    if used.follows_throughput:
        return "0.24 + 0.56 × throughput over its maximum"
    return _range(Spread(p5=used.p5, p95=used.p95)) + _cut(scenario, "above 1")


def _range(spread: Spread) -> str:
    if spread.p5 == spread.p95:
        return f"{spread.p5:g}"
    return f"lognormal, P5 {spread.p5:g} to P95 {spread.p95:g}"


def _cut(scenario: Scenario, side: str) -> str:
    return f", nothing {side}" if scenario.method == "refined" else ", not clipped"


def _throughput(scenario: Scenario, models: Sequence[Priced]) -> str:
    if models[0].origin == PREDICTED:
        return (
            "predicted, prefill for the tokens to compute and decode over the whole context; the predictor's error is "
            "drawn with each query here and once for all queries of a fleet or a trace"
        )
    if any(model.origin != PUBLISHED for model in models):
        return f"of {models[0].origin}"
    known = [row for model in chosen_models(scenario) for row in model.rows]
    prompts, answers = ([getattr(row, name) for row in known] for name in ("input_tokens", "output_tokens"))
    whose = "published rows" + (" and the scenario's own" if scenario.served else "")
    return (
        f"{whose} of whole nodes, FP8 (Oviedo et al., Joule, 2026), for prompts of {min(prompts):,.0f} to {max(prompts):,.0f} "
        f"and answers of {min(answers):,.0f} to {max(answers):,.0f} tokens; extrapolated beyond"
    )
