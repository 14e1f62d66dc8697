"""Figures of single cases: prefill and decode, the gap to the ideal, calls of plain functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energy_fixtures.phases import split
from energy_fixtures.readings import COVERAGE
from reports.ideal.gap import GAP, why_unknown
from reports.page import draw
from reports.page.cases import PER_CALL, PER_TOKEN, Case
from reports.page.figure import Cell, Column, Figure, Rows, Section, mean_columns, shortened_rows
from reports.render.phases import phases_said

MOST_ROWS = 40
"""Cases that are drawn in one picture, a row each."""


def phases(cases: Sequence[Case]) -> Section | None:
    """How energy is shared between prefill and decode, where both are known."""
    rows: list[dict[str, Cell]] = []
    bars: list[dict[str, Cell]] = []
    for case in cases:
        found = split(case.result)
        if found is None or found.whole_j <= 0:
            continue
        name = case.name
        rows.append(
            {
                "case": name,
                "source": case.source.label,
                "prefill": found.prefill_j,
                "prefill_error": None if found.prefill_u_j is None else COVERAGE * found.prefill_u_j,
                "decode": found.decode_j,
                "decode_error": None if found.decode_u_j is None else COVERAGE * found.decode_u_j,
                "share": found.prefill_j / found.whole_j,
                "per_input": case.center("prefill_joules_per_input_token"),
                "per_output": case.center("decode_joules_per_output_token"),
                "checked": "not checked"
                if found.adds_up is None
                else "adds up"
                if found.adds_up
                else "does not add up",
            }
        )
        whole = max(found.prefill_j, 0.0) + max(found.decode_j, 0.0)
        if len(rows) <= MOST_ROWS and whole > 0:
            bars += [
                {"case": name, "phase": phase, "share": max(part, 0.0) / whole, "order": order}
                for order, (phase, part) in enumerate((("prefill", found.prefill_j), ("decode", found.decode_j)))
            ]
    if not rows:
        return None
    _, notes = shortened_rows(rows, MOST_ROWS, "In run order")
    said = phases_said([case.result for case in cases])
    figure = Figure(
        name="phases",
        title="Prefill's and decode's share of the energy",
        what="For each case, which part of its joules was taken before the first token and which after it.",
        columns=(
            Column(key="case", title="case"),
            Column(key="source", title="run"),
            Column(key="prefill", title="prefill", unit="J"),
            Column(key="prefill_error", title="±", unit="J"),
            Column(key="decode", title="decode", unit="J"),
            Column(key="decode_error", title="±", unit="J"),
            Column(key="share", title="prefill's share", unit="%"),
            Column(key="per_input", title="prefill per input token", unit="J/token"),
            Column(key="per_output", title="decode per output token", unit="J/token"),
            Column(key="checked", title="check"),
        ),
        rows=rows,
        spec=_stacked([str(row["case"]) for row in rows[:MOST_ROWS]]),
        datasets={"drawn": bars},
        notes=notes,
    )
    told = () if said is None else (f"{said[0].upper()}{said[1:]}.",)
    return Section(name="phases", title="Prefill and decode", said=told, figures=(figure,))


def _stacked(names: Sequence[str]) -> dict[str, object]:
    x = {**draw.axis("share", "share of the energy", "%", [0.0], zero=True), "stack": "zero"}
    x["scale"] = {"domain": [0, 1]}
    colour = draw.kinds("phase", ["prefill", "decode"])
    order = {"field": "order", "type": "quantitative"}
    bars = {"x": x, "y": draw.names("case", names), "color": colour, "order": order}
    return draw.layers(
        draw.mark("bar", bars, dataset="drawn", height={"band": 0.7}, tooltip=draw.TIP), height={"step": 20}
    )


def gap(cases: Sequence[Case], boards: Path | None) -> Section | None:
    """How many times the floor of its boards each case takes; None where no case has a floor."""
    known = sorted((case for case in cases if GAP in case.means), key=lambda case: -case.means[GAP].center)
    if not known:
        return None
    rows = [{"case": case.name, "source": case.source.label, **case.figure(GAP)} for case in known]
    shown, notes = shortened_rows(rows, MOST_ROWS, "The largest first")
    unknown = [
        f"Unknown: {reason}."
        for source in {id(case.source): case.source for case in cases}.values()
        for reason in why_unknown(source.results, source.environments, boards)
    ]
    figure = Figure(
        name="gap",
        title="Measured joules over the floor of the board's data sheet",
        what="How many times the least possible joules each case takes; 1 is the modelled floor.",
        columns=(
            Column(key="case", title="case"),
            Column(key="source", title="run"),
            *mean_columns("gap to ideal", "×"),
        ),
        rows=rows,
        spec=_dots(shown, "times the modelled floor", ""),
        datasets={"drawn": shown},
        notes=(*notes, *dict.fromkeys(unknown)),
    )
    said = ("The floor is modelled from the data sheet, never measured: arithmetic, bytes moved and power at rest.",)
    return Section(name="gap", title="Gap to the ideal", said=said, figures=(figure,))


def calls(cases: Sequence[Case]) -> Section | None:
    """Energy of plain functions and of whole iterations, where there are no tokens."""
    known = [case for case in cases if PER_CALL in case.means and PER_TOKEN not in case.means]
    if not known:
        return None
    rows = [{"case": case.name, "source": case.source.label, **case.figure(PER_CALL)} for case in known]
    shown, notes = shortened_rows(rows, MOST_ROWS, "In run order")
    figure = Figure(
        name="calls",
        title="Energy per call",
        what="Joules of one call of each measured function, with the interval of the mean.",
        columns=(
            Column(key="case", title="case"),
            Column(key="source", title="run"),
            *mean_columns("energy per call", "J"),
        ),
        rows=rows,
        spec=_dots(shown, "energy per call", "J"),
        datasets={"drawn": shown},
        notes=notes,
    )
    return Section(name="calls", title="Energy per call", figures=(figure,))


def _dots(rows: Rows, title: str, unit: str) -> dict[str, object]:
    numbers = [value for row in rows for name in ("mean", "low", "high") if isinstance(value := row[name], float)]
    x = draw.axis("mean", title, unit, numbers)
    where = {"x": x, "y": draw.names("case", [str(row["case"]) for row in rows])}
    ends = {**where, "x": {**x, "field": "low"}, "x2": {"field": "high"}}
    return draw.layers(
        draw.mark("rule", ends, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", where, dataset="drawn", filled=True, size=60, opacity=1, tooltip=draw.TIP),
        height={"step": 20},
    )
