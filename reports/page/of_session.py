"""The page of a pytest session, as `joules report` makes it of saved runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from energy_fixtures.records import Environment, Result
from reports.compare.of_session import NAME
from reports.compare.rows import Report
from reports.page.cases import Source
from reports.page.content import page_of
from reports.page.document import html_of
from reports.policy import LEVEL


def session_page(
    results: Sequence[Result], environments: Mapping[str, Environment], report: Report, boards: Path | None
) -> str:
    """The whole file.

    Args:
        results, environments: What was measured, in run order, and where.
        report: What the session's comparison says, as in its Markdown.
        boards: File of boards beside the table.
    """
    source = Source(name=NAME, label=NAME, results=tuple(results), environments=environments)
    return html_of(page_of([source], [report], LEVEL, boards))
