"""`joules history` for Typer: a metric and which runs in, series with their changes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reports.console import COLUMNS, print_json, print_report, print_text, say, steps, write_text
from reports.shared_options import SAVED, Storage


def history(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Of each run: joules_per_output_token, ...")],
    case: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only these cases, repeatable: 'vllm-*'.")
    ] = None,
    branch: Annotated[str | None, typer.Option(metavar="GLOB", help="Only runs of this branch.")] = None,
    board: Annotated[str | None, typer.Option(metavar="GLOB", help="Only runs on these boards: 'H200*'.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only newer runs: 2026-10-01, or 30d for 30 days.")
    ] = None,
    last: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the newest N runs of each series.")] = None,
    storage: Storage = SAVED,
    confidence: Annotated[
        str, typer.Option(metavar="PERCENT", help="That no series shows a change that is none.")
    ] = "99%",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the series: png, svg or html.")] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")] = "table",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there instead.")] = None,
) -> None:
    """Show a metric from run to run, by case and board, and where its level changed: between which commits, by how much.

    joules history joules_per_output_token --case 'vllm-*' --plot history.png

    joules history joules_per_request --storage s3://lab/energy --branch main --since 90d --format json
    """
    from energy_fixtures.metrics import metric as metric_of
    from energy_fixtures.storage.location import location_of
    from reports.policy import LEVEL
    from reports.render.text import plain
    from reports.series.command import Question, answer, confidence_of, moment_of, rendered
    from reports.series.gather import Wanted

    known = metric_of(metric)
    if plot is not None:
        from reports.series.plot import check

        check(plot, output)
    question = Question(
        metric=known,
        location=location_of(storage),
        wanted=Wanted(
            cases=tuple(case or ()),
            branch=branch,
            board=board,
            since=None if since is None else moment_of(since),
            last=last,
        ),
        confidence=confidence_of(confidence),
        level=LEVEL,
    )
    with steps() as step:
        answered, found = answer(question, say=step, told=lambda note: say(f"joules: {plain(note)}"))
        if plot is not None:
            from reports.series.plot import draw

            step(f"drawing {plot.name}")
            write_text(plot, draw(found, answered, plot), option="--plot")
    if output is not None:
        write_text(output, rendered(answered, form, COLUMNS))
        from reports.series.page import sentence

        print_text(sentence(answered))
    elif form == "json":
        print_json(answered)
    else:
        from reports.series.page import renderables

        print_report(renderables(answered))
