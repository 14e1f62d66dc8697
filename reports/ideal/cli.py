"""`joules ideal` for Typer: options in, one call that answers, one report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reports.console import print_json, print_report


def ideal(
    model: Annotated[str, typer.Option(help="A published name, shape:NAME, hub id, folder or config.json.")],
    gpu: Annotated[str, typer.Option(metavar="NAME", help="Board, such as A100-80, H100, A6000 or MI300X.")],
    batch: Annotated[int, typer.Option(metavar="N", help="Requests at once.")] = 1,
    input_tokens: Annotated[int, typer.Option("--input", metavar="N", help="Prompt tokens of each.")] = 512,
    output_tokens: Annotated[int, typer.Option("--output", metavar="N", help="Output tokens of each.")] = 64,
    dtype: Annotated[
        str, typer.Option(help="Of weights and arithmetic: float32, bfloat16, float16, fp8, int8, int4, or auto.")
    ] = "auto",
    kv_dtype: Annotated[str | None, typer.Option(help="Of the cache; as the weights, 16 bits at least.")] = None,
    peak: Annotated[
        Literal["dense", "sparse"], typer.Option(help="Peak rate: sparse counts zeros that no ordinary model has.")
    ] = "dense",
    gpu_count: Annotated[int, typer.Option(metavar="N", help="Boards that share the work.")] = 1,
    idle_w: Annotated[float | None, typer.Option(metavar="WATTS", help="Power of one board at rest.")] = None,
    boards: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Boards beside the table; layout: reports/boards.toml.")
    ] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")] = "table",
) -> None:
    """The least energy that a request could take on a board: modelled from data sheets, never measured.

    joules ideal --model shape:llama-3.1-8b --gpu A6000 --batch 1 --input 512 --output 64
    """
    from reports.ideal.answer import answer

    found = answer(
        model=model,
        gpu=gpu,
        batch_size=batch,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        dtype=_SHORT.get(dtype, dtype),
        kv_dtype=None if kv_dtype is None else _SHORT.get(kv_dtype, kv_dtype),
        peak=peak,
        gpu_count=gpu_count,
        idle_w=idle_w,
        boards=boards,
    )
    if form == "json":
        print_json(found)
    else:
        from reports.ideal.page import terminal

        print_report(terminal(found))


_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Short names of number formats."""
