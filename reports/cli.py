"""The `joules` command: wiring only. Each subcommand is one short function that asks, then prints.

Exit status: 0 when the question could be answered, 4 when it was asked wrongly, as with pytest, 1 when the machine or a file
did not allow an answer or `compare` found a regression, 2 when an answer could not be computed, 130 after Ctrl-C (Typer's). What a command needs is
imported when it runs, so that `joules --help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.core

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.console import COLUMNS, print_json, print_report, print_text, say, steps, write_text
from reports.estimate.cli import estimate
from reports.ideal.cli import ideal
from reports.live.cli import live
from reports.page.cli import report as page_report
from reports.predict.cli import predict_app
from reports.series.cli import history
from reports.serving.cli import serving
from reports.shared_options import SAVED, Comment, GridGPerKwh, PricePerKwh, Storage
from reports.storage.cli import storage_app
from reports.sweep.cli import SweepCommand, sweep
from reports.workload.cli import workload

WRONG_USE = 4
FAILED = 1
INCOMPUTABLE = 2
PRICE_OPTIONS = ("--price-per-kwh", "--grid-g-per-kwh")

# Typer has brought its own click since 0.2x and used the package before; either way this is click's UsageError.
_UsageError: Any = typer.BadParameter.__base__


class _AfterDashes(typer.core.TyperCommand):
    """A command whose arguments are another program's, so that `--` has to say where its own options end."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" not in args and not {"--help"}.intersection(args):
            raise _UsageError("-- is missing: pytest's arguments come after it, as in -- benchmarks -k greedy", ctx=ctx)
        return super().parse_args(ctx, args)


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def joules(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Energy as a test result for LLM inference. To measure, run pytest; these commands look at machines and results."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"pytest-joules {installed('pytest-joules')}")
        raise typer.Exit
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

    with steps() as say:
        seen = examine(seconds=seconds_of(seconds, quick=quick), say=say)
    if as_json:
        print_json(seen)
    else:
        from reports.render.doctor import examination_report

        print_report(examination_report(seen))


@app.command(cls=_AfterDashes)
def ab(
    pytest_arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- PYTEST_ARGUMENTS", help="What both sides run, after two dashes.")
    ] = None,
    base: Annotated[str | None, typer.Option(metavar="REV", help="Side A: a revision, in a worktree.")] = None,
    head: Annotated[
        str | None, typer.Option(metavar="REV", help="Side B: a revision; this checkout as it is when left out.")
    ] = None,
    setup: Annotated[
        str | None, typer.Option(metavar="COMMAND", help='Give each side an environment: "pip install -e .".')
    ] = None,
    a: Annotated[str | None, typer.Option("--a", metavar="OPTIONS", help="Side A: more options for pytest.")] = None,
    b: Annotated[str | None, typer.Option("--b", metavar="OPTIONS", help="Side B: more options for pytest.")] = None,
    rounds: Annotated[int, typer.Option(metavar="N", help="Valid trials of each case on each side.")] = 6,
    max_time: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Begin no pair of blocks that would end later.")
    ] = None,
    max_joules: Annotated[
        float | None, typer.Option(metavar="JOULES", help="Begin no pair of blocks that would meter more in all.")
    ] = None,
    fail: Annotated[
        list[str] | None, typer.Option(metavar="METRIC:STAT:LIMIT", help="Exit 1 if a case is REGRESSED; repeatable.")
    ] = None,
    form: Annotated[Literal["table", "markdown", "json"], typer.Option("--format", help="How to report.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to, instead of here.")] = None,
    comment: Comment = None,
    save: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep both sides: a.json and b.json.")] = None,
    price_per_kwh: PricePerKwh = None,
    grid_g_per_kwh: GridGPerKwh = None,
) -> int:
    """Compare two revisions, or two sets of options, on this machine: pytest sessions in turn, A B B A, one report.

    joules ab --base origin/main -- benchmarks -k greedy

    joules ab --a "--energy-dtype float32" --b "--energy-dtype bfloat16" -- benchmarks -k greedy

    Without --setup both sides run with the packages that are installed here, each with the code of its own checkout.
    """
    from reports.ab import command, page
    from reports.ab.question import asked
    from reports.compare.output import check
    from reports.explain.prices import parse_prices

    prices = parse_prices(price_per_kwh, grid_g_per_kwh, PRICE_OPTIONS)
    check(form, comment)
    question = asked(
        arguments=pytest_arguments or (),
        folder=Path.cwd(),
        revisions=(base, head, setup),
        options=(a, b),
        goal=(rounds, max_time, max_joules),
        limits=fail or (),
        save=save,
        output=output,
    )
    answer = command.answer(question, say=say)
    if answer.outcome is not None and form == "table" and output is None:
        print_report(page.terminal(answer.outcome, prices))
    elif answer.outcome is not None and output is None:
        print_text(page.text(answer.outcome, form, prices, comment).removesuffix("\n"))
    elif answer.outcome is not None and output is not None:
        write_text(output, page.text(answer.outcome, form, prices, comment))
    if answer.failure is not None:
        typer.echo(f"joules: {answer.failure}", err=True)
    return answer.status


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="BASELINE [CANDIDATE]", help="Result files, or saved runs by number or name.")
    ],
    by: Annotated[
        str | None, typer.Option(metavar="AXIS", help="Put cases side by side: framework, decoding, batch or gpu.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="What to compare, repeatable; joules per token or call.")
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC:STAT:LIMIT", help="Exit 1 if a case is REGRESSED; repeatable, mean:5% works."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 also for incomparable and missing cases.")] = False,
    across_boards: Annotated[
        bool, typer.Option("--across-boards", help="Compare other boards and machines as well, labelled.")
    ] = False,
    control: Annotated[
        str | None,
        typer.Option(metavar="CASE", help="With --across-boards: relate every case to this one, run on both boards."),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option("--format", help="table, markdown, json, csv, bencher or github-action-benchmark."),
    ] = "table",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there instead.")] = None,
    comment: Comment = None,
    storage: Storage = SAVED,
    price_per_kwh: PricePerKwh = None,
    grid_g_per_kwh: GridGPerKwh = None,
) -> int:
    """Compare two saved runs, or the cases of one along an axis.

    Exit status: 0 no case is REGRESSED, 1 one is (the mean beyond the limit, and shown to be worse at all) or --strict
    refused, 4 asked wrongly or a file cannot be read.
    """
    from reports.compare.command import Question, inputs
    from reports.compare.command import compare as answer
    from reports.compare.output import ALONE, check, rendered
    from reports.explain.prices import parse_prices
    from reports.policy import CONFIDENCE, LEVEL

    question = Question(
        runs=tuple(runs),
        storage=storage,
        by=by,
        metrics=tuple(metric or ()),
        fail=tuple(fail or ()),
        strict=strict,
        across_boards=across_boards,
        control=control,
        level=LEVEL,
        confidence=CONFIDENCE,
        alone=output_format in ALONE,
        prices=parse_prices(price_per_kwh, grid_g_per_kwh, PRICE_OPTIONS),
    )
    check(output_format, comment)
    files = inputs(question)
    report = answer(question, files)
    if output is not None:
        write_text(output, rendered(report, output_format, comment, COLUMNS), inputs=files)
        typer.echo(report.sentence)
    elif output_format == "table":
        from reports.render.comparison_table import comparison_report

        print_report(comparison_report(report))
    else:
        typer.echo(rendered(report, output_format, comment, COLUMNS), nl=False)
    return FAILED if report.verdict != "passed" else 0


@app.command(cls=_AfterDashes)
def calibrate(
    pytest_arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- PYTEST_ARGUMENTS", help="What every session runs.")
    ] = None,
    sessions: Annotated[int, typer.Option(metavar="N", help="How many sessions of the same work.")] = 5,
) -> None:
    """Learn how much sessions of the same work differ on this machine, so that the gate knows.

    joules calibrate -- benchmarks -m smoke
    """
    from reports.calibrate import calibrate as learn

    between = learn(pytest_arguments or (), sessions, say=say)
    typer.echo(between.sentence)


app.command()(workload)
app.command()(serving)
app.command()(history)
app.command()(live)
app.command()(ideal)
app.command()(estimate)
app.command(cls=SweepCommand)(sweep)
app.command(name="report")(page_report)
app.add_typer(predict_app, name="predict")
app.add_typer(storage_app, name="storage")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="joules", standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is told here, not by Python as it ends
    except _UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "joules"
        return _refuse(f"{error.format_message().rstrip('.')} (see {where} --help)", WRONG_USE)
    except ConfigurationError as error:
        return _refuse(str(error), WRONG_USE)
    except JoulesError as error:
        return _refuse(str(error), FAILED)
    except BrokenPipeError:  # who read has seen enough, as `head` has; what is left goes nowhere, also when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:  # a full disk behind a redirection, a folder that may not be written
        return _refuse(f"{error.strerror or error}; nothing more could be written", FAILED)
    except (ArithmeticError, ValueError) as error:
        # figures that no rule of the records foresaw; 1 would be taken for a regression
        return _refuse(f"the answer cannot be computed ({str(error) or type(error).__name__})", INCOMPUTABLE)
    return status if isinstance(status, int) else 0


def _refuse(sentence: str, status: int) -> int:
    typer.echo(f"joules: {sentence}", err=True)
    return status
