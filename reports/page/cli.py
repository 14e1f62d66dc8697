"""`joules report` for Typer: options in, one page out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reports.console import say, steps, write_text
from reports.shared_options import SAVED, GridGPerKwh, PricePerKwh, Storage


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Result files, or saved runs by number or name; the first is the baseline."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page.")] = Path("report.html"),
    plots: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write every picture there as well, as SVG and PNG.")
    ] = None,
    boards: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Boards beside the table; layout: reports/boards.toml.")
    ] = None,
    storage: Storage = SAVED,
    price_per_kwh: PricePerKwh = None,
    grid_g_per_kwh: GridGPerKwh = None,
) -> None:
    """One or several saved runs as one HTML page that needs no network.

    joules report newest -o report.html

    joules report 0001 0002 -o report.html --plots pictures
    """
    from reports.explain.prices import parse_prices
    from reports.page.command import inputs, report_page
    from reports.page.document import html_of
    from reports.page.plots import check_folder, write_plots

    prices = parse_prices(price_per_kwh, grid_g_per_kwh, ("--price-per-kwh", "--grid-g-per-kwh"))
    if plots is not None:
        check_folder(plots)
    files = inputs(runs, storage, boards)
    with steps() as doing:
        doing("reading and comparing")
        page = report_page(files, storage, boards, prices)
        doing("drawing")
        write_text(output, html_of(page), inputs=files)
        written = [] if plots is None else write_plots(page, plots)
    say(f"{page.verdict}")
    say(f"{output}" + (f", {len(written)} pictures in {plots}" if plots is not None else ""))
