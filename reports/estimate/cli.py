"""`joules estimate` for Typer: options in, one call that answers, one report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reports.console import COLUMNS, print_report, print_text, say, steps, write_text


def estimate(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO.toml]", help="What is assumed; the published base case if left out."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Assume otherwise, repeatable: node.power_kw=10.2."),
    ] = None,
    method: Annotated[
        Literal["released", "refined"] | None,
        typer.Option(help="As published, or ours: clipped, prefill and decode apart, fits uncertain."),
    ] = None,
    parameters: Annotated[Literal["v1", "v2"] | None, typer.Option(help="Of the preprint or of the article.")] = None,
    regime: Annotated[
        Literal["traditional", "test-time", "agentic"] | None, typer.Option(help="What the queries are like.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this model, repeatable.")] = None,
    boundary: Annotated[
        Literal["gpu_only", "active_accelerator", "facility", "full_stack"] | None,
        typer.Option(help="What the joules include."),
    ] = None,
    draws: Annotated[int | None, typer.Option(metavar="N", help="Queries drawn per model; 1,000,000.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same numbers; 42.")] = None,
    fleet: Annotated[str | None, typer.Option(metavar="QUERIES", help="So many queries a day, as in 1e9.")] = None,
    levers: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Efficiency measures: model,serving,hardware,routing; or all.")
    ] = None,
    trace: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="All requests of a trace (CSV, Parquet), repeatable.")
    ] = None,
    results: Annotated[
        list[Path] | None, typer.Option(metavar="RUN.json", help="Joules of our own results, repeatable.")
    ] = None,
    results_as: Annotated[
        Literal["joules", "throughput"],
        typer.Option(help="What is taken from results; throughput needs node.power_kw."),
    ] = "joules",
    deployment: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE,...", help="Predicted joules of model=NAME,gpu=H100,batch=32; repeatable."),
    ] = None,
    predictor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who predicts; the one that ships if left out.")
    ] = None,
    sensitivity: Annotated[bool, typer.Option("--sensitivity", help="Which assumption moves the answer.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="A picture: .html, .png, .svg or .json.")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Draw on a Ray cluster: an address, auto or local.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="How far this is from every published figure, alone or with --draws.")
    ] = False,
    form: Annotated[Literal["table", "json", "html"], typer.Option("--format", help="How to report.")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to, instead of here.")
    ] = None,
) -> None:
    """Estimate the energy of a query or a fleet bottom-up: throughput, node power, utilisation, PUE. Never measured.

    joules estimate

    joules estimate --regime test-time --levers all --sensitivity

    joules estimate --fleet 1e9 --set fleet.long_share=0.2 --method refined
    """
    from reports.estimate import command

    asked = command.Asked(
        scenario=scenario,
        sets=tuple(sets or ()),
        options={
            "method": method,
            "parameters": parameters,
            "regime": regime,
            "models": model,
            "boundary": boundary,
            "draws": draws,
            "seed": seed,
        },
        fleet=fleet,
        levers=levers,
        traces=tuple(trace or ()),
        results=tuple(results or ()),
        results_as=results_as,
        deployments=tuple(deployment or ()),
        predictor=predictor,
        sensitivity=sensitivity,
        plot=plot,
        ray=ray,
    )
    if check:
        from reports.estimate.published import report

        print_report(report(command.check_draws(asked)))
        return
    with steps() as step:
        step("drawing queries")
        answer = command.answer(asked)
    if plot is not None:
        from reports.estimate.plot import picture

        write_text(plot, picture(answer, plot), option="--plot", inputs=asked.files)
        say(f"wrote {plot.name}")
    if output is not None:
        write_text(output, command.rendered(answer, form, COLUMNS), inputs=asked.files)
    elif form == "table":
        from reports.estimate.terminal import terminal

        print_report(terminal(answer))
    else:
        print_text(command.rendered(answer, form, COLUMNS).rstrip("\n"))
