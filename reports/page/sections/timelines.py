"""Power and temperature over time, window after window, with the windows and prefill marked.

Windows have no common clock in a result file: each begins at 0. They are laid one behind the other with a gap between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from energy_fixtures.records import Result, Trial
from reports.page import draw
from reports.page.cases import Case
from reports.page.figure import Cell, Column, Figure, Section

MOST_POINTS = 40_000
"""Samples on the whole page; each takes some 40 bytes."""

MOST_OF_WINDOW = 240
FEWEST_OF_WINDOW = 24
MOST_SPANS = 60  # prefill phases marked in one case
GAP_SHARE = 0.04  # of the longest window, between two

Row = dict[str, Cell]


@dataclass
class _Drawn:
    points: list[Row] = field(default_factory=list)
    windows: list[Row] = field(default_factory=list)
    prefill: list[Row] = field(default_factory=list)


def section(cases: Sequence[Case]) -> Section | None:
    """One picture with a choice of cases and boards; None where no meter saw a board over time."""
    found = [(case, domain) for case in cases for domain in _domains(case.result)]
    if not found:
        return None
    windows = sum(1 for case, domain in found for _ in _windows(case.result, domain))
    per_window = max(FEWEST_OF_WINDOW, min(MOST_OF_WINDOW, MOST_POINTS // max(1, windows)))
    drawn, left_out = _Drawn(), 0
    for case, domain in found:
        if len(drawn.points) >= MOST_POINTS:
            left_out += 1
        else:
            _lay(case, domain, f"{case.name} · {domain}", per_window, drawn)
    notes = ["Between two windows nothing is metered; their distance in the picture says nothing."]
    if drawn.prefill:
        notes.append("Shaded: prefill, until every request has its first token.")
    if left_out:
        notes.append(
            f"{left_out} of {len(found)} timelines are left out to keep the page small; the result file has all."
        )
    warm = any(row["c"] is not None for row in drawn.points)
    figure = Figure(
        name="timelines",
        title=f"Board power{' and temperature' if warm else ''} in the windows of one case",
        what="Watts of one board over the seconds of its metered windows"
        + (", and its temperature, dashed." if warm else "."),
        columns=(
            Column(key="of", title="case and board"),
            Column(key="window", title="window"),
            Column(key="since", title="seconds in the window", unit="s"),
            Column(key="s", title="seconds in the picture", unit="s", shown=False),
            Column(key="w", title="power", unit="W"),
            Column(key="c", title="temperature", unit="°C"),
            Column(key="counts", title="counts"),
        ),
        rows=drawn.points,
        spec=_spec(drawn, warm=warm),
        datasets={"windows": drawn.windows, "prefill": drawn.prefill},
        chooser="of",
        notes=tuple(notes),
    )
    return Section(name="timelines", title="Power and temperature over time", figures=(figure,))


def _domains(result: Result) -> list[str]:
    return list(dict.fromkeys(domain for trial in result.trials for domain in _told(trial)))


def _told(trial: Trial) -> Iterator[str]:
    return (domain for domain, trace in trial.reading.boards.items() if len(trace.timeline) > 1)


def _windows(result: Result, domain: str) -> Iterator[Trial]:
    return (trial for trial in result.trials if domain in set(_told(trial)))


def _lay(case: Case, domain: str, of: str, most: int, drawn: _Drawn) -> None:
    """Put the windows of one board behind each other."""
    trials = list(_windows(case.result, domain))
    gap_s = GAP_SHARE * max(trial.reading.duration_s for trial in trials)
    start_s, marked = 0.0, 0
    for trial in trials:
        name = f"window {trial.index + 1}"
        timeline = trial.reading.boards[domain].timeline
        stride = max(1, -(-len(timeline) // most))
        for at_s, power_w, celsius in timeline[::stride]:
            drawn.points.append(
                {
                    "of": of,
                    "window": name,
                    "since": round(at_s, 4),
                    "s": round(start_s + at_s, 4),
                    "w": round(power_w, 2),
                    "c": celsius,
                    "counts": trial.valid,
                }
            )
        end_s = start_s + trial.reading.duration_s
        drawn.windows.append(
            {"of": of, "window": name, "begin": round(start_s, 4), "end": round(end_s, 4), "counts": trial.valid}
        )
        for since_s, until_s in _prefill_s(trial)[: max(0, MOST_SPANS - marked)]:
            drawn.prefill.append({"of": of, "begin": round(start_s + since_s, 4), "end": round(start_s + until_s, 4)})
            marked += 1
        start_s = end_s + gap_s


def _prefill_s(trial: Trial) -> list[tuple[float, float]]:
    """Start and first token of every iteration that knows both."""
    spans = () if trial.generation is None else trial.generation.spans
    return [(span.start_s, span.first_token_s) for span in spans if span.first_token_s is not None]


def _spec(drawn: _Drawn, *, warm: bool) -> dict[str, object]:
    x = {
        "field": "s",
        "type": "quantitative",
        "title": "seconds of metered windows, one behind the other",
        "scale": {"nice": False, "zero": True},
        "axis": {"tickCount": 6, "labelOverlap": "greedy", "grid": False},
    }
    power = {
        "field": "w",
        "type": "quantitative",
        "title": "board power, W",
        "scale": {"zero": True},
        "axis": {"tickCount": 5},
    }
    span = {"x": {**x, "field": "begin"}, "x2": {"field": "end"}}
    each = {"field": "window", "type": "nominal"}
    counts = {"condition": {"test": "datum.counts", "value": draw.LINES}, "value": draw.COLOURS[1]}
    parts = [
        draw.mark("rect", {**span, "fill": counts}, dataset="windows", opacity=0.35),
        draw.mark("rect", span, dataset="prefill", opacity=0.3, fill=draw.COLOURS[5]),
        draw.mark(
            "line", {"x": x, "y": power, "detail": each}, strokeWidth=1.5, color=draw.COLOURS[0], tooltip=draw.TIP
        ),
    ]
    if warm:
        heat = {
            "field": "c",
            "type": "quantitative",
            "title": "temperature, °C (dashed)",
            "scale": {"zero": False},
            "axis": {"tickCount": 5, "grid": False, "titleColor": draw.COLOURS[1], "labelColor": draw.COLOURS[1]},
        }
        line = {"x": x, "y": heat, "detail": each}
        parts.append(draw.mark("line", line, strokeWidth=1.5, strokeDash=[5, 3], color=draw.COLOURS[1]))
    spec = draw.layers(*parts, height=280)
    return {**spec, "resolve": {"scale": {"y": "independent"}}} if warm else spec
