"""An answer as headed tables and sentences of plain text: what the terminal and the page have in common."""

from __future__ import annotations

from dataclasses import dataclass

from energy_fixtures.units import quantity, significant
from reports.estimate.answer import Answer, FleetEstimate, Footprint, Quantiles, TraceEstimate
from reports.estimate.ways import PUBLISHED
from reports.explain.costs import grams

Cells = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table with its heading and what is said below it; without rows the sentences stand alone.

    The first `texts` columns hold text, the others figures.
    """

    heading: str
    columns: Cells
    rows: tuple[Cells, ...]
    sentences: tuple[str, ...] = ()
    texts: int = 1


def headline(answer: Answer) -> str:
    """What this is, in one line."""
    case = f"{answer.parameters} parameters of Oviedo et al., Joule, 2026"
    if answer.origin != PUBLISHED:
        pue = ["PUE"] if answer.boundary in ("facility", "full_stack") else []
        taken = " and ".join([*pue, *([] if answer.trace else ["lengths"])])
        case = f"{taken} as in the {case}" if taken else "nothing from published parameters"
    if answer.changed:
        case += f", but {', '.join(answer.changed)}"
    elif (answer.method, answer.regime, answer.boundary) == ("released", "traditional", "facility"):
        case = f"the base case, {case}"
    method = f"{answer.method} method"
    if (answer.origin, answer.method, answer.regime) == (PUBLISHED, "refined", "agentic"):
        method += " (the default for agentic queries, which outgrow the released method's rows)"
    kind = "" if answer.trace else f"{answer.regime} queries, "
    return f"{answer.what}: {method}, {case}, {kind}boundary {answer.boundary}"


def sections(answer: Answer) -> list[Section]:
    """Everything that the answer holds, in the order it is read."""
    found = [_queries(answer)] if answer.models else []
    if answer.trace is not None:
        found.append(_trace(answer.trace))
    if answer.levers:
        found.append(_levers(answer))
    if answer.fleet is not None:
        found.append(_fleet(answer.fleet))
    if answer.sensitivity:
        found.append(_sensitivity(answer))
    if answer.references:
        found.append(_references(answer))
    return [*found, _basis(answer)]


def _queries(answer: Answer) -> Section:
    rows = [
        (f"{'* ' if one.in_blend and len(answer.models) > 1 else ''}{one.model}", *_figures(one.wh))
        for one in answer.models
    ]
    said = []
    if answer.blend is not None and len(answer.models) > 1:
        rows.append((f"blend of the {len(answer.blend_of)} dearest (*)", *_figures(answer.blend)))
        said.append("blend: each cut to its P5 to P95 and again to P10 to P90, then put together")
    if answer.beside is not None:
        rows.append((f"the same blend, {answer.beside.method} method", *_figures(answer.beside.wh)))
    if answer.footprint is not None:
        said.append(_told(answer.footprint))
    return Section(
        heading=f"Wh per query, {answer.draws:,} draws per model, seed {answer.seed}",
        columns=("model", "P5", "P25", "median", "P75", "P95"),
        rows=tuple(rows),
        sentences=tuple(said),
    )


def _figures(wh: Quantiles) -> Cells:
    return tuple(significant(value) for value in (wh.p5, wh.p25, wh.p50, wh.p75, wh.p95))


def _told(print_of: Footprint) -> str:
    money = (
        ""
        if print_of.money_per_million is None
        else f", {significant(print_of.money_per_million)} {print_of.currency} per million".replace("  ", " ")
    )
    return (
        f"the median: {grams(print_of.gco2e)}, {significant(print_of.water_ml)} mL of water{money} ({print_of.basis})"
    )


def _levers(answer: Answer) -> Section:
    rows = tuple(
        (
            " × ".join(one.levers),
            f"{significant(one.divisor_median)} ({significant(one.divisor_p5)} to {significant(one.divisor_p95)})",
            *(significant(value) for value in (one.wh.p25, one.wh.p50, one.wh.p75)),
        )
        for one in answer.levers
    )
    return Section(
        heading="Wh per query of the blend with efficiency measures",
        columns=("lever", "divides by (P5 to P95)", "P25", "median", "P75"),
        rows=rows,
    )


def _fleet(fleet: FleetEstimate) -> Section:
    rows = [
        (
            one.name,
            f"{quantity(one.gwh_per_day * 1e9, 'Wh')}",
            f"{quantity(one.low_gwh * 1e9, 'Wh')} to {quantity(one.high_gwh * 1e9, 'Wh')}",
        )
        for one in fleet.cases
    ]
    rows += [
        (f"in {one.year} y, {one.queries_per_day:.3g} queries a day", quantity(one.gwh_per_day * 1e9, "Wh"), "")
        for one in fleet.years
    ]
    rows += [(f"for comparison: {name}", quantity(gwh * 1e9, "Wh"), "") for name, gwh in fleet.lines.items()]
    money = "" if fleet.money_per_day is None else f", {significant(fleet.money_per_day)} of money"
    main = fleet.cases[fleet.main]
    return Section(
        heading=f"Energy a day of {fleet.queries_per_day:,.0f} queries, fleet factor {fleet.factor:.4g}",
        columns=("fleet", "a day", "interval"),
        rows=tuple(rows),
        sentences=(
            f"interval: {fleet.interval}",
            f"{main.name}: {fleet.tco2e_per_day:,.0f} t CO2e, {fleet.water_m3_per_day:,.0f} m³ of water{money} a day",
        ),
    )


def _trace(trace: TraceEstimate) -> Section:
    rows = tuple(
        (
            one.model,
            quantity(one.total_wh, "Wh"),
            f"{quantity(one.low_wh, 'Wh')} to {quantity(one.high_wh, 'Wh')}",
            significant(one.wh_per_request),
        )
        for one in trace.models
    )
    said = (
        f"{trace.requests:,} requests, {trace.input_tokens:,} input and {trace.output_tokens:,} output tokens, "
        f"{trace.distinct_lengths:,} pairs of lengths, each computed; nothing is sampled or binned"
    )
    return Section(
        heading=f"All requests of {', '.join(trace.files)}",
        columns=("model", "all requests", "interval", "Wh per request"),
        rows=rows,
        sentences=(said, f"interval: {trace.interval}"),
    )


def _sensitivity(answer: Answer) -> Section:
    rows = tuple(
        (one.assumption, one.low, significant(one.low_wh), one.high, significant(one.high_wh), significant(one.width))
        for one in answer.sensitivity
    )
    return Section(
        heading="Which assumption moves the median of the blend, each alone, Wh",
        columns=("assumption", "from", "Wh", "to", "Wh", "width"),
        rows=rows,
    )


def _references(answer: Answer) -> Section:
    rows = tuple((one.name, significant(one.wh), one.source) for one in answer.references)
    return Section(
        heading=f"Measured elsewhere in the same boundary ({answer.boundary}), other models, lengths or boards",
        columns=("what", "Wh", "source"),
        rows=rows,
    )


def _basis(answer: Answer) -> Section:
    said = [f"{answer.boundary}: {answer.includes}"]
    said += [f"{name}: {value}" for name, value in answer.assumptions.items()]
    said += [f"{one.model}: {'; '.join((one.basis, *one.notes))}" for one in answer.models]
    said += answer.notes
    return Section(heading="What this rests on", columns=(), rows=(), sentences=tuple(said))
