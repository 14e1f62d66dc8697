"""The whole report for a terminal, as renderables: a table per question and model, then what the gate says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.readings import Method
from energy_fixtures.records import Environment, Result
from reports.render.frameworks import cheapest
from reports.render.papers import paper_parts
from reports.render.serving import serving_table
from reports.render.speculation import names_shown, speculation_table
from reports.render.tables import View, question_table, shared
from reports.render.text import doubts_of, plain

ABOUT_MODELS = ("moe", "structure")

MOST_NAMES = 5
"""Of cases that are only named, say this many; a list of hundreds hides the report above it."""


def report(results: Sequence[Result], environments: Mapping[str, Environment], view: View) -> list[RenderableType]:
    """Everything that was measured, in run order of the questions.

    Args:
        results: In run order.
        environments: By key.
        view: How to show them.
    """
    groups: dict[tuple[str, str | None, Method], list[Result]] = {}
    for result in results:
        groups.setdefault((result.question, _family(result), result.method), []).append(result)
    everywhere = shared([doubts_of(result) for result in results]) if len(groups) > 1 else ()
    view = replace(view, everywhere=everywhere)
    parts: list[RenderableType] = []
    for (question, model, _), members in groups.items():
        title = f"energy: {question}" + (f", {model}" if model else "")
        parts += _section(question, title, members, environments, view)
    return [*parts, *([Text("")] if everywhere else []), *(Text(plain(f"all tables: {doubt}")) for doubt in everywhere)]


def _family(result: Result) -> str | None:
    """Cases of a question about several architectures stay in one table: the case's id tells them apart."""
    if result.scenario is None or result.question in ABOUT_MODELS:
        return None
    return result.scenario.model


def _section(
    question: str, title: str, members: Sequence[Result], environments: Mapping[str, Environment], view: View
) -> list[RenderableType]:
    special = speculation_table(title, members, environments, view) if question == "speculative" else []
    if not (view.metrics or view.compared):  # cases with arrivals are told by what they have, not by their file
        served = serving_table(title, members, environments, view)
        if served:
            return [Text(""), *served, *paper_parts(question, members, environments, view)]
    parts: list[RenderableType] = [Text(""), *special]
    shown = names_shown(members, view.level) if special and not (view.metrics or view.compared) else frozenset()
    rest = [result for result in members if result.fullname not in shown]
    if rest:
        parts += [Text("")] if special else []
        parts += question_table(title, rest, environments, view)
    if question == "frameworks":
        parts += [Text(line, style="bold") for line in cheapest(members, view.level)]
    return [*parts, *paper_parts(question, members, environments, view)]


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
