"""Does guessing ahead pay, and up to which batch size?"""

from __future__ import annotations

from collections.abc import Sequence

from energy_fixtures.metrics import METRICS
from reports.break_even import PER_TOKEN, Point, sentence, series_of
from reports.page import draw
from reports.page.cases import Source
from reports.page.figure import Cell, Column, Figure, Section
from reports.render.speculation import labels_of

ACCEPTANCE = METRICS["acceptance_rate"]


def section(sources: Sequence[Source], level: float) -> Section | None:
    """The saving by batch size of every way of guessing ahead; None where nothing does."""
    rows: list[dict[str, Cell]] = []
    said = []
    for source in sources:
        found = series_of(source.results, level)
        for series, label in zip(found, labels_of(found), strict=True):
            where = f"{label} · {source.label}" if len(sources) > 1 else label
            said.append(f"{where}: {sentence(series.points)}.")
            rows += [_row(where, point) for point in series.points]
    if not rows:
        return None
    drawn = [row for row in rows if row["saving"] is not None]
    figure = Figure(
        name="break-even",
        title="Energy saved per token by guessing ahead",
        what="Part of the autoregressive joules per output token that is saved, by batch size; below zero it costs more.",
        columns=(
            Column(key="way", title="guessing ahead"),
            Column(key="batch", title="batch size"),
            Column(key="autoregressive", title="autoregressive", unit="J/token"),
            Column(key="speculative", title="speculative", unit="J/token"),
            Column(key="saving", title="saving", unit="%", ends=True),
            Column(key="low", title="low", unit="%", shown=False),
            Column(key="high", title="high", unit="%", shown=False),
            Column(key="acceptance", title="acceptance", unit="%"),
        ),
        rows=rows,
        spec=_spec(drawn) if drawn else None,
        datasets={"drawn": drawn} if drawn else {},
    )
    return Section(name="break-even", title="Where guessing ahead stops paying", said=tuple(said), figures=(figure,))


def _row(way: str, point: Point) -> dict[str, Cell]:
    against = point.against
    known = against is not None and against.low is not None and against.high is not None
    return {
        "way": way,
        "batch": point.batch_size,
        "autoregressive": None if point.autoregressive is None else _mean(PER_TOKEN.values(point.autoregressive)),
        "speculative": _mean(PER_TOKEN.values(point.speculative)),
        "saving": point.saving,
        "low": 1 - against.high if known and against is not None and against.high is not None else None,
        "high": 1 - against.low if known and against is not None and against.low is not None else None,
        "acceptance": _mean(ACCEPTANCE.values(point.speculative)),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _spec(rows: Sequence[dict[str, Cell]]) -> dict[str, object]:
    x = draw.sizes("batch", "batch size", [value for row in rows if isinstance(value := row["batch"], int)])
    y = draw.axis("saving", "energy saved", "%", [0.0])
    colour = draw.kinds("way", [str(row["way"]) for row in rows])
    where = {"x": x, "y": y, "color": colour}
    dots = {**where, "shape": draw.shapes("way", colour)}
    ends = {**where, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    zero = {"y": {"datum": 0, "type": "quantitative"}}
    return draw.layers(
        draw.mark("rule", zero, color=draw.FAINT, strokeDash=[4, 3]),
        draw.mark("line", where, dataset="drawn", strokeWidth=1.5),
        draw.mark("rule", ends, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", dots, dataset="drawn", filled=True, size=60, opacity=1, tooltip=draw.TIP),
    )
