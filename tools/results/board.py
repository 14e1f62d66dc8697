"""The board, the stack, and what the meter is worth: doctor's figures, and repeats of the same work by window length."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Environment, Result
from energy_fixtures.units import quantity
from reports.boards import lookup
from reports.render.doctor import examination_report
from tools.results.evidence import Evidence
from tools.results.writing import Page, percent

REQUEST = METRICS["joules_per_request"]
WINDOW = "window-"
FEWEST = 3
"""Repeats below which their spread says nothing."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The same work in windows of one length: seconds, repeats, one standard deviation and the meter's own, as shares."""

    window_s: float
    repeats: int
    spread: float
    claimed: float | None


def stack(page: Page, evidence: Evidence, boards: Path | None) -> None:
    """What worked: boards, host, software, as the results' environments have it, and what makers say of the boards."""
    results, environments = evidence.everything
    page.heading("The board and the stack")
    if not environments:
        page.text("No result file names a machine.")
        return
    known = list(environments.values())
    facts = [
        (f"board {field.replace('_', ' ')}", board[field])
        for one in known
        for board in one.boards
        for field in board
        if field != "uuid"
    ]
    host = [(f"host {field.replace('_', ' ')}", value) for one in known for field, value in one.host.items()]
    packages = [item for one in known for item in one.packages.items()]
    engines = [
        (f"engine {field.replace('_', ' ')}", one.engine[field])
        for one in known
        for field in ("framework_version", "device", "dtype", "weights", "attention", "runner")
        if field in one.engine
    ]
    meter = [(f"meter {field.replace('_', ' ')}", value) for one in known for field, value in one.meter.items()]
    page.table(
        "As the results' environments say it", ("what", "is"), _facts([*facts, *host, *packages, *engines, *meter])
    )
    uuids = {board["uuid"] for one in known for board in one.boards if "uuid" in board}
    if len(uuids) > 1:
        page.text(
            f"The files are of {len(uuids)} different boards: what differs between files may be the boards' difference."
        )
    page.table("What the makers say of these boards", ("what", "is"), _facts(_data_sheets(known, boards)))
    idle = _idle(results)
    page.items(f"power at rest before the first engine was loaded, {domain}: {said}" for domain, said in idle.items())


def _facts(pairs: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """One row per name, its different values side by side."""
    found: dict[str, dict[str, None]] = {}
    for name, value in pairs:
        large = isinstance(value, int) and abs(value) >= 1e4
        found.setdefault(name, {})[f"{value:,}" if large else str(value)] = None
    return [(name, ", ".join(list(values)[:8])) for name, values in found.items()]


def _data_sheets(environments: Sequence[Environment], boards: Path | None) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(str(board.get("name", "")) for one in environments for board in one.boards):
        sheet = lookup(name, boards)
        if sheet is None:
            yield "board table", f"has no {name}; name a file with --boards"
            continue
        yield "board", sheet.name
        yield "TDP", quantity(sheet.tdp_w, "W")
        yield "at rest", "not published" if sheet.idle_w is None else quantity(sheet.idle_w, "W")
        yield "memory", f"{sheet.memory}, {quantity(sheet.bandwidth_bytes_s, 'B/s')}"
        for dtype, rate in sheet.dense_flop_s.items():
            yield f"dense {dtype}", quantity(rate, "FLOP/s")
        yield "source", sheet.source


def _idle(results: Sequence[Result]) -> Mapping[str, str]:
    watts: dict[str, list[float]] = {}
    for result in results:
        for domain, value in result.idle_w.items():
            watts.setdefault(domain, []).append(value)
    return {
        domain: f"{quantity(fmean(values), 'W')} ({quantity(min(values), 'W')} to {quantity(max(values), 'W')})"
        for domain, values in watts.items()
    }


def meter(page: Page, evidence: Evidence, picture: str | None) -> None:
    """Doctor's figures, then the error by window length with its picture."""
    page.heading("How it was measured")
    if evidence.examination is None:
        page.text("joules doctor was not run: run the stage doctor.")
    else:
        page.listing(examination_report(evidence.examination))
    spreads = spreads_of(evidence)
    if not spreads:
        page.text("Window length against error was not measured: run the stage window.")
        return
    page.text(
        "The same work again and again (A/A), in windows of several lengths. What repeats differ by is the meter's error and"
        " the board's own unrest together; what the meter claims is its own part."
    )
    page.table(
        "Spread of repeats by window length, one standard deviation",
        ("window", "repeats", "spread of joules", "the meter's claim"),
        [
            (
                quantity(one.window_s, "s"),
                str(one.repeats),
                percent(one.spread, 2).lstrip("+"),
                percent(one.claimed, 2).lstrip("+"),
            )
            for one in spreads
        ],
    )
    if picture is not None:
        page.picture(picture, "Spread of repeats by window length")


def spreads_of(evidence: Evidence) -> tuple[Spread, ...]:
    """One per case of the stage `window` with enough repeats, by length."""
    results = [one for name, run in evidence.runs.items() if name.startswith(WINDOW) for one in run.results]
    found = []
    for result in results:
        values = REQUEST.values(result)
        if len(values) < FEWEST:
            continue
        mean = fmean(values)
        errors = [trial.reading.relative_error(result.scope) for trial in result.valid_trials]
        known = [error for error in errors if error is not None]
        found.append(
            Spread(
                window_s=fmean(trial.reading.duration_s for trial in result.valid_trials),
                repeats=len(values),
                spread=math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) / mean,
                claimed=fmean(known) / 2 if known else None,
            )
        )
    return tuple(sorted(found, key=lambda one: one.window_s))


def drawn(spreads: Sequence[Spread], label: str | None) -> str:
    """The spread by window length as SVG; the label is its title."""
    import altair as alt

    rows = [{"s": one.window_s, "share": 100 * one.spread, "what": "spread of repeats"} for one in spreads]
    rows += [
        {"s": one.window_s, "share": 100 * one.claimed, "what": "the meter's claim"} for one in spreads if one.claimed
    ]
    chart = alt.Chart({"values": rows}, title=label or "The same work again, by window length", width=480, height=260)
    colour = alt.Color("what:N", title=None, scale=alt.Scale(range=["#d55e00", "#0072b2"]))
    drawing = chart.mark_line(point=True).encode(
        alt.X("s:Q", title="window, s", scale=alt.Scale(type="log")),
        alt.Y("share:Q", title="one standard deviation, % of the joules", scale=alt.Scale(type="log")),
        colour,
    )
    paper = io.StringIO()
    drawing.save(paper, format="svg")
    return paper.getvalue()


def boards_named(environments: Mapping[str, Environment]) -> str:
    """The boards' names, each once."""
    names = dict.fromkeys(str(board.get("name", "a board")) for one in environments.values() for board in one.boards)
    return ", ".join(names) or "no board"
