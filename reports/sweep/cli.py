"""`joules sweep` for Typer: options in, one call that answers, pytest's own report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from reports.console import print_report, say

_UsageError: Any = typer.BadParameter.__base__  # click's, wherever Typer takes it from


class SweepCommand(typer.core.TyperCommand):
    """Its arguments are pytest's, so that `--` has to say where its own options end; a plan file says them as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse words of pytest's before `--`."""
        dashes = "--" in args  # what parses them takes them away
        rest = super().parse_args(ctx, args)
        if ctx.params.get("pytest_arguments") and not dashes:
            raise _UsageError("-- is missing: pytest's arguments come after it, as in -- benchmarks -k greedy", ctx=ctx)
        return rest


def sweep(
    pytest_arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- PYTEST_ARGUMENTS", help="What is measured, after two dashes.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to run: auto, host:port or ray://host:port.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and run nothing.")] = False,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The plan: read where it is there, else written.")
    ] = None,
    group: Annotated[
        int | None, typer.Option(metavar="N", help="Run this group of the plan here, without Ray.")
    ] = None,
    collect: Annotated[bool, typer.Option("--collect", help="Only report what groups have measured.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on, and fail where there is nothing to.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; what was measured is put aside.")] = False,
    retries: Annotated[int, typer.Option(metavar="N", help="Further attempts after a lost node or a crash.")] = 2,
    accelerator: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only nodes with this type of GPU, as Ray names it: H100.")
    ] = None,
    state: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep answers there until the report.")] = None,
) -> int:
    """Measure on many machines: cases that share an engine load go to one slot of a Ray cluster, with boards of its own.

    joules sweep --ray auto -- benchmarks -k speculative

    The report, the options that select and compare, and the exit status are pytest's. The same command goes on with a sweep that
    was cut off.
    """
    from reports.sweep import command
    from reports.sweep.page import plan_report

    asked = command.Asked(
        arguments=tuple(pytest_arguments or ()),
        ray=ray,
        plan=plan,
        group=group,
        collect=collect,
        dry_run=dry_run,
        resume=resume,
        fresh=fresh,
        state=state,
        retries=retries,
        accelerator=accelerator,
    )
    asked.check()
    if dry_run:
        shown = command.planned(asked, say)
        print_report(plan_report(shown.plan, shown.nodes, shown.took_s))
        return 0
    if group is not None:
        return command.one_group(asked, say)
    return command.collected(asked, say) if collect else command.sweep(asked, say)
