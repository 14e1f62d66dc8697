"""Draw the pictures of docs/measurement.md: `python -m tools.draw_measurement [FOLDER]`, in the project's folder.

It needs the dependency group `docs` (Altair with vl-convert).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import altair as alt

from energy_fixtures.readings import COVERAGE
from tools.measurement_data import (
    IDLE_W,
    LEVEL,
    NAMES,
    SQUARE,
    WORK_S,
    WORK_W,
    OneWindow,
    Row,
    claim_rows,
    length_rows,
    one_window,
    quarter_rows,
)

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
COUNT = 300  # windows behind each point of a curve
DOTS = 200  # windows of each colour
BLUE, ORANGE, GREY, RED, GREEN = "#0072b2", "#d55e00", "#777777", "#aa3377", "#228833"

Picture = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart
Said = Sequence[tuple[float, float, str, str]]


def _chart(rows: Sequence[Mapping[str, object]]) -> alt.Chart:
    return alt.Chart({"values": list(rows)})


def _styled(chart: Picture) -> Picture:
    styled: Picture = (
        chart.configure(background="white", font="sans-serif")
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#eeeeee")
        .configure_legend(labelFontSize=12, titleFontSize=12, labelLimit=0)
        .configure_title(fontSize=13, fontWeight="normal", anchor="start")
        .configure_header(labelFontSize=13, titleFontSize=12)
        .configure_view(stroke="#cccccc")
    )
    return styled


def draw_window(seen: OneWindow) -> Picture:
    """True power and joules of the whole window, and beside them the step in which it ends, enlarged."""
    left_s, right_s = -0.08, 0.66
    power = [(left_s, IDLE_W), (0.0, IDLE_W), (0.0, WORK_W), (WORK_S, WORK_W), (WORK_S, IDLE_W), (right_s, IDLE_W)]
    ticks = [{"s": at_s} for at_s in seen.ticks_s]
    ends = [{"s": 0.0}, {"s": WORK_S}]
    curves = (
        ("drawn in truth", seen.drawn, {"strokeWidth": 6, "opacity": 0.4}),
        ("what the counter shows", seen.counter, {"interpolate": "step-after", "strokeWidth": 2}),
        ("straight line between steps", seen.line, {"strokeWidth": 2, "strokeDash": [5, 3]}),
        ("rebuilt by the meter", seen.rebuilt, {"strokeWidth": 2}),
    )
    names = alt.Scale(domain=[name for name, _, _ in curves], range=[GREY, BLUE, RED, ORANGE])
    legend = alt.Legend(orient="bottom", columns=4, symbolType="stroke", symbolStrokeWidth=4, symbolOpacity=1)
    what = alt.Color("what:N", title=None, scale=names, legend=legend)

    def along(since_s: float, until_s: float, title: str | None) -> alt.X:
        return alt.X("s:Q", title=title, scale=alt.Scale(domain=[since_s, until_s], nice=False))

    def rules(x: alt.X) -> list[alt.Chart]:
        dotted = _chart(ticks).mark_rule(color="#aaaaaa", strokeDash=[2, 3], clip=True)
        return [dotted.encode(x), _chart(ends).mark_rule(color="black", clip=True).encode(x)]

    def lines(x: alt.X, y: alt.Y) -> list[alt.Chart]:
        return [
            _chart([{"s": at_s, "y": energy_j, "what": name} for at_s, energy_j in points])
            .mark_line(clip=True, **mark)
            .encode(x, y, what)
            for name, points, mark in curves
        ]

    def words(x: alt.X, y: alt.Y, said: Said, align: Literal["left", "center"]) -> alt.Chart:
        rows = [{"s": at_s, "y": height, "text": text, "color": color} for at_s, height, text, color in said]
        chart: alt.Chart = _chart(rows).mark_text(align=align, fontSize=12)
        return chart.encode(x, y, alt.Color("color:N", scale=None), text="text:N")

    x = along(left_s, right_s, None).axis(labels=False, tickCount=7)
    y = alt.Y("y:Q", title="true power, W", scale=alt.Scale(domain=[0, 560], nice=False)).axis(values=[0, 200, 400])
    rows = [{"s": at_s, "y": power_w, "n": n} for n, (at_s, power_w) in enumerate(power)]
    true_power = _chart(rows).mark_line(color=GREY, strokeWidth=2, clip=True).encode(x, y, order="n:Q")
    said: Said = [
        (0.008, 490, "t0: right after a step, work begins", "black"),
        (WORK_S + 0.008, 490, "t1: work has ended", "black"),
    ]
    above = alt.layer(*rules(x), true_power, words(x, y, said, "left")).properties(width=430, height=100)

    x = along(left_s, right_s, "seconds after t0 (dotted: the counter steps)").axis(tickCount=7, format=".1f")
    y = alt.Y("y:Q", title="energy since t0, J", scale=alt.Scale(domain=[-22, 205], nice=False)).axis(tickCount=5)
    looked = [{"s": at_s, "y": -13} for at_s in seen.reads_s]
    reads = _chart(looked).mark_tick(color="black", height=12, thickness=1.5, clip=True).encode(x, y)
    said = [(WORK_S / 2, -14, "| the counter is read; not while the work runs", "black")]
    below = alt.layer(*rules(x), *lines(x, y), reads, words(x, y, said, "center")).properties(width=430, height=250)

    x = along(0.385, 0.515, "seconds after t0").axis(values=[0.4, 0.43, 0.5], format=".2f")
    y = alt.Y("y:Q", title="energy since t0, J", scale=alt.Scale(domain=[156, 186], nice=False))
    reading_j, half_j = seen.reading.energy_j["gpu:0"], COVERAGE * seen.reading.uncertainty_j["gpu:0"]
    band = [
        {"s": at_s, "y": energy_j - COVERAGE * u_j, "top": energy_j + COVERAGE * u_j}
        for (at_s, energy_j), u_j in zip(seen.rebuilt, seen.rebuilt_u_j, strict=True)
    ]
    unsure = _chart(band).mark_area(color=ORANGE, opacity=0.2).encode(x, y, alt.Y2("top:Q"))
    points = [
        {"s": WORK_S, "y": energy_j, "what": name}
        for (name, _, _), energy_j in zip(curves[1:], (seen.naive_j, seen.linear_j, reading_j), strict=True)
    ]
    dots = _chart(points).mark_point(filled=True, size=70, opacity=1).encode(x, y, what)
    said = [
        (0.438, 184.3, f"truth {seen.truth_j:.1f} J", "#555555"),
        (0.438, 182.4, f"rebuilt {reading_j:.1f} ± {half_j:.1f} J", ORANGE),
        (0.438, seen.linear_j - 1.4, f"line {seen.linear_j:.1f} J", RED),
        (0.438, seen.naive_j - 1.7, f"as it stands {seen.naive_j:.1f} J", BLUE),
    ]
    title = alt.Title("the last step, enlarged", fontSize=12)
    zoom = alt.layer(unsure, *rules(x), *lines(x, y), dots, words(x, y, said, "left"), title=title)
    return _styled(alt.hconcat(alt.vconcat(above, below, spacing=8), zoom.properties(width=250, height=360)))


def draw_lengths(rows: Sequence[Row]) -> Picture:
    """Error against window length, on logarithmic axes."""
    names = list(dict.fromkeys(str(row["what"]) for row in rows))
    colors = alt.Scale(domain=names, range=[BLUE, GREY, ORANGE])
    dashes = alt.Scale(domain=names, range=[[1, 0], [5, 4], [1, 0]])
    legend = alt.Legend(orient="bottom", columns=3, symbolType="stroke", symbolStrokeWidth=3, symbolSize=400)
    x = alt.X("s:Q", title="length of the window, s").axis(values=[0.2, 0.5, 1, 2, 5, 10])
    y = alt.Y("error:Q", title="error of the joules, %").axis(values=[0.01, 0.1, 1, 10, 100], format="~g")
    chart = (
        _chart(rows)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=30))
        .encode(
            x.scale(type="log", domain=[0.18, 11], nice=False),
            y.scale(type="log", domain=[0.003, 200], nice=False),
            alt.Color("what:N", title=None, scale=colors, legend=legend),
            alt.StrokeDash("what:N", title=None, scale=dashes, legend=legend),
            alt.Column("trace:N", title=None, sort=[NAMES[LEVEL], NAMES[SQUARE]]),
        )
    )
    return _styled(chart.properties(width=310, height=280))


def draw_claims(rows: Sequence[Row]) -> Picture:
    """What each window claims against how far off it was: below the line the claim holds."""
    least, most = 0.02, 30
    names = list(dict.fromkeys(str(row["trace"]) for row in rows))
    x = alt.X("claim:Q", title="half of the window's own 95 % interval, %")
    x = x.scale(type="log", domain=[least, most], nice=False).axis(values=[0.03, 0.1, 0.3, 1, 3, 10, 30], format="~g")
    y = alt.Y("error:Q", title="true error, %").axis(values=[0.001, 0.01, 0.1, 1, 10], format="~g")
    y = y.scale(type="log", domain=[0.001, most], nice=False)
    color = alt.Color("trace:N", title=None, scale=alt.Scale(domain=names, range=[BLUE, ORANGE, GREEN]))
    color = color.legend(orient="bottom", columns=1, symbolSize=80, symbolOpacity=1)
    dots = _chart(rows).mark_circle(size=16, opacity=0.6, aria=False).encode(x, y, color)
    line = _chart([{"claim": end, "error": end} for end in (least, most)]).mark_line(color="black").encode(x, y)
    said = [
        {"claim": 0.03, "error": 1.3, "text": "error larger than claimed"},
        {"claim": 0.3, "error": 0.0016, "text": "claim holds"},
    ]
    text = _chart(said).mark_text(align="left", fontSize=12).encode(x, y, text="text:N")
    return _styled(alt.layer(dots, line, text).properties(width=440, height=320))


def draw_quarter(rows: Sequence[Row]) -> Picture:
    """How far off a sensor is that looks a quarter of the time, by the period of the work."""
    x = alt.X("ms:Q", title="period of the work, ms").axis(values=[20, 50, 100, 200, 500, 1000, 2000], format="d")
    x = x.scale(type="log", domain=[20, 2000], nice=False)
    y = alt.Y("error:Q", title="error of 5 s, worst phase, %")
    chart = _chart(rows).mark_line(color=BLUE, strokeWidth=1.5).encode(x, y)
    return _styled(chart.properties(width=620, height=220))


PICTURES: dict[str, Callable[[], Picture]] = {
    "window.svg": lambda: draw_window(one_window()),
    "length.svg": lambda: draw_lengths(length_rows(COUNT)),
    "claims.svg": lambda: draw_claims(claim_rows(DOTS)),
    "quarter.svg": lambda: draw_quarter(quarter_rows()),
}


def main(arguments: Sequence[str]) -> None:
    """Write every picture into a folder, docs/pictures unless another one is named."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        draw().save(str(folder / name))
        print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])
