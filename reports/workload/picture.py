"""The joint picture of a workload's lengths: how many requests have which input and output, with the bins drawn in.

Requests are counted in half octaves before anything is drawn, so that a week of requests makes no larger picture.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.bins import Bins
from energy_fixtures.workloads.lengths import Lengths
from reports.render.text import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = (".png", ".svg", ".html")
_AT_ONCE = 1 << 20
_WIDTH, _HEIGHT, _MARGIN = 520, 380, 90
_LINES, _DOTS = "#b0453a", [4, 3]
_COUNT = "datum.value == 0 ? '0' : format(datum.value, '~s')"


@dataclass(frozen=True, kw_only=True)
class Joint:
    """Requests by half octave. `edges` are tokens and rise; class k holds lengths above edge k up to edge k + 1.

    `counts` has the shape (input classes, output classes).
    """

    edges: tuple[float, ...]
    counts: NDArray[np.int64]


def check(path: Path, output: Path | None = None) -> None:
    """Refuse a picture that could not be written in the end, before anything long is read.

    Raises:
        ConfigurationError: The file's name is of no known kind, or it is the file that the answer goes to.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"--plot {path} is no kind of picture; end the name in {', '.join(FORMATS)}")
    if output is not None and path.absolute() == output.absolute():
        raise ConfigurationError(f"--plot and -o both name {path}; name two files")


def count(lengths: Lengths) -> Joint:
    """Count requests in half octaves of both lengths."""
    longest = max(int(lengths.input_tokens.max()), int(lengths.output_tokens.max()))
    halves = int(np.ceil(2 * np.log2(longest))) + 1
    edges = 2.0 ** (np.arange(-1, halves) / 2)  # the first class holds single tokens
    counts = np.zeros((len(edges) - 1) ** 2, dtype=np.int64)
    for start in range(0, len(lengths), _AT_ONCE):
        places = [
            np.searchsorted(edges, tokens[start : start + _AT_ONCE]) - 1
            for tokens in (lengths.input_tokens, lengths.output_tokens)
        ]
        counts += np.bincount(places[0] * (len(edges) - 1) + places[1], minlength=len(counts))
    return Joint(edges=tuple(edges.tolist()), counts=counts.reshape(len(edges) - 1, -1))


def draw(lengths: Lengths, bins: Bins, path: Path) -> bytes:
    """The picture, in the format that the file's name says; an HTML page holds all that it needs."""
    chart = _chart(count(lengths), bins, lengths)
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


def _chart(joint: Joint, bins: Bins, lengths: Lengths) -> Any:
    import altair as alt

    classes = list(itertools.pairwise(joint.edges))
    cells = [
        {"i": i, "i2": i2, "o": o, "o2": o2, "n": int(joint.counts[row, column])}
        for row, (i, i2) in enumerate(classes)
        for column, (o, o2) in enumerate(classes)
        if joint.counts[row, column]
    ]
    by_input = _margin(joint.counts.sum(axis=1), classes)
    by_output = _margin(joint.counts.sum(axis=0), classes)
    input_scale = _scale(by_input, bins.inputs)
    output_scale = _scale(by_output, bins.outputs)
    x = alt.X("i:Q", title="input length, tokens", scale=input_scale, axis=_axis())
    y = alt.Y("o:Q", title="output length, tokens", scale=output_scale, axis=_axis())
    how_many = alt.Color("n:Q", title="requests", scale=alt.Scale(type="log", scheme="blues"))
    rectangles = _data(cells).mark_rect().encode(x, y, alt.X2("i2:Q"), alt.Y2("o2:Q"), how_many)
    rule = {"color": _LINES, "strokeDash": _DOTS, "strokeWidth": 0.7}
    upright = _data([{"i": edge} for edge in bins.inputs]).mark_rule(**rule).encode(x)
    level = _data([{"o": edge} for edge in bins.outputs]).mark_rule(**rule).encode(y)
    middle = alt.layer(rectangles, upright, level).properties(width=_WIDTH, height=_HEIGHT)
    above = (
        _data(by_input)
        .mark_rect(color="#4c78a8")
        .encode(
            alt.X("a:Q", title=None, scale=input_scale, axis=alt.Axis(labels=False, ticks=False)),
            alt.X2("b:Q"),
            alt.Y("n:Q", title="requests", axis=alt.Axis(labelExpr=_COUNT, tickCount=3)),
            alt.Y2("zero:Q"),
        )
        .properties(width=_WIDTH, height=_MARGIN)
    )
    beside = (
        _data(by_output)
        .mark_rect(color="#4c78a8")
        .encode(
            alt.Y("a:Q", title=None, scale=output_scale, axis=alt.Axis(labels=False, ticks=False)),
            alt.Y2("b:Q"),
            alt.X("n:Q", title="requests", axis=alt.Axis(labelExpr=_COUNT, tickCount=3)),
            alt.X2("zero:Q"),
        )
        .properties(width=_MARGIN, height=_HEIGHT)
    )
    made = ", synthetic: drawn, not recorded" if lengths.synthetic else ""
    title = alt.Title(
        f"{plain(lengths.provenance.name)}: {len(lengths):,} requests{made}",
        subtitle="half octaves of tokens; broken lines: the bins",
        anchor="start",
    )
    return alt.vconcat(above, alt.hconcat(middle, beside, spacing=8), spacing=8).properties(title=title)


def _data(rows: list[Any]) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))


def _margin(counts: NDArray[np.int64], classes: list[tuple[float, float]]) -> list[dict[str, float]]:
    return [
        {"a": low, "b": high, "n": int(number), "zero": 0}
        for number, (low, high) in zip(counts, classes, strict=True)
        if number
    ]


def _scale(rows: list[dict[str, float]], bins: tuple[int, ...]) -> Any:
    import altair as alt

    low = min(row["a"] for row in rows)
    high = max(max(row["b"] for row in rows), bins[-1])
    return alt.Scale(type="log", base=2, domain=[min(low, bins[0]), high], nice=False)


def _axis() -> Any:
    import altair as alt

    return alt.Axis(format=",d", grid=False, tickCount=8)
