"""The documentation's made pages say what the code does; every page is in the site's table of contents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from energy_fixtures.store import Head, RunWriter, Store
from tests.conftest import make_environment, make_result
from tools.docs_pages import commands_page, format_page, made_pages, schema_text

ROOT = Path(__file__).parents[1]


def written(folder: Path) -> dict[str, object]:
    """A result file as the product writes it."""
    head = Head(machine_info={}, commit_info={}, datetime="2026-01-01T00:00:00+00:00", version="5.3.1")
    writer: RunWriter = Store(folder, "machine").begin("x", head)
    writer.append(make_result(), make_environment(), {"name": "x"})
    path = writer.close()
    assert path is not None
    return dict(json.loads(path.read_text()))


def test_a_result_file_keeps_to_the_schema(tmp_path: Path):
    """What the product writes is valid by the published schema, and a record's rule that is broken is not."""
    schema = json.loads(schema_text())
    document = written(tmp_path)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)

    document["energy"]["results"][0]["trials"][0]["iterations"] = "two"  # type: ignore[index]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_every_record_has_its_section():
    """Each definition of the schema is described, and every link of the page leads to a section of it."""
    page = format_page()
    sections = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    assert sections == {"Run", *json.loads(schema_text())["$defs"]}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= {name.lower() for name in sections}


def test_every_command_and_option_has_its_line():
    """The page of commands has each command with each of its options."""
    page = commands_page()
    for command in ("compare", "doctor", "live", "predict run", "estimate"):
        assert f"## `joules {command}`" in page
    assert "| `--fail` |  | Exit 1 if a case is REGRESSED; repeatable. |" in page


def test_links_of_the_front_page_lead_into_the_site():
    """The README's links are pages of the site, so that newcomers read one text in both places."""
    made = made_pages()
    there = {file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*")} | set(made)
    for name in ("index.md", "changelog.md", "contributing.md"):
        linked = [found for found in re.findall(r"\]\(([^)#]+)", made[name]) if not found.startswith("http")]
        assert [found for found in linked if found not in there] == [], name


def test_every_page_stands_in_the_table_of_contents():
    """A page that nobody can find is as good as none."""
    contents = (ROOT / "mkdocs.yml").read_text()
    pages = {file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")}
    named = set(re.findall(r": ([\w/-]+\.md)$", contents, re.MULTILINE))
    assert named == pages | {name for name in made_pages() if name.endswith(".md")}
