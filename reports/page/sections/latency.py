"""Energy against latency: which cases are such that no other is both cheaper and faster."""

from __future__ import annotations

from collections.abc import Sequence

from reports.page import draw
from reports.page.cases import PER_TOKEN, Case, framework, told_apart
from reports.page.figure import Cell, Column, Figure, Section, mean_columns, shortened_rows

CHOICE = (
    *("engine", "execution", "engine_options", "decoding", "speculation", "batch_size"),
    *("tensor_parallel", "pipeline_parallel", "data_parallel", "arrivals"),
)
"""What may be chosen for the same work; the rest of a Scenario is the work."""

MOST_DOTS = 1_500
MOST_FRONTS = 6
LATENCY = "tpot"


def section(cases: Sequence[Case]) -> Section | None:
    """The picture with the front of each kind of work; None where fewer than two cases know both."""
    known = [case for case in cases if PER_TOKEN in case.means and LATENCY in case.means]
    groups: dict[str, list[Case]] = {}
    for case in known:
        groups.setdefault(case.without((*CHOICE, "seed"), question=False), []).append(case)
    groups = {key: members for key, members in groups.items() if len(members) > 1}
    if not groups:
        return None
    ranked = sorted(groups.values(), key=len, reverse=True)
    scenarios = [scenario for members in ranked if (scenario := members[0].scenario) is not None]
    labels = told_apart(scenarios, ("model", "lengths", "format"))
    rows: list[dict[str, Cell]] = []
    for label, members in zip(labels, ranked, strict=True):
        best = {id(case) for case in front(members)}
        rows += [_row(case, label, id(case) in best) for case in members]
    shown, notes = shortened_rows(sorted(rows, key=lambda row: not row["front"]), MOST_DOTS, "Fronts first")
    works = list(dict.fromkeys(str(row["work"]) for row in rows))
    lines = sorted(
        (row for row in shown if row["front"] and row["work"] in works[:MOST_FRONTS]),
        key=lambda row: _number(row[LATENCY]),
    )
    if len(works) > MOST_FRONTS:
        notes = (*notes, f"front lines of the {MOST_FRONTS} kinds of work with the most cases; the table marks all")
    best_rows = [row for row in rows if row["front"]]
    said = (
        f"Of {len(rows)} cases, {len(best_rows)} are on the front of their kind of work: no other case takes both less energy "
        "and less time per token.",
    )
    figure = Figure(
        name="pareto",
        title="Energy and time per output token, lower left is better",
        what="Joules per output token against seconds per output token; lines join the cases of the Pareto front.",
        columns=(
            Column(key="case", title="case"),
            Column(key="source", title="run"),
            Column(key="work", title="work"),
            Column(key="framework", title="framework", shown=False),
            Column(key="front", title="on the front"),
            Column(key=LATENCY, title="time per output token", unit="s"),
            Column(key="ttft", title="time to first token", unit="s"),
            *mean_columns("energy per output token", "J/token"),
        ),
        rows=rows,
        spec=_spec(shown, works),
        datasets={"drawn": shown, "front": lines},
        notes=notes,
    )
    return Section(name="latency", title="Energy against latency", said=said, figures=(figure,))


def front(cases: Sequence[Case]) -> list[Case]:
    """The cases than which no other takes both less energy and less time, and one of them truly less; fastest first."""
    best: list[Case] = []
    least = float("inf")
    ordered = sorted(cases, key=lambda case: (case.means[LATENCY].center, case.means[PER_TOKEN].center))
    for case in ordered:
        if case.means[PER_TOKEN].center < least:
            least = case.means[PER_TOKEN].center
            best.append(case)
    return best


def _row(case: Case, work: str, on_front: bool) -> dict[str, Cell]:
    return {
        "case": case.name,
        "source": case.source.label,
        "work": work,
        "framework": "" if case.scenario is None else framework(case.scenario),
        "front": on_front,
        LATENCY: case.center(LATENCY),
        "ttft": case.center("ttft"),
        **case.figure(PER_TOKEN),
    }


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, float) else 0.0


def _spec(rows: Sequence[dict[str, Cell]] | Sequence[object], works: Sequence[str]) -> dict[str, object]:
    known = [row for row in rows if isinstance(row, dict)]
    several = len({row["source"] for row in known}) > 1
    colour = "source" if several else "framework"
    x = draw.axis(LATENCY, "time per output token", "s", [_number(row[LATENCY]) for row in known])
    y = draw.axis("mean", "energy per output token", "J/token", [_number(row["mean"]) for row in known])
    where = {"x": x, "y": y}
    names = list(dict.fromkeys(str(row[colour]) for row in known))
    kinds = draw.kinds(colour, names)
    dots = {**where, "color": kinds, "shape": draw.shapes(colour, kinds), "opacity": _lit()}
    work = {"field": "work", "type": "nominal"}
    return draw.layers(
        draw.mark(
            "line", {**where, "detail": work}, dataset="front", color=draw.FAINT, strokeWidth=1, strokeDash=[4, 3]
        ),
        draw.mark("point", dots, dataset="drawn", filled=True, size=55, tooltip=draw.TIP),
        height=380,
    )


def _lit() -> dict[str, object]:
    """Cases on the front stand out."""
    return {"condition": {"test": "datum.front", "value": 1}, "value": 0.45}
