"""Serving: what a token costs, how many answers are good and how late they come, by how requests arrive."""

from __future__ import annotations

import math
from collections.abc import Sequence

from energy_fixtures.metrics import METRICS
from energy_fixtures.serving.search import at_rate
from energy_fixtures.serving.slo import worded
from reports.page import draw
from reports.page.cases import PER_TOKEN, Case, told_apart
from reports.page.figure import Cell, Column, Figure, Rows, Section, mean_columns, shortened_rows
from reports.render.serving import LEVELS, arrivals_said, beside_offline, cheapest_rates, level_met

MOST_DOTS = 400

_FIGURES = (
    ("goodput", "good answers", "requests/s", True),
    ("ttft_p99", "TTFT p99", "s", True),
    ("tpot_p99", "TPOT p99", "s", True),
    ("e2el_p99", "E2EL p99", "s", True),
    ("steady_joules_per_output_token", "in the steady state", "J/token", True),
    ("joules_per_request", "per request", "J/request", True),
    ("steady_joules_per_request", "per request in the steady state", "J/request", False),
    ("joules_per_good_request", "per good answer", "J/request", False),
    ("request_throughput", "answers", "requests/s", False),
    ("offered_rate", "came", "requests/s", False),
    ("ttft", "TTFT", "s", False),
    ("tpot", "TPOT", "s", False),
    ("itl", "ITL", "s", False),
    ("itl_p99", "ITL p99", "s", False),
    ("e2el", "E2EL", "s", False),
    ("schedule_lag_p99", "sent late p99", "s", False),
)
"""Metric, what stands above it, its unit, and whether the table on the page has it."""


def section(cases: Sequence[Case]) -> Section | None:
    """Joules, answers and latencies of every case whose requests arrive; None where there is none."""
    served = [case for case in cases if case.scenario is not None and case.scenario.arrivals is not None]
    if not served:
        return None
    labels = _labels(served)
    rows = [_row(case, label) for case, label in zip(served, labels, strict=True)]
    figures = [_cases(rows)]
    rated = sorted((row for row in rows if row["rate"] is not None), key=lambda row: _number(row["rate"]))
    if len({row["rate"] for row in rated}) > 1:
        shown, notes = shortened_rows(rated, MOST_DOTS, "The lowest rates first")
        if any(row["pale"] for row in shown):
            notes = (*notes, "Pale dots do not meet the service level.")
        figures += [_energy(shown, notes), _answers(shown, notes)]
    return Section(name="serving", title="Serving", said=_said(cases, served), figures=tuple(figures))


def _said(cases: Sequence[Case], served: Sequence[Case]) -> tuple[str, ...]:
    """The service level, online beside offline and the cheapest rate, of each run and method by itself."""
    runs = list(dict.fromkeys((case.source, case.result.method) for case in served))
    levels = dict.fromkeys(worded(level) for case in served if (level := case.result.service_level) is not None)
    said = [f"Service level: {level}." for level in levels]
    for source, method in runs:
        results = [case.result for case in cases if case.source is source and case.result.method == method]
        where = f"{source.label}: " if len({one for one, _ in runs}) > 1 else ""
        said += [f"{where}{one}." for one in (*beside_offline(results, served[0].level), *cheapest_rates(results))]
    return tuple(said)


def _labels(cases: Sequence[Case]) -> list[str]:
    """What each case is called beside others that differ from it in more than their rate."""
    scenarios = [case.scenario for case in cases if case.scenario is not None]
    works = [one.key if _rate(one) is None else at_rate(one, 1.0).key for one in scenarios]
    first = dict(zip(works, scenarios, strict=True))
    words = {work: arrivals_said(scenario, rate=False) for work, scenario in first.items()}
    more = told_apart(list(first.values()), ("model", "framework", "decoding", "lengths", "batch", "boards", "format"))
    if len(set(words.values())) < len(words):
        words = {work: f"{words[work]} · {label}" for work, label in zip(first, more, strict=True)}
    return [words[work] for work in works]


def _rate(scenario: object) -> float | None:
    arrivals = getattr(scenario, "arrivals", None)
    return None if arrivals is None else arrivals.request_rate


def _row(case: Case, label: str) -> dict[str, Cell]:
    result = case.result
    met = level_met(result)
    runs = [run for trial in result.trials if trial.generation is not None for run in trial.generation.serving]
    figures = {name: _mean(METRICS[name].values(result)) for name, *_ in _FIGURES}
    answered = figures["goodput"] if figures["goodput"] is not None else figures["request_throughput"]
    return {
        "case": case.name,
        "source": case.source.label,
        "work": label,
        "arrivals": arrivals_said(case.scenario),
        "rate": _rate(case.scenario),
        **case.figure(PER_TOKEN),
        **figures,
        "answered": answered,
        "level": "" if met is None else LEVELS[met],
        "pale": met is False,
        "share": _mean(_shares(case)),
        "sent": sum(len(run.requests) for run in runs),
        "failed": sum(served.failure is not None for run in runs for served in run.requests),
    }


def _shares(case: Case) -> list[float]:
    """The steady state's part of each valid window's seconds; of a run without one nothing is known."""
    found = []
    for trial in case.result.valid_trials:
        runs = () if trial.generation is None else trial.generation.serving
        steady = [run.steady.duration_s for run in runs if run.steady is not None]
        whole_s = math.fsum(run.duration_s for run in runs)
        if len(steady) == len(runs) and whole_s > 0:
            found.append(math.fsum(steady) / whole_s)
    return found


def _cases(rows: Rows) -> Figure:
    """Every case's figures."""
    return Figure(
        name="serving",
        title="Cases whose requests arrive one by one",
        what="Joules, latencies, answers and the steady state's share of every case whose requests arrive.",
        columns=(
            Column(key="case", title="case"),
            Column(key="source", title="run"),
            Column(key="arrivals", title="arrivals"),
            Column(key="rate", title="rate asked for", unit="requests/s", shown=False),
            *mean_columns("energy per output token", "J/token"),
            Column(key="level", title="service level"),
            Column(key="failed", title="failed"),
            Column(key="share", title="steady state's share", unit="%"),
            *(Column(key=key, title=title, unit=unit, shown=seen) for key, title, unit, seen in _FIGURES),
            Column(key="sent", title="requests sent", shown=False),
        ),
        rows=rows,
    )


_ALONG = (
    Column(key="case", title="case"),
    Column(key="source", title="run"),
    Column(key="work", title="arrivals"),
    Column(key="rate", title="rate asked for", unit="requests/s"),
)


def _energy(rows: Rows, notes: tuple[str, ...]) -> Figure:
    """What a token costs along the rate."""
    drawn = [row for row in rows if row["mean"] is not None]
    return Figure(
        name="energy-by-rate",
        title="Energy per output token by the rate at which requests come",
        what="Joules per output token of the whole run against requests per second; a line joins cases that differ in it alone.",
        columns=(
            *_ALONG,
            *mean_columns("energy per output token", "J/token"),
            Column(key="joules_per_request", title="per request", unit="J/request"),
            Column(key="level", title="service level"),
        ),
        rows=rows,
        spec=_lines(drawn, "mean", "energy per output token", "J/token"),
        datasets={"drawn": drawn},
        notes=notes,
    )


def _answers(rows: Rows, notes: tuple[str, ...]) -> Figure:
    """Answers that came, good ones where there is a level, beside the rate that was asked for."""
    what = "Good answers" if any(row["goodput"] is not None for row in rows) else "Answers"
    drawn = [row for row in rows if row["answered"] is not None]
    rates = [_number(row["rate"]) for row in drawn]
    asked = [{"rate": end, "answered": end} for end in (min(rates), max(rates))] if drawn else []
    return Figure(
        name="goodput",
        title=f"{what} per second by the rate at which requests come",
        what=f"{what} per second against requests per second; the dashed line is the rate that was asked for.",
        columns=(
            *_ALONG,
            Column(key="offered_rate", title="came", unit="requests/s"),
            Column(key="request_throughput", title="answers", unit="requests/s"),
            Column(key="goodput", title="good answers", unit="requests/s"),
            Column(key="level", title="service level"),
        ),
        rows=rows,
        spec=_lines(drawn, "answered", f"{what.lower()} per second", "", asked=True),
        datasets={"drawn": drawn, "asked": asked},
        notes=notes,
    )


def _lines(rows: Rows, field: str, title: str, unit: str, *, asked: bool = False) -> dict[str, object] | None:
    """A line per kind of work along the rate, dots that miss the level pale; None without a dot."""
    if not rows:
        return None
    several = len({row["source"] for row in rows}) > 1
    along = "source" if several else "work"
    rates = [_number(row["rate"]) for row in rows]
    x = draw.axis("rate", "requests per second", "", rates)
    named = (field, "low", "high") if field == "mean" else (field,)
    values = [_number(row[name]) for row in rows for name in named if row[name] is not None]
    y = draw.axis(field, title, unit, values, zero=asked)
    colour = draw.kinds(along, [str(row[along]) for row in rows])
    where = {"x": x, "y": y, "color": colour}
    pale = {"condition": {"test": "datum.pale", "value": 0.4}, "value": 1}
    dots = {**where, "shape": draw.shapes(along, colour), "opacity": pale}
    layers = [
        draw.mark("line", {**where, "detail": {"field": "work", "type": "nominal"}}, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", dots, dataset="drawn", filled=True, size=60, tooltip=draw.TIP),
    ]
    if field == "mean":
        ends = {**where, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.insert(1, draw.mark("rule", ends, dataset="drawn", strokeWidth=1.5))
    if asked:
        line = draw.mark("line", {"x": x, "y": y}, dataset="asked", color=draw.FAINT, strokeWidth=1, strokeDash=[4, 3])
        layers.insert(0, line)
    return draw.layers(*layers, height=320)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
