"""A Page as one HTML file that needs nothing else.

Whatever comes from a result is escaped: text by `html.escape`, data as JSON in which no sign can end a script. The content
security policy lets run exactly our two scripts and the drawing library, by their hashes, and load nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib.resources import files

import msgspec

from reports.page.bundle import vega_bundle
from reports.page.figure import Cell, Column, Figure, Page, Rows, Section
from reports.render.text import plain

DIGITS = 7  # of a number on the page: a hundred times finer than any meter

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def html_of(page: Page) -> str:
    """The whole file."""
    drawn = any(figure.spec is not None for section in page.sections for figure in section.figures)
    style, script, library = _file("page.css"), _file("page.js"), vega_bundle() if drawn else ""
    hashes = " ".join(_hash(one) for one in (script, library) if one)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": text(f"Energy: {page.title}"),
        "style": style,
        "head": _head(page),
        "contents": _contents(page.sections),
        "sections": "\n".join(_section(section) for section in page.sections) + _absent(page.absent),
        "data": json_text(_data(page)),
        "library": library,
        "script": script,
    }
    # not by a template engine: no part is looked through for the names of another
    pieces = _file("page.html").split("{{")
    found = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        found += [parts[name], rest]
    return "".join(found)


def text(words: str) -> str:
    """Text as data: no markup, and control characters written out."""
    return html.escape(plain(words), quote=True)


def json_text(data: object) -> str:
    """JSON that may stand in a script element: no sign in it can end the element or begin a comment."""
    said = msgspec.json.encode(data).decode()
    for sign, escape in _UNSAFE.items():
        said = said.replace(sign, escape)
    return said


def _file(name: str) -> str:
    return files("reports.page").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _data(page: Page) -> dict[str, object]:
    """What the script draws and lists, by figure."""
    return {figure.name: _figure_data(figure) for section in page.sections for figure in section.figures if figure.rows}


def _figure_data(figure: Figure) -> dict[str, object]:
    columns = figure.used
    one_run = len({row.get("source") for row in figure.rows}) == 1
    return {
        "columns": [_column(column, hidden=one_run and column.key == "source") for column in columns],
        "table": _packed(figure.rows, [column.key for column in columns]),
        "spec": figure.spec,
        "datasets": {name: _packed(rows) for name, rows in figure.datasets.items()},
        "chooser": figure.chooser,
        "folded": figure.folded or figure.spec is not None,
    }


def _packed(rows: Rows, fields: Sequence[str] | None = None) -> dict[str, object]:
    """Rows column by column, each word once: half of the file, and nothing is unpacked before it is looked at."""
    wanted = dict.fromkeys(name for row in rows for name in row) if fields is None else fields
    return {"count": len(rows), "columns": {name: _packed_column([row.get(name) for row in rows]) for name in wanted}}


def _packed_column(cells: Sequence[Cell]) -> object:
    if not any(isinstance(cell, str) for cell in cells):
        return [float(f"{cell:.{DIGITS}g}") if isinstance(cell, float) else cell for cell in cells]
    places = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
    return {
        "words": [plain(cell) if isinstance(cell, str) else cell for cell in places],
        "places": [places[cell] for cell in cells],
    }


def _column(column: Column, *, hidden: bool) -> dict[str, object]:
    return {
        "key": column.key,
        "title": plain(column.title),
        "unit": column.unit,
        "shown": column.shown and not hidden,
        "ends": column.ends,
    }


def _head(page: Page) -> str:
    lines = [f'<p class="verdict{" failed" if page.failed else ""}">{text(page.verdict)}</p>']
    lines += [f'<p class="label">{text(label[:1].upper() + label[1:])}.</p>' for label in page.labels]
    return "\n".join([*lines, _facts(page)])


def _facts(page: Page) -> str:
    several = len(page.sources) > 1
    columns = "".join(f'<th scope="col">{text(source)}</th>' for source in page.sources)
    head = f'<thead><tr><th scope="col">what</th>{columns}</tr></thead>' if several else ""
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in cells)}</tr>'
        for name, cells in page.facts
    )
    table = f'<table class="facts"><caption class="unseen">What was measured, and on what</caption>{head}<tbody>{rows}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="What was measured, and on what">{table}</div>'


def _contents(sections: Sequence[Section]) -> str:
    return "".join(f'<li><a href="#{text(one.name)}">{text(one.title)}</a></li>' for one in sections)


def _section(section: Section) -> str:
    name = text(section.name)
    said = "".join(f"<p>{text(sentence)}</p>" for sentence in section.said)
    figures = "".join(_figure(figure) for figure in section.figures)
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{text(section.title)}</h2>{said}{figures}</section>'


def _figure(figure: Figure) -> str:
    """A place for the picture and for the table; the script fills both when they come into view."""
    name, title = text(figure.name), text(figure.title)
    picture = (
        f'<div class="picture" role="img" aria-label="{text(figure.what)} The table below holds the same figures."></div>'
        if figure.spec is not None
        else ""
    )
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in figure.notes)
    return (
        f'<figure id="figure-{name}" data-figure="{name}"><figcaption><h3>{title}</h3></figcaption>'
        f'<div class="controls"></div>{picture}{notes}<div class="table"></div></figure>'
    )


def _absent(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f'<section aria-labelledby="absent"><h2 id="absent">Not on this page</h2><ul>{items}</ul></section>'
