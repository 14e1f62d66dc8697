"""The page's pictures alone, as SVG and PNG, for comments on pull requests and slides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.store import publish
from reports.page.draw import in_colours, narrowed
from reports.page.figure import Cell, Figure, Page
from reports.render.text import plain

SCALE = 2.0  # pixels of the PNG per point: sharp on today's screens


def check_folder(folder: Path) -> None:
    """Refuse a folder that could not be written to, before anything long is done.

    Raises:
        ConfigurationError: Something else has that name, or what it lies in is not there.
    """
    if (folder.exists() and not folder.is_dir()) or not folder.absolute().parent.is_dir():
        raise ConfigurationError(f"--plots {folder}: name a folder, or a new one in a folder that exists")


def write_plots(page: Page, folder: Path) -> list[Path]:
    """Write every picture of the page as NAME.svg and NAME.png; of one with a choice each of its first few.

    Returns:
        The files, in the page's order.

    Raises:
        ConfigurationError: One cannot be written.
    """
    import vl_convert

    written = []
    try:
        folder.mkdir(exist_ok=True)
        for name, spec in pictures(page):
            contents = {
                "svg": vl_convert.vegalite_to_svg(spec).encode(),
                "png": vl_convert.vegalite_to_png(spec, scale=SCALE),
            }
            for kind, content in contents.items():
                publish(folder / f"{name}.{kind}", content)
                written.append(folder / f"{name}.{kind}")
    except OSError as error:
        raise ConfigurationError(f"--plots {folder} cannot be written: {error.strerror}") from error
    return written


MOST_CHOSEN = 4
"""Pictures that are written of one figure with a choice."""


def pictures(page: Page) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and whole specification of every picture, in plain colours, with its data and its title."""
    for section in page.sections:
        for figure in section.figures:
            if figure.spec is not None:
                yield from _pictures(figure, figure.spec, section.title)


def _pictures(figure: Figure, spec: dict[str, Any], above: str) -> Iterator[tuple[str, dict[str, Any]]]:
    sets: dict[str, Sequence[Mapping[str, Cell]]] = {"table": figure.rows, **figure.datasets}
    key = figure.chooser
    shown = figure.datasets.get("drawn", figure.rows)
    choices: list[Cell] = [None] if key is None else list(dict.fromkeys(row[key] for row in shown))[:MOST_CHOSEN]
    for number, choice in enumerate(choices, start=1):
        chosen = {
            name: [_plain(row) for row in rows if key is None or row.get(key) == choice] for name, rows in sets.items()
        }
        words = [plain(above), plain(figure.title) + ("" if key is None else f": {plain(str(choice))}")]
        title = {"text": words[0], "subtitle": words[1], "anchor": "start", "fontWeight": "normal"}
        name = figure.name if key is None else f"{figure.name}-{_file_name(str(choice)) or number}"
        yield name, {**in_colours(narrowed(spec, chosen)), "datasets": chosen, "title": title}


def _plain(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {name: plain(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def _file_name(words: str) -> str:
    """Letters, digits and dashes of a name, so that it is a file in this folder whatever it says."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-").lower()[:60]
