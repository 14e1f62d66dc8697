"""What the page is made of: sections of figures, each a table that can also be drawn. Pure data.

    Source (a run) ─► Case (a result with its means) ─► Figure (table, picture) ─► Section ─► Page ─► HTML, PNG, SVG

Cells are data as they stand in the results; whoever writes them out escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float | bool | None

Rows = Sequence[Mapping[str, Cell]]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        key: Field of the rows.
        title: What stands above it.
        unit: SI, of a number; `%` for a share that is stored as a fraction, `@field` where each row names its own, empty
            for text and plain numbers.
        shown: Whether the table on the page has it; the downloaded one always has.
        ends: Whether the interval from column `low` to column `high` stands below the number.
    """

    key: str
    title: str
    unit: str = ""
    shown: bool = True
    ends: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A table, and how it is drawn.

    Attributes:
        name: Its id on the page and the name of its files.
        title: What is seen.
        what: The same in a sentence, for those who do not see the picture.
        columns, rows: The table.
        spec: Vega-Lite, which finds its rows under the names of `datasets` and the table's under `table`; None for a
            table alone.
        datasets: What is drawn beside the table's rows, or instead of them.
        chooser: Field by which a reader chooses what is drawn; all datasets have it. None for all at once.
        notes: What is to be known of it, a sentence each.
        folded: Whether the table is folded away at first; it always is below a picture.
    """

    name: str
    title: str
    what: str
    columns: tuple[Column, ...]
    rows: Rows
    spec: dict[str, Any] | None = None
    datasets: Mapping[str, Rows] = field(default_factory=dict)
    chooser: str | None = None
    notes: tuple[str, ...] = ()
    folded: bool = False

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns in which something is known."""
        return tuple(one for one in self.columns if any(row.get(one.key) not in (None, "") for row in self.rows))


def mean_columns(title: str, unit: str) -> tuple[Column, ...]:
    """A mean with its interval: one column on the page, three in the download, and of how many windows it is."""
    return (
        Column(key="mean", title=title, unit=unit, ends=True),
        Column(key="low", title="low", unit=unit, shown=False),
        Column(key="high", title="high", unit=unit, shown=False),
        Column(key="windows", title="windows"),
    )


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question and what the data say to it: sentences, then figures."""

    name: str
    title: str
    said: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything there is to see.

    Attributes:
        title: Which runs.
        verdict: The one sentence.
        failed: Whether a gate says no.
        labels: What is said of all figures: that joules are not measured, that boards differ.
        facts: What was compared and on what, a name and what it is in each source.
        sources: Names of the runs, above those.
        sections: In reading order.
        absent: Questions that the data do not answer, and what would.
    """

    title: str
    verdict: str
    failed: bool = False
    labels: tuple[str, ...] = ()
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    sources: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    absent: tuple[str, ...] = ()


def shortened_rows(rows: Rows, most: int, what: str) -> tuple[Rows, tuple[str, ...]]:
    """The first of these rows, for a picture, and a sentence where some are left out."""
    if len(rows) <= most:
        return rows, ()
    return rows[:most], (f"{what}; the picture shows {most} of {len(rows)}, the table all",)
