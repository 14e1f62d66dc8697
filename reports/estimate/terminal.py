"""An answer for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from reports.estimate.answer import Answer
from reports.estimate.sections import Section, headline, sections
from reports.render.tables import new_table
from reports.render.text import plain


def terminal(answer: Answer) -> list[RenderableType]:
    """What it is, then a table per question, then what it rests on."""
    parts: list[RenderableType] = [Text(plain(answer.title), style="bold")] if answer.title else []
    parts.append(Text(plain(headline(answer))))
    return [*parts, *rendered(sections(answer))]


def rendered(several: Sequence[Section]) -> list[RenderableType]:
    """Sections one below the other."""
    return [part for section in several for part in (Text(""), *_rendered(section))]


def _rendered(section: Section) -> list[RenderableType]:
    said: list[RenderableType] = [Text(plain(sentence)) for sentence in section.sentences]
    if not section.columns:
        return [Text(section.heading, style="bold"), *said]
    table = new_table(section.heading)
    for number, column in enumerate(section.columns):
        table.add_column(column, justify="left" if number == 0 or column in ("source", "from", "to") else "right")
    for row in section.rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return [table, *said]
