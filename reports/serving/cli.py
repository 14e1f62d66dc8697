"""`joules serving` for Typer: options in, one call that answers, one report out."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reports.console import print_json, print_report
from reports.shared_options import SAVED, Storage


def serving(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A result file, or a saved run by number or name.")
    ] = "newest",
    slo: Annotated[
        str | None,
        typer.Option(metavar="LIMITS", help="Another service level: ttft_p99_ms:500,tpot_p99_ms:50."),
    ] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")] = "table",
    storage: Storage = SAVED,
) -> None:
    """Serving cases of a saved run: joules, latencies, goodput, and the cheapest rate that meets a service level.

    joules serving 0007 --slo ttft_p99_ms:200,tpot_p99_ms:40

    Nothing is measured: the run holds the latencies of every request, so any service level can be asked afterwards.
    """
    from reports.serving.answer import answer, serving_results

    name, results, environments = serving_results(run, storage, slo)
    if form == "json":
        print_json(answer(name, results))
        return
    from reports.serving.page import terminal

    print_report(terminal(name, results, environments))
