"""Python of README and docs runs as it stands; programs that pages name are there; pages share their colours."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.records import Scenario

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]
STYLES = ("reports/page/page.css", "reports/live/live.css", "extension/pages/style.css")


@pytest.mark.parametrize("block", BLOCKS)
def test_python_of_the_pages_runs(block: str):
    """Every block runs, and every Scenario in it can be made, also inside a test that it only defines."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block, "page", "exec"), names)
    calls = [
        node
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Scenario"
    ]
    made = [eval(compile(ast.Expression(call), "page", "eval"), names) for call in calls]
    assert all(isinstance(one, Scenario) for one in made)
    assert ("Scenario(" in block) == bool(made)


def test_environments_that_pages_name_are_there():
    """Every `tox -e NAME` of a page is in tox.ini, and every `python -m tools.X` or `perf GROUP` is a program."""
    from perf.__main__ import GROUPS

    text = "\n".join(page.read_text() for page in PAGES)
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    known = {name for section in tox.sections() for name in re.findall(r"[a-z]+", section.removeprefix("testenv:"))}
    named = set(re.findall(r"tox -q? ?-?e ?([a-z]+)|tox -e ([a-z]+)", text))
    assert {one or other for one, other in named} <= known
    tools = set(re.findall(r"python(?: -m)? tools[./](\w+)", text))
    assert tools and [name for name in tools if not (ROOT / "tools" / f"{name}.py").exists()] == []
    groups = {word for words in re.findall(r"python -m perf((?: [a-z]+)+)`", text) for word in words.split()}
    assert groups and groups <= set(GROUPS)


def test_pages_share_their_colours():
    """A colour that several pages name is the same in all of them."""
    seen: dict[str, str] = {}
    for style in STYLES:
        for name, value in re.findall(r"--([\w-]+): (light-dark\([^)]*\));", (ROOT / style).read_text()):
            assert seen.setdefault(name, value) == value, f"{style}: --{name}"
    assert {"ground", "ink", "faint"} <= set(seen)
