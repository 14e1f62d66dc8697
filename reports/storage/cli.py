"""`joules storage` for Typer: what is saved where, what waits to be sent, what may go."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from energy_fixtures.errors import ConfigurationError
from reports.console import print_json, print_report, print_text, say, steps

Where = Annotated[str, typer.Argument(metavar="FOLDER|URL", help="A folder of saved runs, or a shared store.")]
Form = Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")]
FAILED = 1

storage_app = typer.Typer(
    help="Saved runs of a folder or a shared store (s3://bucket/prefix): list, index, prune, and push what waits here.",
    no_args_is_help=True,
)


@storage_app.command(name="list")
def list_runs(
    where: Where,
    branch: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this branch.")] = None,
    machine: Annotated[str | None, typer.Option(metavar="TEXT", help="Only machines whose folder has it.")] = None,
    last: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the newest N.")] = None,
    form: Form = "table",
) -> None:
    """List the runs, oldest first. Of a shared store nothing is downloaded: the names tell.

    joules storage list s3://lab/energy --branch main --last 10
    """
    from energy_fixtures.storage.location import location_of
    from reports.storage.command import listed

    runs = listed(location_of(where), branch, machine, last, say)
    if form == "json":
        print_json(runs)
        return
    from reports.storage.page import runs_report

    print_report(runs_report(runs))


@storage_app.command()
def index(
    where: Where,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read every run again.")] = False,
) -> None:
    """Bring the index of all figures up to date, and say what is in it; history and others do so by themselves.

    joules storage index s3://lab/energy
    """
    from energy_fixtures.storage.index import open_index
    from energy_fixtures.storage.location import location_of

    location = location_of(where)
    with steps() as step:
        step("reading what is new")
        rows = open_index(location, rebuild=rebuild, say=say)
    print_text(
        f"{location}: runs {rows['run'].n_unique():,}, metrics {rows['metric'].n_unique():,}, rows {rows.height:,}"
    )


@storage_app.command()
def prune(
    where: Where,
    keep_last: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Newest runs of each machine that stay, and of each baseline."),
    ] = None,
    keep_days: Annotated[float | None, typer.Option(metavar="D", min=0, help="Younger runs stay.")] = None,
    keep_branch: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Baseline branch, repeatable; main and master when left out."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove old runs. Of each baseline branch the newest N of every machine stay, one at least.

    joules storage prune s3://lab/energy --keep-last 100 --keep-days 90 --dry-run

    What a run stays for: it is among the newest N of its machine, younger than D days, or kept for its branch. Journals, and runs
    of the last week whose session has not ended, stay as well.
    """
    from energy_fixtures.storage.location import location_of
    from energy_fixtures.storage.retention import Policy
    from reports.storage.command import drop, pruned
    from reports.storage.page import sizes

    location = location_of(where)
    policy = Policy(last=keep_last, days=keep_days, branches=tuple(keep_branch or ("main", "master")))
    gone, left = pruned(location, policy, say)
    for run in gone:
        print_text(f"{'would go' if dry_run else 'goes'}: {run.reference} ({run.branch or 'no branch'})")
    print_text(f"{sizes(gone)} {'would go' if dry_run else 'go'}, {sizes(left)} stay in {location}")
    if dry_run or not gone:
        return
    if not yes and not _agreed():
        raise ConfigurationError("nothing was removed; say --yes to remove without being asked")
    drop(location, gone)
    print_text("removed")


@storage_app.command()
def push(
    where: Annotated[
        str | None, typer.Argument(metavar="URL", help="Only what waits for this store; all of it when left out.")
    ] = None,
    form: Form = "table",
) -> int:
    """Send results that wait on this machine because their shared store could not be reached.

    joules storage push

    Exit status: 0 nothing waits any more, 1 something still does.
    """
    from energy_fixtures.storage.location import location_of
    from reports.storage.command import pushed

    location = None if where is None else location_of(where)
    if location is not None and not location.shared:
        raise ConfigurationError(f"{location} is a folder: nothing waits for it; name a URL")
    found = pushed(location, say)
    if form == "json":
        print_json(found)
    else:
        for one in found:
            print_text(
                f"{one.storage}: {one.sent} sent"
                + ("" if one.reason is None else f", {one.waiting} wait: {one.reason}")
            )
        if not found:
            print_text("nothing waits to be sent")
    return FAILED if any(one.waiting for one in found) else 0


def _agreed() -> bool:
    """Whether who sits at the terminal says yes; where nobody does, no."""
    import sys

    return sys.stdin.isatty() and typer.confirm("remove them?")
