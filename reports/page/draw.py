"""How pictures are drawn: as Vega-Lite in one style, in colours that the page chooses by its theme.

Colours are names of the page's own CSS properties, so that a theme is switched without drawing anew; `in_colours` puts plain
colours in their place for pictures that stand alone. Names from results stand in the rows alone, which Vega never reads as
expressions or fields. The specifications are plain dictionaries: Altair would take a second to check each anew; a test does.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from energy_fixtures.units import scale_of
from reports.page.figure import Cell, Rows
from reports.render.text import plain

COLOURS = tuple(f"var(--c{number})" for number in range(1, 9))
INK, FAINT, LINES, GROUND = "var(--ink)", "var(--faint)", "var(--lines)", "var(--ground)"
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right")

ON_WHITE = {
    "var(--c1)": "#0072b2",
    "var(--c2)": "#c04a00",
    "var(--c3)": "#1f7a33",
    "var(--c4)": "#a3307a",
    "var(--c5)": "#6a4fb0",
    "var(--c6)": "#806600",
    "var(--c7)": "#00787a",
    "var(--c8)": "#666666",
    "var(--ink)": "#1b1f24",
    "var(--faint)": "#57606a",
    "var(--lines)": "#d8dee4",
    "var(--ground)": "#ffffff",
}
"""Colours of the light theme, as in page.css; a test holds the two together."""

WIDTH = 640  # of a picture that stands alone
WIDE_SPREAD = 30.0  # from so many times the smallest value on an axis is logarithmic
ROW_GAP = 8  # between the rows of names, beside the lanes in them
MOST_POWERS = 3  # of ten, in which a logarithmic axis has more than one tick each
TIP = {"content": "data"}  # the page writes the tip from the row, as text


def axis(field: str, title: str, unit: str, values: Iterable[float | None], *, zero: bool = False) -> dict[str, Any]:
    """A quantitative channel whose labels have one SI prefix, logarithmic where values spread widely.

    Args:
        field: Of the rows.
        title: Of the axis; prefix and unit are put behind it.
        unit: SI unit; `%` for fractions that are shown as percent, empty for plain numbers.
        values: All that are drawn.
        zero: Whether the axis has to begin at zero.
    """
    known = sorted(value for value in values if value is not None and math.isfinite(value))
    middle = abs(known[len(known) // 2]) if known else 1.0
    factor, prefix = (0.01, "") if unit == "%" else scale_of(middle, unit)
    positive = bool(known) and known[0] > 0
    logarithmic = positive and not zero and known[-1] / known[0] > WIDE_SPREAD and unit != "%"
    said = f"{title}, {prefix}{unit}" if unit else title
    said += ", log" if logarithmic else ""
    ticks = {"values": _ticks(known[0], known[-1])} if logarithmic else {"tickCount": 5}
    return {
        "field": field,
        "type": "quantitative",
        "title": said,
        "scale": (
            {"type": "log", "nice": False, "padding": 12}
            if logarithmic
            else {"zero": zero, "nice": True, "padding": 0 if zero else 8}
        ),
        "axis": {"labelExpr": f"format(datum.value / {factor!r}, '~g')", "labelOverlap": "greedy", **ticks},
    }


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: 1, 2 and 5 of each power of ten, over many powers the powers alone."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= MOST_POWERS else (1,)
    ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    return [tick for tick in ticks if low / 2 <= tick <= 2 * high]


def sizes(field: str, title: str, values: Iterable[int]) -> dict[str, Any]:
    """A channel for sizes that double: logarithmic, with a tick at each value that occurs."""
    ticks = sorted(set(values))
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "base": 2, "nice": False, "padding": 16},
        "axis": {"values": ticks, "format": "~d", "labelOverlap": "greedy"},
    }


def kinds(field: str, order: Sequence[str]) -> dict[str, Any]:
    """A colour for each name, in the order of the rows, with a legend where there are several."""
    # the legend would take the faintness of the first layer, which is a thousand points
    legend: dict[str, Any] | None = {"symbolOpacity": 1} if len(set(order)) > 1 else None
    scale = {"domain": _domain(order), "range": list(COLOURS)}
    return {"field": field, "type": "nominal", "title": None, "scale": scale, "legend": legend}


def shapes(field: str, beside: dict[str, Any]) -> dict[str, Any]:
    """A shape for each name: in the legend of the colours `beside` it where these mean the same names, else in none."""
    legend = beside["legend"] if beside["field"] == field else None
    scale = (
        {"domain": beside["scale"]["domain"], "range": list(SHAPES)} if legend is not None else {"range": list(SHAPES)}
    )
    return {"field": field, "type": "nominal", "title": None, "scale": scale, "legend": legend}


def names(field: str, order: Sequence[str]) -> dict[str, Any]:
    """A row for each name, in this order."""
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": {"domain": _domain(order)},
        "axis": {"ticks": False, "domain": False},
    }


def lanes(field: str, order: Sequence[str]) -> dict[str, Any]:
    """Lanes inside the rows, one for each name, in this order."""
    return {"field": field, "type": "nominal", "scale": {"domain": _domain(order)}}


def _domain(order: Sequence[str]) -> list[str]:
    """Each name once, as the rows have it. A list of values, and no `sort`: that would become an expression with names in it."""
    return list(dict.fromkeys(plain(name) for name in order))


_AXIS = {
    "labelColor": FAINT,
    "labelLimit": 220,
    "titleColor": INK,
    "titleFontWeight": "normal",
    "labelFontSize": 12,
    "titleFontSize": 12,
    "gridColor": LINES,
    "domainColor": LINES,
    "tickColor": LINES,
}
_LEGEND = {
    "orient": "top",
    "columns": 2,
    "labelLimit": 260,
    "labelColor": INK,
    "titleColor": INK,
    "labelFontSize": 12,
    "titleFontSize": 12,
}
CONFIG: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "aria": False,  # the page names each picture and has its table
    "padding": 4,
    "axis": _AXIS,
    "legend": _LEGEND,
    "title": {"color": INK, "subtitleColor": FAINT},
    "view": {"stroke": None},
    "mark": {"color": COLOURS[0]},
    "rule": {"color": COLOURS[0]},
}
"""The style of all pictures."""


def layers(*parts: dict[str, Any], height: int | dict[str, Any] = 300) -> dict[str, Any]:
    """Layers, as wide as the page leaves room for, in the style of all pictures."""
    return {
        "data": {"name": "table"},
        "layer": list(parts),
        "width": "container",
        "height": height,
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
    }


def mark(kind: str, encoding: dict[str, Any], *, dataset: str | None = None, **looks: Any) -> dict[str, Any]:
    """One layer: a kind of mark, what it shows, how it looks."""
    layer: dict[str, Any] = {"mark": {"type": kind, **looks}, "encoding": encoding}
    return layer if dataset is None else {**layer, "data": {"name": dataset}}


def narrowed(spec: dict[str, Any], datasets: Mapping[str, Rows]) -> dict[str, Any]:
    """The same for a part of the rows: layers and legends of what occurs, the height of the rows there are.

    page.js does the same.
    """
    rows = datasets.get("drawn", datasets["table"])

    def occurring(field: str) -> dict[Cell, None]:
        return dict.fromkeys(row.get(field) for row in rows)

    found = copy.deepcopy(spec)
    found["layer"] = [one for one in found["layer"] if datasets[one["data"]["name"] if "data" in one else "table"]]
    for layer in found["layer"]:
        for channel in ("color", "shape", "y", "yOffset"):
            one = layer["encoding"].get(channel, {})
            if "field" in one and "domain" in one.get("scale", {}):
                kept = [name for name in one["scale"]["domain"] if name in occurring(one["field"])]
                one["scale"]["domain"] = kept
    if isinstance(found["height"], dict):
        encoding = next(layer["encoding"] for layer in found["layer"] if "field" in layer["encoding"].get("y", {}))
        lanes = len(occurring(encoding["yOffset"]["field"])) if "yOffset" in encoding else 1
        found["height"] = len(occurring(encoding["y"]["field"])) * (lanes * found["height"]["step"] + ROW_GAP)
    return found


def in_colours(spec: dict[str, Any]) -> dict[str, Any]:
    """The same in plain colours on white and of a fixed width."""
    text = json.dumps({**spec, "width": WIDTH, "background": ON_WHITE[GROUND]})
    for name, colour in ON_WHITE.items():
        text = text.replace(f'"{name}"', f'"{colour}"')
    found: dict[str, Any] = json.loads(text)
    return found
