"""A running session in the terminal."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.live.state import Picture
from reports.live.words import figures_of, headline_of, name_of, step_of, value_of, verdict_of
from reports.render.tables import STYLES

BARS = "▁▂▃▄▅▆▇█"


def view(picture: Picture, *, rows: int, width: int) -> RenderableType:
    """The whole picture.

    Args:
        picture: What is known.
        rows: How many of the newest tests are shown.
        width: Columns of the terminal.
    """
    now = picture.now(time.time())
    figures = Table.grid(padding=(0, 2))
    for label, figure in figures_of(now):
        figures.add_row(Text(label, style="dim"), Text(figure))
    parts: list[RenderableType] = [Text(headline_of(now), style="bold"), Text(step_of(now)), figures]
    if len(picture.power) > 1:
        parts.append(Text(f"{'power, W':<13}  {course([watts for _, watts in picture.power], min(60, width - 40))}"))
    newest = list(picture.rows.values())[-rows:] if rows > 0 else []
    if newest:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("test", "figure", "verdict"):
            table.add_column(name, overflow="fold")
        for row in newest:
            verdict = verdict_of(row)
            style = next((style for known, style in STYLES.items() if known.value == verdict), "red" if verdict else "")
            table.add_row(Text(name_of(row)), Text(value_of(row)), Text(verdict, style=style))
        parts += [Text(""), table]
    if len(picture.rows) > len(newest) > 0:
        parts.append(Text(f"and {len(picture.rows) - len(newest)} earlier ones", style="dim"))
    return Group(*parts)


def course(values: list[float], width: int) -> str:
    """The newest values as bars from zero, with the lowest and the highest of them.

    >>> course([0.0, 50.0, 100.0], 3)
    '▁▅█ 0 to 100'
    """
    shown = values[-max(width, 1) :]
    most = max(shown)
    bars = "".join(BARS[min(len(BARS) - 1, int(len(BARS) * value / most))] if most > 0 else BARS[0] for value in shown)
    return f"{bars} {min(shown):.0f} to {most:.0f}"
