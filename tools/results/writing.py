"""Markdown that says at every table whether its figures were measured. Names are data and never become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import RenderableType

from energy_fixtures.units import significant
from reports.render.markdown import calm, escaped
from reports.render.text import plain, to_lines

WIDE = 120
"""Columns of a report in a code block."""

UNKNOWN = "—"
_TICKS = re.compile(r"`{3,}")


class Page:
    """Lines of a page, top down.

    Args:
        label: Stands above every table, list, listing and picture; None where all is measured.
    """

    def __init__(self, label: str | None) -> None:
        self._label = label
        self._lines: list[str] = []

    def title(self, text: str) -> None:
        """The page's own heading, with the label in it."""
        self._lines += [f"# {said(text)}" if self._label is None else f"# {said(self._label)} — {said(text)}", ""]

    def heading(self, text: str) -> None:
        """A section."""
        self._lines += [f"## {said(text)}", ""]

    def text(self, sentence: str) -> None:
        """A paragraph; foreign names in it are data."""
        self._lines += [said(sentence), ""]

    def picture(self, file: str, what: str) -> None:
        """A picture beside the page."""
        self._mark()
        self._lines += [f"![{said(what)}]({file})", ""]

    def items(self, sentences: Iterable[str]) -> None:
        """A list."""
        lines = [f"- {said(sentence)}" for sentence in sentences]
        if lines:
            self._mark()
            self._lines += [*lines, ""]

    def table(self, caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table below its caption; nothing without rows."""
        cells = [" | ".join(said(cell) for cell in row) for row in rows]
        if not cells:
            return
        self._mark()
        self._lines += [f"{said(caption)}:", "", f"| {' | '.join(map(said, heads))} |", "|---" * len(heads) + "|"]
        self._lines += [*(f"| {row} |" for row in cells), ""]

    def listing(self, parts: Iterable[RenderableType]) -> None:
        """What the product prints, as it prints it."""
        lines = to_lines(parts, width=WIDE, colour=False)
        if not any(lines):
            return
        self._mark()
        fence = max((found[0] for line in lines for found in _TICKS.finditer(line)), key=len, default="``") + "`"
        first = [] if self._label is None else [plain(self._label), ""]
        self._lines += [f"{fence}text", *first, *lines, fence, ""]

    def _mark(self) -> None:
        self._lines += [] if self._label is None else [f"**{said(self._label)}**", ""]

    def __str__(self) -> str:
        return "\n".join(self._lines).rstrip() + "\n"


def said(text: str) -> str:
    """A sentence with foreign names in it, as data, however long."""
    words = re.split(r"(\s)", plain(text.replace("\n", " ")))
    return "".join(calm(escaped(word)) if word.strip() else " " for word in words)


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a signed percentage."""
    return UNKNOWN if share is None else f"{100 * share:+.{digits}f} %"


def factor(value: float | None) -> str:
    """So many times."""
    return UNKNOWN if value is None else f"×{significant(value)}"


def interval(low: float | None, high: float | None) -> str:
    """Ends of an interval of a factor."""
    return UNKNOWN if low is None or high is None else f"{significant(low)} to {significant(high)}"
