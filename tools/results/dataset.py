"""The dataset's section of the page, and its datasheet (after Gebru et al., "Datasheets for Datasets", arXiv 1803.09010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from statistics import median

from reports.predict.evaluation_page import evaluation_page
from tools.results.board import boards_named
from tools.results.evidence import Evidence
from tools.results.learned import PAPERS_MAPE, TARGET_MAPE, Learned, constants
from tools.results.points import Point, counts, noise_floor
from tools.results.writing import UNKNOWN, Page

WANTED = 400
LICENCE = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"


def section(page: Page, points: Sequence[Point], found: Learned | str | None) -> list[str]:
    """Summary, errors on the same folds, constants and transfer; what is to be remembered.

    Args:
        page: Where to.
        points: The dataset.
        found: What was learned, or why nothing was as a sentence; None where it was not asked for.
    """
    page.heading("A dataset for the predictor")
    if not points:
        page.text("Not measured: run the stage dataset, as often as it takes.")
        return []
    page.table("What the points span", ("what", "is"), counts(points))
    page.text(_noise(points))
    if len(points) < WANTED:
        page.text(f"Fewer than the {WANTED} points that were wanted: run the stage dataset again.")
    if not isinstance(found, Learned):
        page.text("The predictor was not fitted." if found is None else f"The predictor was not fitted: {found}")
        return []
    page.listing(evaluation_page(found.evaluation))
    board = points[0].board
    names = found.predictor.fitted_on.boards
    heads = ("constant", "fitted", "prior", "spreads moved", "meaning")
    page.table("Fitted constants of the physics", heads, constants(found.predictor, names[0] if names else board))
    if found.transfer:
        page.table(
            "Fitted on this board alone, predicted for the boards of another table",
            ("board", "rows", "kind", "MAPE", "bias"),
            [(one.gpu, str(one.rows), one.column, f"{one.mape:.1f} %", f"{one.bias:+.1f} %") for one in found.transfer],
        )
    else:
        page.text("Transfer to other boards was not computed: name the table with --table.")
    mape = UNKNOWN if found.mape is None else f"{found.mape:.2f} %"
    return [
        f"an architecture that was left out is predicted {mape} off on average (target {TARGET_MAPE:g} %, the paper's best on"
        f" its held-out model {PAPERS_MAPE:g} %)"
    ]


def _noise(points: Sequence[Point]) -> str:
    floor = noise_floor(points)
    if not floor:
        return "No case and its repeat were both measured, so that the noise floor is unknown."
    return (
        f"Noise floor: cases that were measured twice ({len(floor)}) are {100 * median(floor):.2f} % apart in the median and"
        f" {100 * max(floor):.2f} % at most. No predictor can be better than that."
    )


def datasheet(points: Sequence[Point], evidence: Evidence, file: str) -> str:
    """What the table is, how it came about and what may be done with it, as Markdown."""
    page = Page(evidence.label)
    _, environments = evidence.everything
    page.title(f"Datasheet: energy of LLM inference on {boards_named(environments)}")
    page.text(f"File: {file}. Licence: {LICENCE}. Raw results: the folder {evidence.name}, under dataset.")
    page.heading("Why")
    page.text(
        "To fit and judge predictors of inference energy. The measurements behind the published ones (From Prompts to Power,"
        " arXiv 2511.05597) were not released."
    )
    page.heading("What")
    page.table("The points", ("what", "is"), counts(points))
    page.text(
        "One row per case: an architecture with random weights, an engine, a batch and exact lengths. Architectures, batches"
        " and lengths are drawn by a Halton sequence (benchmarks/test_predictor.py), so that they are spread evenly and belong"
        " to nobody. No text, no person and no trained weight is involved."
    )
    page.text(_noise(points))
    page.heading("How")
    page.text(
        "By pytest-joules: warm-up until speed and power are level, then windows of whole batches aligned to the steps of the"
        " board's own energy counter; invalid windows are replaced and counted. Joules are gross (power at rest included) and"
        " of the boards in the column scope: no host, no cooling, no facility."
    )
    first, last = (pick((point.started_at for point in points), default=UNKNOWN) for pick in (min, max))
    page.text(f"Measured from {first} to {last}.")
    page.heading("What it is not good for")
    page.text(
        "Other boards, drivers and versions than those in its columns; power limits below the one in its column; quality of"
        " answers, which random weights do not have; joules of a whole machine."
    )
    page.heading("Columns")
    page.items(field.name for field in fields(Point))
    page.text(" ".join((Point.__doc__ or "").split()))
    return str(page)
