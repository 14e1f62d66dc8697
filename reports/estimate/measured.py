"""Costs from our own result files: joules per request as they were metered, or throughput with a node's power.

cases that differ in lengths alone ─► one model; two lengths tell prefill from decode, or the phases do where they were
measured; one length alone gives joules per output token, and a doubt
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Literal

import msgspec
import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Result, Run, Scenario
from energy_fixtures.units import quantity
from reports.estimate import scenario as estimate
from reports.estimate.boundary import Meets
from reports.estimate.costs import Linear
from reports.estimate.throughput import Phases, Scatter, phases, pooled
from reports.estimate.ways import Priced, utilisation_of

Basis = Literal["joules", "throughput"]
"""What is taken from a result: its joules, or its tokens per second with the power of the scenario's node."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One case: mean tokens of its requests, and what one of them took, J or s, by trial."""

    inputs: float
    outputs: float
    costs: tuple[float, ...]
    prefill_j_per_token: float | None
    decode_j_per_token: float | None

    @property
    def cost(self) -> float:
        """Mean over the trials."""
        return fmean(self.costs)


def priced_results(runs: Sequence[Run], scenario: estimate.Scenario, basis: Basis) -> tuple[Priced, ...]:
    """Every model of these runs, in the order of its first case.

    Raises:
        ConfigurationError: No case with valid trials and tokens; measured beside modelled joules; boards beside whole
            machines; throughput without the power of what served.
    """
    groups: dict[str, list[Result]] = {}
    for result in (result for run in runs for result in run.results):
        if result.scenario is not None and result.valid_trials and METRICS["joules_per_output_token"].values(result):
            groups.setdefault(_group(result, result.scenario), []).append(result)
    results = [result for group in groups.values() for result in group]
    if not results:
        raise ConfigurationError(
            "these results hold no case with a scenario, valid trials and tokens; nothing to estimate from"
        )
    measured = {result.method in MEASURED for result in results}
    if len(measured) > 1:
        raise ConfigurationError("these results mix measured with modelled joules; name files of one kind")
    meets = {_meets(result) for result in results}
    if len(meets) > 1 and basis == "joules":
        raise ConfigurationError(
            "these results mix boundaries, boards in some cases and whole machines in others; name files of one kind"
        )
    if basis == "throughput" and scenario.node == estimate.Node():
        raise ConfigurationError("throughput of results needs the power of what served them: --set node.power_kw=...")
    labels = _labels(list(groups.values()))
    cells = {label: _cells(group, basis) for label, group in zip(labels, groups.values(), strict=True)}
    fits = {label: _fit(label, several) for label, several in cells.items()}
    scatter = pooled([fit for fit, told_apart in fits.values() if told_apart])
    origin = f"{'measured' if measured == {True} else results[0].method} results"
    return tuple(
        _priced(label, cells[label], *fits[label], scatter, scenario, basis, next(iter(meets)), origin)
        for label in labels
    )


def _group(result: Result, served: Scenario) -> str:
    same = msgspec.structs.replace(served, input_tokens=1, output_tokens=1, seed=0)
    return f"{same.key} {result.environment} {' '.join(result.scope)}"


def _meets(result: Result) -> Meets:
    return "boards" if all(domain.startswith("gpu") for domain in result.scope) else "machine"


def _labels(groups: Sequence[Sequence[Result]]) -> list[str]:
    """Model, engine and batch; the case's own name where that is not enough."""
    plain = []
    for group in groups:
        served = group[0].scenario
        assert served is not None  # they were chosen so
        plain.append(f"{served.model or 'model'}, {served.engine}, batch {served.batch_size}")
    labels = [
        label if plain.count(label) == 1 else f"{label}, {group[0].case}"
        for label, group in zip(plain, groups, strict=True)
    ]
    return [label if labels.count(label) == 1 else f"{label} ({number})" for number, label in enumerate(labels, 1)]


def _cells(group: Sequence[Result], basis: Basis) -> list[Cell]:
    return [_cell(result, basis) for result in group]


def _cell(result: Result, basis: Basis) -> Cell:
    per_request, inputs, outputs = [], [], []
    for trial in result.valid_trials:
        made = trial.generation
        joules = trial.reading.joules(result.scope)
        if made is None or not made.requests or not made.output_tokens or not joules:
            continue
        count = len(made.requests)
        inputs.append(made.input_tokens / count)
        outputs.append(made.output_tokens / count)
        per_request.append((joules if basis == "joules" else trial.reading.duration_s) / count)
    if not per_request:
        raise ConfigurationError(
            f"{result.case!r} has no valid trial with joules and tokens above 0; leave its file out"
        )
    prefill, decode = (
        METRICS[name].values(result) for name in ("prefill_joules_per_input_token", "decode_joules_per_output_token")
    )
    return Cell(
        inputs=fmean(inputs),
        outputs=fmean(outputs),
        costs=tuple(per_request),
        prefill_j_per_token=fmean(prefill) if prefill and basis == "joules" else None,
        decode_j_per_token=fmean(decode) if decode and basis == "joules" else None,
    )


def _fit(label: str, cells: Sequence[Cell]) -> tuple[Phases, bool]:
    """The constants, and whether lengths told prefill from decode."""
    if len(cells) >= 2:
        columns = np.array([(cell.inputs, cell.outputs, cell.cost) for cell in cells])
        try:
            return phases(label, columns[:, 0], columns[:, 1], columns[:, 2]), True
        except ConfigurationError:
            pass  # lengths of one shape only: as good as one
    cell = cells[0]
    independent = ((1.0, 0.0), (0.0, 1.0))
    if cell.prefill_j_per_token and cell.decode_j_per_token:
        constants = (cell.prefill_j_per_token, cell.decode_j_per_token)
    else:
        constants = (0.0, math.exp(fmean(math.log(one.cost / one.outputs) for one in cells)))
    fit = Phases(prefill=constants[0], decode=constants[1], root=independent, squares=0.0, freedom=0, rows=len(cells))
    return fit, False


def _priced(
    label: str,
    cells: Sequence[Cell],
    fit: Phases,
    told_apart: bool,
    scatter: Scatter | None,
    scenario: estimate.Scenario,
    basis: Basis,
    meets: Meets,
    origin: str,
) -> Priced:
    notes = []
    if not told_apart and fit.prefill == 0:
        notes.append("one shape of lengths only: its joules per output token are taken for every length")
    elif not told_apart:
        notes.append("prefill and decode from measured phases of one length")
    spread = scatter if told_apart else None
    if spread is None:
        spread = _between_trials(cells)
        notes.append("spread of its trials only" if spread else "no spread: one valid trial each")
    if basis == "joules" and meets == "machine":
        notes.append("processors and memory stand for the whole machine")
    cost = Linear(
        fit=fit,
        scatter=spread,
        power_kw=None if basis == "joules" else scenario.node.power_of(label),
        utilisation=None if basis == "joules" else utilisation_of(scenario),
        meets=meets if basis == "joules" else "node",
    )
    unit = "J" if basis == "joules" else "s"
    per_token = f"prefill {quantity(fit.prefill, unit)}, decode {quantity(fit.decode, unit)} per token"
    if fit.prefill == 0:
        per_token = f"{quantity(fit.decode, unit)} per output token, prompts in it"
    return Priced(
        name=label,
        cost=cost,
        basis=f"{len(cells)} case(s) of {_lengths(cells)}, {basis}: {per_token}",
        origin=origin,
        notes=tuple(notes),
    )


def _lengths(cells: Sequence[Cell]) -> str:
    inputs, outputs = [cell.inputs for cell in cells], [cell.outputs for cell in cells]
    return f"{min(inputs):.0f} to {max(inputs):.0f} + {min(outputs):.0f} to {max(outputs):.0f} tokens"


def _between_trials(cells: Sequence[Cell]) -> Scatter | None:
    """Of ln, pooled over the cases; None with one valid trial each."""
    logs = [[math.log(cost) for cost in cell.costs] for cell in cells]
    freedom = sum(len(one) - 1 for one in logs)
    if freedom == 0:
        return None
    squares = math.fsum(variance(one) * (len(one) - 1) for one in logs if len(one) > 1)
    return Scatter(deviation=math.sqrt(squares / freedom), freedom=freedom)
