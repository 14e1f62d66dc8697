"""`joules storage list` for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.storage.retention import Saved
from reports.render.tables import new_table
from reports.render.text import plain
from reports.storage.command import Listed

_UNITS = ("B", "kB", "MB", "GB", "TB")


def runs_report(runs: Sequence[Listed]) -> Iterable[RenderableType]:
    """One row per run, its machine once above its rows."""
    if not runs:
        return [Text("no saved run")]
    pages: list[RenderableType] = []
    for machine in dict.fromkeys(run.machine for run in runs):
        mine = [run for run in runs if run.machine == machine]
        table = new_table(machine)
        for heading in ("run", "began (UTC)", "branch"):
            table.add_column(heading, overflow="fold")
        table.add_column("groups", justify="right")
        table.add_column("size", justify="right")
        for run in mine:
            name = plain(run.run.removeprefix(f"{machine}/"))
            groups = f"{run.groups}{'' if run.whole else ' +'}"
            table.add_row(name, run.began[:16].replace("T", " "), plain(run.branch or ""), groups, size(run.size_bytes))
        pages.append(table)
    if any(not run.whole for run in runs):
        pages.append(Text("+ cut off, or not ended yet: more may come"))
    return pages


def sizes(runs: Sequence[Saved]) -> str:
    """How many and how large.

    >>> sizes([])
    '0 runs (0 B)'
    """
    return f"{len(runs):,} run{'' if len(runs) == 1 else 's'} ({size(sum(run.size for run in runs))})"


def size(count_bytes: int) -> str:
    """Bytes with three digits.

    >>> size(12_345), size(999)
    ('12.3 kB', '999 B')
    """
    value, unit = float(count_bytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
