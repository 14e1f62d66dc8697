"""docs/workloads.md says what there is, and what it shows works."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from energy_fixtures.workloads.catalogue import SYNTHETIC
from energy_fixtures.workloads.downloads import DOWNLOADS


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> str:
    """The page."""
    return (Path(request.config.rootpath) / "docs" / "workloads.md").read_text()


def test_the_example_prints_what_the_page_says(page: str) -> None:
    """The Python on the page runs, and prints the lines below it."""
    example = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    assert example is not None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(example[1], {})

    assert said.getvalue() == example[2]


def test_generators_and_downloads_are_on_the_page(page: str) -> None:
    """Each name that the command takes stands there."""
    names = [*SYNTHETIC, *(name for name in DOWNLOADS if not name.endswith("-without-fails"))]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_options_of_the_page_exist(page: str) -> None:
    """The page names the command's options, all of them, and no other command's."""
    from reports.workload import cli

    known = set(re.findall(r"--[a-z-]+", (Path(cli.__file__)).read_text())) | {
        f"--{name.replace('_', '-')}" for name in cli.workload.__annotations__ if name not in ("name", "form", "return")
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) - {"--skip-chat-template", "--energy-workload"}
    assert named <= known, named - known
    assert {
        "--bins",
        "--input-bins",
        "--tokenizer",
        "--requests",
        "--seed",
        "--plot",
        "--format",
        "--download",
    } <= named
