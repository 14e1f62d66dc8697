"""What moved against a baseline: the rows of a comparison, as `joules compare` finds them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.compare.rows import Figure as Side
from reports.compare.rows import Report, Row
from reports.page import draw
from reports.page.figure import Cell, Column, Figure, Rows, Section, shortened_rows
from reports.render.comparison_table import below, missing_line, sentences, short, title
from reports.render.explanation import bases

MOST_ROWS = 40
MOST_WHY = 20
SHOWN = {"better": "better", "worse": "worse", None: "no difference shown"}


def section(report: Report, *, number: int = 0) -> Section | None:
    """The comparison of two runs; None where nothing was compared.

    Args:
        report: Of two runs.
        number: Of the comparison, where there are several on the page.
    """
    if report.candidate is None:
        return None
    rows = [_row(row) for row in report.rows]
    moved = sorted((row for row in rows if row["change"] is not None), key=lambda row: -abs(_size(row["change"])))
    shown, notes = shortened_rows(moved, MOST_ROWS, "The largest changes first")
    told = [f"{one.verdict} {one.case}: {one.sentence}. Costs: {one.costs.sentence}." for one in report.explanations]
    more = len(told[MOST_WHY:]) + report.unexplained
    said = [report.sentence, *missing_line(report), *sentences(report), *told[:MOST_WHY]]
    said += [f"and {more} more that moved"] if more else []
    figure = Figure(
        name=f"changes-{number}" if number else "changes",
        title=f"Change of each case in {short(report.candidate)}, with its interval",
        what="Percent by which each case's figure moved against the baseline, with the interval of the change.",
        columns=(
            Column(key="case", title="case"),
            Column(key="metric", title="metric", shown=len({row["metric"] for row in rows}) > 1),
            Column(key="state", title="state"),
            Column(key="unit", title="unit", shown=False),
            Column(key="baseline", title="baseline", unit="@unit"),
            Column(key="candidate", title="candidate", unit="@unit"),
            Column(key="change", title="change", unit="%", ends=True),
            Column(key="low", title="low", unit="%", shown=False),
            Column(key="high", title="high", unit="%", shown=False),
            Column(key="shown", title="shown"),
            Column(key="verdict", title="verdict"),
            Column(key="why", title="why not compared, what differs"),
        ),
        rows=rows,
        spec=_spec(shown) if shown else None,
        datasets={"drawn": shown},
        notes=(*notes, *below(report), *bases(report.explanations)),
        folded=True,
    )
    name = f"changes-{number}" if number else "changes"
    return Section(name=name, title=f"What changed: {title(report)}", said=tuple(said), figures=(figure,))


def _row(row: Row) -> dict[str, Cell]:
    change = row.change
    return {
        "case": row.case,
        "metric": row.metric,
        "state": row.state,
        "unit": row.unit,
        "baseline": _mean(row.baseline),
        "candidate": _mean(row.candidate),
        "change": _less_one(None if change is None else change.ratio),
        "low": _less_one(None if change is None else change.low),
        "high": _less_one(None if change is None else change.high),
        "shown": SHOWN[row.shown] if change is not None else None,
        "verdict": row.verdict,
        "why": "; ".join((*row.differences, *row.notes)),
    }


def _mean(side: Side | None) -> float | None:
    return None if side is None else side.mean


def _less_one(ratio: float | None) -> float | None:
    return None if ratio is None else ratio - 1


def _size(change: Cell) -> float:
    """How far it moved, as a logarithm, so that a half and a double are alike."""
    return math.log1p(change) if isinstance(change, float) and change > -1 else 0.0


def _spec(rows: Rows) -> dict[str, object]:
    x = draw.axis("change", "change against the baseline", "%", [0.0])
    where = {"x": x, "y": draw.names("case", [str(row["case"]) for row in rows])}
    kinds: Sequence[str] = ("better", "worse", "no difference shown")
    colour = {
        **draw.kinds("shown", kinds),
        "scale": {"domain": list(kinds), "range": [draw.COLOURS[2], draw.COLOURS[1], draw.FAINT]},
    }
    ends = {**where, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour}
    zero = {"x": {"datum": 0, "type": "quantitative"}}
    dots = {**where, "color": colour, "shape": draw.shapes("shown", colour)}
    return draw.layers(
        draw.mark("rule", zero, color=draw.FAINT, strokeDash=[4, 3]),
        draw.mark("rule", ends, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", dots, dataset="drawn", filled=True, size=60, opacity=1, tooltip=draw.TIP),
        height={"step": 20},
    )
