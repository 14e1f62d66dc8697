"""The `joules` command: wiring only. Each subcommand is one short function that asks, then prints.

Exit status: 0 when the question could be answered, 4 when it was asked wrongly, as with pytest, 1 when the machine or a file
did not allow an answer, 130 after Ctrl-C (Typer's). What a command needs is
imported when it runs, so that `joules --help` is quick.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any

import typer

from energy_fixtures.errors import ConfigurationError, JoulesError

WRONG_USE = 4
FAILED = 1
COLUMNS = 100  # where no terminal says how wide it is

# Typer has brought its own click since 0.2x and used the package before; either way this is click's UsageError.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def joules(context: typer.Context) -> None:
    """Energy as a test result for LLM inference. To measure, run pytest; these commands look at machines and results."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def doctor(
    seconds: Annotated[float | None, typer.Option(help="How long to measure; about 50 when left out.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look of a dozen seconds, with rougher figures.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Characterise this machine's meters: what works, what does not and how to mend it, and how long a window has to be.

    Let the machine rest meanwhile: nothing is put to work, and what others do there shows in the figures.
    """
    from energy_fixtures.doctor.examine import examine
    from energy_fixtures.doctor.plan import seconds_of

    with _steps() as say:
        seen = examine(seconds=seconds_of(seconds, quick=quick), say=say)
    if as_json:
        _print_json(seen)
    else:
        from reports.render.doctor import examination_report

        _print(examination_report(seen))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="joules", standalone_mode=False)
    except _UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "joules"
        return _refuse(f"{error.format_message().rstrip('.')} (see {where} --help)", WRONG_USE)
    except ConfigurationError as error:
        return _refuse(str(error), WRONG_USE)
    except JoulesError as error:
        return _refuse(str(error), FAILED)
    return status if isinstance(status, int) else 0


def _refuse(sentence: str, status: int) -> int:
    typer.echo(f"joules: {sentence}", err=True)
    return status


@contextlib.contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Says what is being done on one line of the terminal that errors go to; says nothing where there is none."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as line:
        yield lambda step: line.update(step)


def _print(renderables: Iterable[Any]) -> None:
    """As wide as the terminal and in its colours; COLUMNS wide and without colour where there is none, or NO_COLOR says so."""
    from reports.render.text import to_lines

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else COLUMNS
    colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for line in to_lines(renderables, width=width, colour=colour):
        typer.echo(line)


def _print_json(record: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(record)).decode())
