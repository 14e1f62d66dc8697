"""Series as pictures, one below the other: runs with their intervals, levels and drifts, steps with their commits.

points       a run's mean, its bar the interval by its own rounds; hollow where it stands out
thick line   the level, or the drift
red, green   a step for the worse or the better, at the first run after it, with its commit and size
dashed       the environment changed: driver, package, ...
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.units import scale_of, shortened
from reports.gate import percent_change
from reports.render.text import plain
from reports.series.answer import Answer, History, Moment, moment
from reports.series.examine import Examined
from reports.series.page import commit, label
from reports.statistics import quantile

FORMATS = (".png", ".svg", ".html")

MOST_PANELS = 24
"""Series in one picture; those in which something was found come first."""

MOST_POINTS = 1500
"""Runs drawn of a series, evenly spaced; those that stand out are always drawn."""

_WIDTH, _HEIGHT = 760, 190
_LANE, _MOST_LANES = 13, 4  # of labels above a panel
_LETTER, _LONGEST = 5.6, 60  # width of one, and most of them
_POINTS, _LEVEL, _FAINT, _WORSE, _BETTER = "#4c78a8", "#1b1f24", "#57606a", "#b0453a", "#1f7a33"
_Row = dict[str, Any]


def check(path: Path, output: Path | None = None) -> None:
    """Refuse a picture that could not be written in the end, before anything long is read.

    Raises:
        ConfigurationError: The file's name is of no known kind, or it is the file that the answer goes to.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"--plot {path} is no kind of picture; end the name in {', '.join(FORMATS)}")
    if output is not None and path.absolute() == output.absolute():
        raise ConfigurationError(f"--plot and -o both name {path}; name two files")


def draw(examined: Sequence[Examined], answer: Answer, path: Path) -> bytes:
    """The picture, in the format that the file's name says; an HTML page holds all that it needs."""
    chart = _chart(examined, answer)
    if path.suffix.lower() == ".html":
        page: str = chart.to_html(inline=True)
        return page.encode()
    if path.suffix.lower() == ".svg":
        text = io.StringIO()
        chart.save(text, format="svg")
        return text.getvalue().encode()
    image = io.BytesIO()
    chart.save(image, format="png", scale_factor=2)
    return image.getvalue()


def _chart(examined: Sequence[Examined], answer: Answer) -> Any:
    import altair as alt

    pairs = sorted(
        zip(examined, answer.histories, strict=True), key=lambda pair: not (pair[1].steps or pair[1].drifts)
    )[:MOST_PANELS]
    better = f", {answer.direction} is better" if answer.direction else ""
    left_out = len(examined) - len(pairs)
    subtitle = [
        "thick: levels and drifts; red and green: steps for the worse and the better, grey beside them: where they may lie; "
        "dashed: the environment changed",
        f"hollow: a run that stands out, not called a change; bars: {100 * answer.level:g} % interval of a run by its own rounds"
        + (f"; {left_out} more series are not drawn, --case NAME chooses" if left_out else ""),
    ]
    title = alt.Title(f"{answer.metric}{better}", subtitle=subtitle, anchor="start", offset=12)
    return (
        alt.vconcat(*(_panel(one, told, answer) for one, told in pairs), spacing=18)
        .properties(title=title, background="white")
        .configure_view(stroke="#d8dee4")
        .configure_axis(gridColor="#eef1f4", labelColor=_FAINT, titleColor=_FAINT)
    )


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """A series on its axes. `factor` divides values for the unit's prefix."""

    one: Examined
    told: History
    factor: float
    unit: str
    x: Any

    def y(self, field: str) -> Any:
        """The channel of values."""
        import altair as alt

        return alt.Y(f"{field}:Q", title=self.unit, scale=alt.Scale(zero=False, padding=8))


def _panel(one: Examined, told: History, answer: Answer) -> Any:
    import altair as alt

    factor, prefix = scale_of(told.newest.value, answer.unit)
    count = len(one.values)
    x = alt.X(
        "run:Q",
        title="run, oldest first",
        scale=alt.Scale(domain=[0.4, count + 0.6], nice=False),
        axis=alt.Axis(tickMinStep=1, grid=False, format=",d"),
    )
    unit = f"{prefix}{answer.unit}" if answer.unit != "1" else answer.metric
    panel = _Panel(one=one, told=told, factor=factor, unit=unit, x=x)
    steps, turns = _steps(panel), _turns(panel)
    rules = [
        *_bands(panel),
        *_rules(steps, panel, strokeWidth=4, opacity=0.6),
        *_rules(turns, panel, strokeDash=[4, 3]),
    ]
    texts, lanes = _labels([*steps, *turns], panel)
    layers = [*rules, *_runs(panel, answer.level), _levels(panel), *texts]
    first, last = (moment(one.series, index).started_at for index in (0, -1 % count))
    title = alt.Title(
        label(told),
        subtitle=f"{count:,} runs, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        anchor="start",
        fontSize=12,
        subtitleFontSize=10,
        subtitleColor=_FAINT,
        offset=6 + _LANE * lanes,
    )
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=title)


def _runs(panel: _Panel, level: float) -> Iterable[Any]:
    """Points and the bars of their intervals."""
    import altair as alt

    one, rows = panel.one, []
    far = set(one.found.standing_out)
    spread, rounds = one.series.rows["sd"].to_list(), one.series.rows["rounds"].to_list()
    for index in drawn(len(one.values), far):
        when = moment(one.series, index)
        row: _Row = {**_at(when), "value": one.values[index] / panel.factor, "far": index in far}
        if spread[index] is not None and rounds[index] > 1:
            reach = quantile(rounds[index] - 1, level) * spread[index] / np.sqrt(rounds[index])
            row |= {
                "low": (one.values[index] - reach) / panel.factor,
                "high": (one.values[index] + reach) / panel.factor,
            }
        rows.append(row)
    tip = [alt.Tooltip(f"{name}:N") for name in ("name", "commit", "date")] + [alt.Tooltip("value:Q", format=".4~g")]
    barred = [row for row in rows if "low" in row]
    if barred:
        yield (_data(barred).mark_rule(color=_POINTS, opacity=0.35).encode(panel.x, panel.y("low"), alt.Y2("high:Q")))
    near, hollow = [row for row in rows if not row["far"]], [row for row in rows if row["far"]]
    size = 28 if len(rows) <= 200 else 8
    yield (
        _data(near)
        .mark_point(filled=True, color=_POINTS, size=size, opacity=0.9)
        .encode(panel.x, panel.y("value"), tooltip=tip)
    )
    if hollow:
        yield (
            _data(hollow)
            .mark_point(color=_FAINT, size=70, strokeWidth=1.6)
            .encode(panel.x, panel.y("value"), tooltip=tip)
        )


def drawn(count: int, far: Collection[int]) -> list[int]:
    """Indices of the runs that are drawn: MOST_POINTS of them, evenly spaced, and all of `far`.

    >>> drawn(4, {2})
    [0, 1, 2, 3]
    """
    spaced = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(np.int64))
    return sorted({*(int(index) for index in spaced), *far})


def _at(when: Moment) -> _Row:
    """What the tip of a point says; names stand in rows alone, which Vega never reads as expressions."""
    return {
        "run": when.number,
        "name": plain(when.run),
        "commit": commit(when),
        "date": f"{when.started_at:%Y-%m-%d %H:%M}",
    }


def _levels(panel: _Panel) -> Any:
    import altair as alt

    rows = []
    for part in panel.one.found.stretches:
        ends = [panel.one.in_unit(end.value) / panel.factor for end in (part.first, part.last)]
        rows.append({"run": part.start + 0.6, "to": part.end + 0.4, "value": ends[0], "end": ends[1]})
    return (
        _data(rows)
        .mark_rule(color=_LEVEL, strokeWidth=2.5, opacity=0.85)
        .encode(panel.x, alt.X2("to:Q"), panel.y("value"), alt.Y2("end:Q"))
    )


def _steps(panel: _Panel) -> list[_Row]:
    """One row per step: where, what is written above, in which colour."""
    rows: list[_Row] = []
    for step in panel.told.steps:
        share = f" {percent_change(1 + step.size.share)}" if step.size.share is not None else ""
        tone = _FAINT if step.size.better is None else _BETTER if step.size.better else _WORSE
        rows.append(
            {"run": step.first_after.number - 0.5, "text": f"{commit(step.first_after)}{share}", "colour": tone}
        )
    return rows


def _bands(panel: _Panel) -> Iterable[Any]:
    """Where a step may lie as well."""
    import altair as alt

    rows = [
        {"run": step.earliest.number - 0.5, "to": step.latest.number - 0.5}
        for step in panel.told.steps
        if step.earliest.number < step.latest.number
    ]
    if rows:
        yield _data(rows).mark_rect(color=_FAINT, opacity=0.18).encode(panel.x, alt.X2("to:Q"))


def _turns(panel: _Panel) -> list[_Row]:
    """The same of changes of the environment."""
    return [
        {"run": turn.at.number - 0.5, "text": shortened(plain(", ".join(turn.differences)), _LONGEST), "colour": _FAINT}
        for turn in panel.told.environment
    ]


def _rules(rows: list[_Row], panel: _Panel, **style: Any) -> Iterable[Any]:
    import altair as alt

    if rows:
        yield _data(rows).mark_rule(**style).encode(panel.x, color=alt.Color("colour:N", scale=None))


def _labels(rows: Sequence[_Row], panel: _Panel) -> tuple[list[Any], int]:
    """Texts above the panel, in lanes so that none runs over another, and how many lanes; one that finds no lane is left out.

    In the right half a text stands before its place, so that it does not run over the edge.
    """
    import altair as alt

    count = len(panel.one.values)
    lanes: list[list[tuple[float, float]]] = []
    texts = []
    for row in rows:
        place = (row["run"] - 0.4) / count * _WIDTH
        right = place > _WIDTH / 2
        wide = _LETTER * len(row["text"])
        start, end = (place - wide, place) if right else (place, place + wide)
        lane = next((n for n, taken in enumerate(lanes) if all(end < a or b < start for a, b in taken)), len(lanes))
        if lane == _MOST_LANES:
            continue
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((start - _LETTER, end + _LETTER))
        texts.append(
            _data([row])
            .mark_text(align="right" if right else "left", fontSize=10)
            .encode(
                panel.x,
                y=alt.value(-_LANE * (lane + 0.6)),
                text=alt.Text("text:N"),
                color=alt.Color("colour:N", scale=None),
            )
        )
    return texts, len(lanes)


def _data(rows: list[Any]) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))
