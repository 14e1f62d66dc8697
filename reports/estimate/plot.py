"""An answer as a picture: what moves it, where that was asked, else the spread of each model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import Answer
from reports.render.text import plain

KINDS = (".html", ".png", ".svg", ".json")

_LEAST = 1e-6
"""Wh; an answer of no tokens takes none by the released method, and zero has no logarithm."""


def check_kind(path: Path) -> None:
    """Refuse a file whose kind cannot be drawn, before anything is computed.

    Raises:
        ConfigurationError: Its name ends otherwise than in one of KINDS.
    """
    if path.suffix.lower() not in KINDS:
        raise ConfigurationError(f"--plot {path.name} has to end in one of {', '.join(KINDS)}")


def picture(answer: Answer, path: Path) -> bytes:
    """The file's content by its kind: a page that holds everything, a picture, or the Vega-Lite specification.

    Raises:
        ConfigurationError: There is nothing to draw, or not in this kind.
    """
    check_kind(path)
    if not answer.models:
        raise ConfigurationError("--plot draws models or what moves them; a trace has totals only, leave --plot out")
    import io

    chart = _tornado(answer) if answer.sensitivity else _spreads(answer)
    kind = path.suffix.lower()[1:]
    if kind == "png":
        paper = io.BytesIO()
        chart.save(paper, format="png", scale_factor=2)
        return paper.getvalue()
    text = io.StringIO()
    chart.save(text, format=kind, **({"inline": True} if kind == "html" else {}))
    return text.getvalue().encode()


def _tornado(answer: Answer) -> Any:
    import altair
    import polars as pl

    assert answer.blend is not None  # with models there is a blend
    rows = [
        {
            "assumption": f"{plain(one.assumption)}: {plain(one.low)} to {plain(one.high)}",
            "low": min(one.low_wh, one.high_wh),
            "high": max(one.low_wh, one.high_wh),
        }
        for one in answer.sensitivity
    ]
    bars = (
        altair.Chart(pl.DataFrame(rows))
        .mark_bar()
        .encode(
            x=altair.X("low:Q", title=f"Wh per query, median of the blend ({answer.what})"),
            x2="high:Q",
            y=altair.Y(
                "assumption:N",
                sort=[str(row["assumption"]) for row in rows],
                title=None,
                axis=altair.Axis(labelLimit=400),
            ),
        )
    )
    middle = altair.Chart(pl.DataFrame({"wh": [answer.blend.p50]})).mark_rule(color="black").encode(x="wh:Q")
    return (bars + middle).properties(title="Which assumption moves the answer", width=480)


def _spreads(answer: Answer) -> Any:
    import altair
    import polars as pl

    named = [(plain(one.model), one.wh) for one in answer.models]
    if answer.blend is not None and len(named) > 1:
        named.append((f"blend of the {len(answer.blend_of)} dearest", answer.blend))
    rows = [
        {"model": name, "p5": max(wh.p5, _LEAST), "p25": wh.p25, "p50": wh.p50, "p75": wh.p75, "p95": wh.p95}
        for name, wh in named
    ]
    title = f"Wh per query: P5 to P95, box P25 to P75, {answer.regime}, {answer.boundary} ({answer.what})"
    y = altair.Y("model:N", sort=[name for name, _ in named], title=None, axis=altair.Axis(labelLimit=400))
    base = altair.Chart(pl.DataFrame(rows))
    logarithmic = altair.Scale(type="log")
    line = base.mark_rule().encode(x=altair.X("p5:Q", scale=logarithmic, title=title), x2="p95:Q", y=y)
    box = base.mark_bar(size=16).encode(x=altair.X("p25:Q", scale=logarithmic), x2="p75:Q", y=y)
    middle = base.mark_tick(color="black", size=16).encode(x=altair.X("p50:Q", scale=logarithmic), y=y)
    return (line + box + middle).properties(width=560)
