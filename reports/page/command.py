"""`joules report`: saved runs as one page.

names of runs ─► files ─► Source each ─┐
                    └─► comparisons ───┴─► Page ─► one HTML file, pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from reports.boards import all_boards
from reports.compare.command import Question, compare
from reports.compare.rows import Report
from reports.compare.run_files import RunFile, find_run, open_runs
from reports.explain.prices import Prices
from reports.page.cases import Source, labels_of
from reports.page.content import page_of
from reports.page.figure import Page
from reports.policy import CONFIDENCE, LEVEL
from reports.render.comparison_table import short

MOST_RUNS = 8
"""Side by side; more columns and colours are not told apart."""


def inputs(runs: Sequence[str], storage: str | Path, boards: Path | None) -> list[Path]:
    """The files that the references mean.

    Raises:
        ConfigurationError: One means none, or several; there are none or too many; the file of boards cannot be read.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise ConfigurationError(f"a page shows 1 to {MOST_RUNS} runs, not {len(runs)}")
    if boards is not None:
        all_boards(boards)
    paths = [find_run(reference, storage) for reference in runs]
    if len({path.resolve() for path in paths}) < len(paths):
        raise ConfigurationError("the same run was named twice; name each run once")
    return paths


def report_page(paths: Sequence[Path], storage: str | Path, boards: Path | None, prices: Prices) -> Page:
    """The page of these runs; with several, each is compared with the first.

    Raises:
        ConfigurationError: A file cannot be read, or holds no result.
    """
    runs = open_runs(paths)
    sources = sources_of(runs)
    return page_of(sources, _comparisons(paths, storage, prices), LEVEL, boards)


def sources_of(runs: Sequence[RunFile]) -> tuple[Source, ...]:
    """Whole runs, told apart by their labels.

    Raises:
        ConfigurationError: One holds no result.
    """
    for run in runs:
        if not run.names:
            raise ConfigurationError(f"{run.path.name} holds no result; measure again, or name another run")
    labels = labels_of([short(run.name) for run in runs], [run.environments for run in runs])
    return tuple(
        Source(
            name=run.name,
            label=label,
            results=tuple(run.result(name) for name in run.names),
            environments=run.environments,
        )
        for run, label in zip(runs, labels, strict=True)
    )


def _comparisons(paths: Sequence[Path], storage: str | Path, prices: Prices) -> list[Report]:
    """The first run against each of the others; boards side by side are what such a page is for, and are labelled."""
    first, *others = paths
    return [
        compare(
            Question(
                runs=(str(first), str(other)),
                storage=storage,
                across_boards=True,
                level=LEVEL,
                confidence=CONFIDENCE,
                prices=prices,
            ),
            [first, other],
        )
        for other in others
    ]
