"""Pages of the documentation that are made from the project itself; MkDocs calls the hooks below while it builds.

README.md          ─► index.md                    the front page: what a newcomer reads on either side is one text
joules' commands   ─► reference/commands.md
the records        ─► reference/file-format.md and reference/run.schema.json
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
SCHEMA_FILE = "run.schema.json"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to those of docs/."""
    from mkdocs.structure.files import File

    for name, content in made_pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def made_pages() -> dict[str, str]:
    """Every made page by its path in the site."""
    return {
        "index.md": front_page((ROOT / "README.md").read_text(encoding="utf-8")),
        "changelog.md": front_page((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
        "contributing.md": front_page((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")),
        "reference/commands.md": commands_page(),
        "reference/file-format.md": format_page(),
        f"reference/{SCHEMA_FILE}": schema_text(),
    }


def front_page(readme: str) -> str:
    """The README as a page inside docs/: its links lead to pages, not to files beside docs/.

    >>> front_page("[gate](docs/gate.md), [changes](CHANGELOG.md)")
    '[gate](gate.md), [changes](changelog.md)'
    """
    moved = re.sub(r"\]\(docs/", "](", readme)
    return re.sub(r"\]\((CHANGELOG|CONTRIBUTING)\.md", lambda found: f"]({found[1].lower()}.md", moved)


def commands_page() -> str:
    """What `--help` says of every command."""
    from typer.main import get_command

    from reports.cli import app

    lines = ["# Commands", "", "`joules` looks at machines and results; to measure, run `pytest`.", ""]
    for path, command in _commands("joules", get_command(app)):
        lines += [f"## `{path}`", "", *_help(command), ""]
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            lines += ["| option | default | what |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Commands that do something, by what is typed; groups are their commands."""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(f"{path} {name}", inner)
    if not getattr(command, "commands", {}):
        yield path, command


def _help(command: Any) -> list[str]:
    """Its paragraphs; a line that is typed stands as code."""
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    return [
        part
        for text in paragraphs
        for part in (["```sh", text, "```", ""] if text.startswith(("joules ", "pytest ")) else [text, ""])
    ]


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    default = parameter.default
    shown = "" if default is None or callable(default) or default in ((), False) else f"`{default}`"
    words = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    return f"| {names} | {shown} | {words} |"


def schema_text() -> str:
    """The JSON Schema of a result file."""
    from energy_fixtures.records import SCHEMA_VERSION, Run

    (schema,), parts = msgspec.json.schema_components([Run], ref_template="#/$defs/{name}")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"pytest-joules result file, energy schema {SCHEMA_VERSION}",
        "description": "pytest-benchmark's document with an `energy` block; fields at their default are left out.",
        "type": "object",
        "required": ["energy"],
        "properties": {
            "machine_info": {"type": "object", "description": "as pytest-benchmark tells it"},
            "commit_info": {"type": "object", "description": "as pytest-benchmark tells it"},
            "benchmarks": {"type": "array", "description": "pytest-benchmark's entries, seconds per iteration"},
            "datetime": {"type": "string", "description": "ISO 8601, UTC"},
            "version": {"type": "string", "description": "of pytest-benchmark"},
            "energy": schema,
        },
        "$defs": parts,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1).decode() + "\n"


def format_page() -> str:
    """Each record of a result file with its fields, from the JSON Schema and the records' own words."""
    parts = msgspec.json.decode(schema_text())["$defs"]
    lines = [
        "# File format",
        "",
        "A result file is pytest-benchmark's document with an `energy` block, a `Run`; [the file](../metrics.md#the-file) shows",
        f"it as a tree. Its JSON Schema: [{SCHEMA_FILE}]({SCHEMA_FILE}). A field at its default is left out; unknown is null,",
        "never 0. What SI unit a number has is the end of its name.",
        "",
    ]
    for name, part in parts.items():
        lines += [f"## {name}", "", _first_paragraph(part.get("description", "")), ""]
        fields = part.get("properties")
        if fields:
            needed = set(part.get("required", ()))
            rows = [f"| `{field}` | {_kind(of)} | {'yes' if field in needed else ''} |" for field, of in fields.items()]
            lines += ["| field | what | always there |", "|---|---|---|", *rows, ""]
        else:
            lines += [f"An array: {_kind(part)}.", ""]
    return "\n".join(lines)


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def _kind(of: dict[str, Any]) -> str:
    """A field's type in words."""
    if "$ref" in of:
        name = of["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in of:
        return " or ".join(_kind(one) for one in of["anyOf"])
    if "enum" in of:
        return " or ".join(f"`{value}`" for value in of["enum"])
    if "const" in of:
        return f"`{of['const']}`"
    if "prefixItems" in of:
        return f"array of {', '.join(_kind(one) for one in of['prefixItems'])}"
    if of.get("type") == "array":
        inner = of.get("items")
        return f"array of {_kind(inner)}" if isinstance(inner, dict) else "array"
    if of.get("type") == "object":
        inner = of.get("additionalProperties")
        return f"object of {_kind(inner)}" if isinstance(inner, dict) else "object"
    return str(of.get("type", "anything"))
