"""The running session in this terminal, until it ends; or as it is at this moment."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from energy_fixtures.errors import JoulesError
from energy_fixtures.record import Record
from reports.console import print_json, print_report, say
from reports.live.follow import Watcher
from reports.live.server import LOOK_S
from reports.live.state import Now, Picture, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

AROUND = 14
"""Lines of the terminal that are not rows."""
MOST_ROWS = 20


class Snapshot(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The picture at one moment, for programs."""

    now: Now
    rows: tuple[Row, ...]
    power: tuple[tuple[float, float], ...]


def once(pid: int | None, *, as_json: bool) -> None:
    """Print the picture as it is.

    Raises:
        JoulesError: No session is known.
    """
    watcher = Watcher(pid)
    watcher.look()
    if watcher.picture is None:
        raise JoulesError(_none(pid))
    if as_json:
        picture = watcher.picture
        print_json(
            Snapshot(now=picture.now(time.time()), rows=tuple(picture.rows.values()), power=tuple(picture.power))
        )
    else:
        print_report([_view(watcher.picture)])


def follow(pid: int | None) -> None:
    """Keep the picture on the terminal until the session is over or Ctrl-C; wait for one where none runs.

    Raises:
        JoulesError: A session was named that is not known.
    """
    from rich.console import Console
    from rich.live import Live

    watcher = Watcher(pid)
    watcher.look()
    if watcher.picture is None and pid is not None:
        raise JoulesError(_none(pid))
    if watcher.picture is None or watcher.picture.over:
        say("no run goes on; waiting for the next one of this user on this machine, Ctrl-C ends this")
    while watcher.picture is None or (watcher.picture.over and watcher.number < 2 and pid is None):
        time.sleep(LOOK_S)
        watcher.look()
    with Live(_view(watcher.picture), console=Console(), auto_refresh=False, transient=True) as live:
        while not watcher.picture.over:
            time.sleep(LOOK_S)
            watcher.look()
            live.update(_view(watcher.picture), refresh=True)
    print_report([_view(watcher.picture)])


def on_terminal() -> bool:
    """Whether somebody can look on."""
    return sys.stdout.isatty()


def _view(picture: Picture) -> RenderableType:
    from reports.live.terminal import view

    size = shutil.get_terminal_size()
    return view(picture, rows=min(MOST_ROWS, max(3, size.lines - AROUND)), width=size.columns)


def _none(pid: int | None) -> str:
    if pid is not None:
        return f"process {pid} is no run of this user that measures energy; leave --pid out for the newest"
    return "no run of this user on this machine is known; start one with pytest benchmarks, then look again"
