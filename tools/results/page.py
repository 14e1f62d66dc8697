"""The whole page of one board, top down: what to remember, the board, the meter, every question, the dataset, the commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from reports.render.text import plain
from tools.results import answers, board, dataset, questions
from tools.results.board import boards_named
from tools.results.evidence import Evidence
from tools.results.learned import Learned
from tools.results.points import Point
from tools.results.writing import Page


def page_of(
    evidence: Evidence,
    *,
    points: Sequence[Point] = (),
    learned: Learned | str | None = None,
    picture: str | None = None,
    boards: Path | None = None,
) -> str:
    """The page as Markdown.

    Args:
        evidence: One board's files.
        points: The dataset.
        learned: What a predictor learned from it, or why none did.
        picture: File of the window picture, relative to the page.
        boards: File of further boards, for the gap to the ideal.
    """
    body = Page(evidence.label)
    board.stack(body, evidence, boards)
    board.meter(body, evidence, picture)
    remembered = [
        *answers.headline(body, evidence, boards),
        *answers.speculative(body, evidence),
        *answers.moe(body, evidence),
    ]
    checks = questions.shapes(body, evidence)
    questions.phases(body, evidence)
    remembered += answers.serving(body, evidence)
    remembered += answers.truth(body, evidence)
    remembered += dataset.section(body, points, learned)
    questions.tables(body, evidence, boards)
    if checks:
        verdicts = [one.verdict for one in checks]
        said = ", ".join(f"{verdicts.count(one)} {one}" for one in ("pass", "fail", "open"))
        remembered.append(f"published shapes: {said}")
    return f"{_head(evidence, remembered)}\n{body}\n{_foot(evidence)}"


def _head(evidence: Evidence, remembered: Sequence[str]) -> Page:
    page = Page(evidence.label)
    results, environments = evidence.everything
    page.title(f"Results: {boards_named(environments)}" if results else "Results: nothing measured yet")
    page.text(
        f"Made by python -m tools.results_page from the files of {evidence.name}; every figure is computed from them."
        " Intervals hold 95 % unless they say otherwise."
    )
    if evidence.label is not None:
        page.text(f"{evidence.label}. These figures show that the commands work, and nothing else.")
    page.items(remembered)
    page.items(f"left out or incomplete: {problem}" for problem in evidence.problems)
    return page


def _foot(evidence: Evidence) -> Page:
    page = Page(evidence.label)
    page.heading("What was run")
    page.listing(Text(plain(line)) for line in evidence.commands)
    return page
