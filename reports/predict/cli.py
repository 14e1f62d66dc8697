"""`joules predict`: energy of an architecture or a board that nobody has measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reports.console import print_json, print_report, print_text, steps, write_text

predict_app = typer.Typer(
    help="Predict the GPU energy of a request on boards or models that nobody has measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AllowModelled = Annotated[
    bool,
    typer.Option("--allow-modelled", help="Also learn from joules that no meter measured; the outcome says so."),
]

Boards = Annotated[Path | None, typer.Option(metavar="FILE", help="Further boards, laid out as reports/boards.toml.")]


@predict_app.command()
def run(
    gpu: Annotated[str, typer.Option(metavar="NAME", help="Board: H100, A100-80, L4, T4, ...")],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_CONFIG", help="A known name, shape:NAME, hub id, folder or config.json."),
    ] = None,
    params_b: Annotated[float | None, typer.Option(metavar="B", help="Or only its size, in 1e9 parameters.")] = None,
    active_params_b: Annotated[
        float | None, typer.Option(metavar="B", help="Parameters per token of a mixture of experts.")
    ] = None,
    gpu_count: Annotated[int, typer.Option(metavar="N", help="Boards that share the model.")] = 1,
    batch: Annotated[int, typer.Option(metavar="N", help="Requests handed over at once.")] = 1,
    input_tokens: Annotated[int, typer.Option("--input", metavar="TOKENS", help="Prompt tokens of each.")] = 300,
    output_tokens: Annotated[int, typer.Option("--output", metavar="TOKENS", help="Generated tokens of each.")] = 300,
    dtype: Annotated[
        str, typer.Option(help="Of the weights: bf16, fp16, fp8, int8, int4, fp32; 16 bit by default.")
    ] = "auto",
    execution: Annotated[
        Literal["eager", "cuda_graphs", "transformers"],
        typer.Option(help="Launches as in the published figures, with CUDA graphs, or by Transformers."),
    ] = "eager",
    predictor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A fitted predictor; the package's own by default.")
    ] = None,
    boards: Boards = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to answer.")] = "table",
) -> None:
    """Predict the GPU energy of one request, with an interval and what the joules are spent on.

    joules predict run --model Llama-2-7b --gpu H100

    joules predict run --params-b 46.7 --active-params-b 12.9 --gpu A100-80 --gpu-count 2 --batch 50
    """
    from reports.predict.answer import Question, answer
    from reports.predict.predictor import read_predictor

    question = Question(
        model=model,
        params_b=params_b,
        active_params_b=active_params_b,
        gpu=gpu,
        gpu_count=gpu_count,
        batch=batch,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        dtype=dtype,
        execution=execution,
        boards=boards,
    )
    known = answer(question, read_predictor(predictor))
    if form == "json":
        print_json(known)
    else:
        from reports.predict.pages import prediction_page

        print_report(prediction_page(known))


@predict_app.command()
def fit(
    data: Annotated[list[Path], typer.Argument(metavar="RESULTS_OR_TABLES", help="Result files and CSV tables.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the predictor goes.")],
    boards: Boards = None,
    allow_modelled: AllowModelled = False,
) -> None:
    """Fit a predictor on measured rows: result files of ours, tables with the columns of paper 1's Table IV, or both."""
    from reports.predict.build import build
    from reports.predict.predictor import to_json
    from reports.predict.training import read_observations

    observations = read_observations(data, allow_modelled=allow_modelled, boards=boards)
    with steps() as say:
        built = build(observations, say)
    write_text(out, to_json(built), option="--out", inputs=data)
    print_text(f"fitted on {built.fitted_on.says}")
    for name, mape in built.fitted_on.mean_ape.items():
        print_text(f"{name}: {mape:.1f} % off on average")


@predict_app.command()
def evaluate(
    data: Annotated[list[Path], typer.Argument(metavar="DATA", help="Result files and CSV tables.")],
    plot: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Draw pictures there, PNG and SVG.")] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to report.")] = "table",
    boards: Boards = None,
    allow_modelled: AllowModelled = False,
) -> None:
    """How far off ours and paper 1's learners are for models and boards that were left out, and in cross-validation."""
    from reports.predict.evaluation import evaluated
    from reports.predict.training import read_observations

    observations = read_observations(data, allow_modelled=allow_modelled, boards=boards)
    with steps() as say:
        found = evaluated(observations, say)
    if form == "json":
        print_json(found)
    else:
        from reports.predict.evaluation_page import evaluation_page

        print_report(evaluation_page(found))
    if plot is not None:
        from reports.predict.plots import draw

        with steps() as say:
            files = draw(found, observations, plot, say)
        if form == "table":
            print_text(f"{len(files)} pictures in {plot}")


@predict_app.command()
def export(
    predictor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A fitted predictor; the package's own by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead.")] = None,
) -> None:
    """Print the predictor as JSON, for a web page or another language: constants, boards, models, worked examples."""
    from reports.predict.predictor import read_predictor, to_json

    content = to_json(read_predictor(predictor))
    if output is None:
        print_text(content.decode().removesuffix("\n"))
    else:
        write_text(output, content, inputs=[] if predictor is None else [predictor])
