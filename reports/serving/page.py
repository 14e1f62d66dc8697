"""The answer of `joules serving` for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.readings import Method
from energy_fixtures.records import Environment, Result
from reports.policy import LEVEL
from reports.render.serving import serving_table
from reports.render.tables import View, question_table


def terminal(name: str, results: Sequence[Result], environments: Mapping[str, Environment]) -> list[RenderableType]:
    """One table per model and method, as in the session that measured them."""
    groups: dict[tuple[str | None, Method], list[Result]] = {}
    for result in results:
        model = None if result.scenario is None else result.scenario.model
        groups.setdefault((model, result.method), []).append(result)
    view = View(level=LEVEL)
    parts: list[RenderableType] = []
    for (model, _), members in groups.items():
        title = f"{name}: serving" + (f", {model}" if model else "")
        table = serving_table(title, members, environments, view) or question_table(title, members, environments, view)
        parts += [*([Text("")] if parts else []), *table]
    return parts
