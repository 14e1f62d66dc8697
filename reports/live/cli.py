"""`joules live` for Typer: which view of the running session."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from energy_fixtures.errors import ConfigurationError
from reports.console import say


def live(
    serve: Annotated[bool, typer.Option("--serve", help="As a page on this machine, instead of here.")] = False,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="Of the page; 8765, or 0 for any free one.")
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="With --serve: figures for Prometheus at /metrics.")
    ] = False,
    pid: Annotated[int | None, typer.Option(metavar="N", help="The run of this process; the newest otherwise.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print how it is now, and end.")] = False,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="With --once: how to report.")] = "table",
) -> None:
    """Look on while a run goes on: the case now, power, joules so far, verdicts as they fall, what is left.

    joules live

    joules live --serve --metrics

    The page listens on this machine alone. Looking on changes nothing in the run.
    """
    if serve and (once or form == "json"):
        raise ConfigurationError("--serve shows a page; leave out --once and --format")
    if not serve and (metrics or port is not None):
        given = "--metrics" if metrics else "--port"
        raise ConfigurationError(f"{given} belongs to the page; give --serve as well")
    if serve:
        from reports.live.server import PORT
        from reports.live.server import serve as run

        run(port=PORT if port is None else port, pid=pid, metrics=metrics, say=say)
        return
    from reports.live import command

    if once or form == "json" or not command.on_terminal():
        command.once(pid, as_json=form == "json")
    else:
        command.follow(pid)
