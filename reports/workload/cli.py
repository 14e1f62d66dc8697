"""`joules workload`: what requests look like, and what binning them does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from energy_fixtures.errors import ConfigurationError
from reports.console import COLUMNS, print_json, print_report, print_text, steps, write_text


def workload(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[TRACE or NAME]", help="A trace on disk, or a generator such as burstgpt-like."),
    ] = None,
    bins: Annotated[
        str, typer.Option(metavar="NAME or FILE", help="printed (the paper's list), powers (its formula) or JSON.")
    ] = "printed",
    input_bins: Annotated[str | None, typer.Option(metavar="N,N,...", help="Input bins instead, in tokens.")] = None,
    output_bins: Annotated[str | None, typer.Option(metavar="N,N,...", help="Output bins instead, in tokens.")] = None,
    tokenizer: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="For traces of texts: the model's, or the word estimate.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option(metavar="N", help="The first N of a trace; how many a generator draws.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of a generator's draws.")] = 0,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the lengths: png, svg or html.")] = None,
    counted: Annotated[
        Path | None, typer.Option("--lengths", metavar="FILE", help="Of texts: write the counted lengths, to measure.")
    ] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")] = "table",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there instead.")] = None,
    download: Annotated[str | None, typer.Option(metavar="NAME", help="Fetch a published trace first.")] = None,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where --download puts it.")] = Path("."),
) -> None:
    """Show a workload: lengths, arrivals, the cells it falls into, and by how much binning inflates its tokens.

    joules workload AzureLLMInferenceTrace_conv.csv.gz --plot lengths.png

    joules workload azure-chat-like --requests 4096 --format json

    joules workload prompts.jsonl --tokenizer models/llama --lengths lengths.csv

    joules workload --download azure-2023-conv --to traces

    Generators, all synthetic: burstgpt-like, azure-chat-like, azure-code-like, translation-like, generation-like,
    classification-like, summarisation-like. To download: azure-2023-conv, azure-2023-code, azure-2024-conv, azure-2024-code,
    burstgpt-1, burstgpt-2, burstgpt-1-without-fails, burstgpt-2-without-fails, sharegpt-v3.
    """
    from energy_fixtures.workloads.bins import chosen, parsed
    from energy_fixtures.workloads.catalogue import workload as find
    from reports.workload.answer import answer
    from reports.workload.command import fetched, rendered

    drawn_bins = chosen(
        bins,
        inputs=parsed(input_bins, "--input-bins") if input_bins is not None else None,
        outputs=parsed(output_bins, "--output-bins") if output_bins is not None else None,
    )
    if plot is not None:
        from reports.workload.picture import check

        check(plot, output)
    if download is not None:
        name = fetched(download, to, name)
    if name is None:
        raise ConfigurationError("which workload? name a trace, a generator such as burstgpt-like, or --download NAME")
    trace = Path(os.path.expanduser(name))
    with steps() as say:
        say(f"reading {trace.name}")
        lengths = find(name, requests, seed, tokenizer=tokenizer)
        answered = answer(lengths, drawn_bins)
    if counted is not None:
        from energy_fixtures.workloads.counted import written

        write_text(counted, written(lengths), option="--lengths", inputs=[trace])
    if plot is not None:
        from reports.workload.picture import draw

        write_text(plot, draw(lengths, drawn_bins, plot), option="--plot", inputs=[trace])
    if output is not None:
        write_text(output, rendered(answered, form, COLUMNS), inputs=[trace])
        from reports.workload.page import sentence

        print_text(sentence(answered))
    elif form == "json":
        print_json(answered)
    else:
        from reports.workload.page import renderables

        print_report(renderables(answered))
