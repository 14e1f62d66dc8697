"""Pictures of an evaluation: predicted against measured, error by family, importance, partial dependence."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.errors import ConfigurationError
from reports.console import write_text
from reports.predict.constants import JOULES_PER_WH, PRIORS, Constants
from reports.predict.evaluation import COLUMN_NAMES, Evaluation, Row
from reports.predict.features import table_v
from reports.predict.fitting import fit
from reports.predict.learners import fitted
from reports.predict.observations import Observation
from reports.predict.physics import Work, cost

WIDTH, HEIGHT = 460, 320
MOST_FEATURES = 12
NAMED = 0.2
"""Error from which a point has its name beside it."""

Bar = tuple[str, float]
"""Name and value."""


def draw(
    found: Evaluation, observations: Sequence[Observation], folder: Path, say: Callable[[str], None]
) -> list[Path]:
    """Write every picture as PNG and SVG into `folder`.

    Raises:
        ConfigurationError: The folder cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--plot {folder} cannot be made: {error.strerror}; name a folder") from error
    constants = fit(observations)
    charts: dict[str, Callable[[], Any]] = {
        "predicted-against-measured": lambda: _against(found),
        "error-by-family": lambda: _families(found),
        "importance-of-constants": lambda: _constants(observations, constants),
        "importance-in-forest": lambda: _forest(observations),
        "partial-dependence": lambda: _dependence(observations, constants),
    }
    written = []
    for name, make in charts.items():
        say(f"drawing {name}")
        chart = make()
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            write_text(path, _content(chart, kind), option="--plot")
            written.append(path)
    return written


def _content(chart: Any, kind: str) -> bytes:
    if kind == "png":
        paper = io.BytesIO()
        chart.save(paper, format="png", scale_factor=2)
        return paper.getvalue()
    text = io.StringIO()
    chart.save(text, format=kind)
    return text.getvalue().encode()


def _against(found: Evaluation) -> Any:
    """Every left-out model on a square of logarithms, with the line where both agree."""
    import altair
    import polars as pl

    rows = [
        {"measured": one.measured_wh, "predicted": one.predicted_wh, "board": one.gpu, "model": one.model}
        for one in found.unseen
    ]
    values = [value for one in found.unseen for value in (one.measured_wh, one.predicted_wh)]
    ends = [min(values) * 0.7, max(values) * 1.4]
    scale = altair.Scale(type="log", domain=ends, nice=False)
    points = (
        altair.Chart(pl.DataFrame(rows))
        .mark_circle(size=70, opacity=0.85)
        .encode(
            x=altair.X("measured:Q", scale=scale, title="measured, Wh per request"),
            y=altair.Y("predicted:Q", scale=scale, title="predicted with the model left out, Wh"),
            color=altair.Color("board:N", title="board"),
        )
    )
    line = pl.DataFrame({"measured": ends, "predicted": ends})
    names = (
        altair.Chart(pl.DataFrame([row for row, one in zip(rows, found.unseen, strict=True) if _off(one) > NAMED]))
        .mark_text(align="left", dx=7, fontSize=10)
        .encode(x=altair.X("measured:Q", scale=scale), y=altair.Y("predicted:Q", scale=scale), text="model:N")
    )
    even = altair.Chart(line).mark_line(color="gray").encode(x="measured:Q", y="predicted:Q")
    title = "Predicted against measured; names are those more than 20 % off"
    return (even + points + names).properties(title=title, width=WIDTH, height=WIDTH)


def _off(one: Row) -> float:
    return abs(one.predicted_wh / one.measured_wh - 1)


def _families(found: Evaluation) -> Any:
    """Error of each left-out model by family of architecture."""
    import altair
    import polars as pl

    rows = [
        {
            "family": one.family,
            "model": one.model,
            "error": 100 * (one.predicted_wh / one.measured_wh - 1),
            "board": one.gpu,
        }
        for one in found.unseen
    ]
    points = (
        altair.Chart(pl.DataFrame(rows))
        .mark_circle(size=80, opacity=0.85)
        .encode(
            x=altair.X("error:Q", title="predicted minus measured, % of measured"),
            y=altair.Y("family:N", title=None, axis=altair.Axis(labelLimit=200)),
            color=altair.Color("board:N", title="board"),
        )
    )
    zero = altair.Chart(pl.DataFrame({"error": [0.0]})).mark_rule(color="gray").encode(x="error:Q")
    return (zero + points).properties(title="Error by family, each model left out in turn", width=WIDTH, height=HEIGHT)


def _constants(observations: Sequence[Observation], constants: Constants) -> Any:
    """How much each constant moves the predictions: mean change when it grows by 10 %."""
    rows: list[Bar] = []
    for name, prior in PRIORS.items():
        moved = msgspec.structs.replace(constants, **{name: 1.1 * getattr(constants, name)})
        change = [one.cost(moved).joules / one.cost(constants).joules - 1 for one in observations]
        rows.append((f"{name} ({prior.unit})", 100 * math.fsum(map(abs, change)) / len(change)))
    return _bars(rows, "Which constant matters: change of the prediction when it grows by 10 %", "mean change, %")


def _forest(observations: Sequence[Observation]) -> Any:
    """What the random forest looks at, on the rows of the first kind."""
    column = next(name for name in COLUMN_NAMES if any(one.column == name for one in observations))
    rows = [one for one in observations if one.column == column]
    model = fitted("random forest", rows)
    names = list(table_v(rows[0]))
    bars: list[Bar] = [
        (name, 100 * float(value)) for name, value in zip(names, model.feature_importances_, strict=True) if value > 0
    ]
    best = sorted(bars, key=lambda bar: -bar[1])[:MOST_FEATURES]
    return _bars(best, f"What the random forest looks at ({COLUMN_NAMES[column]})", "importance, %")


def _bars(bars: Sequence[Bar], title: str, axis: str) -> Any:
    import altair
    import polars as pl

    return (
        altair.Chart(pl.DataFrame([{"name": name, "value": value} for name, value in bars]))
        .mark_bar()
        .encode(
            x=altair.X("value:Q", title=axis),
            y=altair.Y("name:N", sort="-x", title=None, axis=altair.Axis(labelLimit=260)),
        )
        .properties(title=title, width=WIDTH, height=HEIGHT)
    )


def _dependence(observations: Sequence[Observation], constants: Constants) -> Any:
    """Predicted energy of one row's deployment while one input moves: the median row of those on one board."""
    import altair
    import polars as pl

    alone = [one for one in observations if one.work.boards == 1] or list(observations)
    middle = sorted(alone, key=lambda one: one.shape.parameters)[len(alone) // 2]
    base = Work(input_tokens=300, output_tokens=300, boards=middle.work.boards, weight_bytes=middle.work.weight_bytes)
    sweeps: dict[str, Callable[[float], Work]] = {
        "batch": lambda value: msgspec.structs.replace(base, batch=value),
        "input tokens": lambda value: msgspec.structs.replace(base, input_tokens=value),
        "output tokens": lambda value: msgspec.structs.replace(base, output_tokens=value),
    }
    charts = []
    for name, work in sweeps.items():
        values = [2.0**power for power in range(0 if name == "batch" else 4, 9 if name == "batch" else 13)]
        rows = [
            {name: value, "Wh": cost(middle.shape, middle.machine, work(value), constants).joules / JOULES_PER_WH}
            for value in values
        ]
        charts.append(
            altair.Chart(pl.DataFrame(rows))
            .mark_line(point=True)
            .encode(
                x=altair.X(f"{name}:Q", scale=altair.Scale(type="log", base=2), title=name),
                y=altair.Y("Wh:Q", scale=altair.Scale(type="log"), title="Wh per request"),
            )
            .properties(width=260, height=260)
        )
    return altair.hconcat(*charts).properties(
        title=f"Predicted energy of {middle.model} on {middle.gpu}, one input moved (else batch 1, 300 in, 300 out)"
    )
