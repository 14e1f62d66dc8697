"""Make the page of one board from what docs/evidence/run_board.sh left of it.

    python -m tools.results_page docs/evidence/BOARD-DATE -o docs/results-BOARD.md [--table TABLE.csv] [--boards FILE]

Beside the page comes a picture (pictures/PAGE-windows.svg). Where the folder holds a dataset, a predictor is fitted and
judged on it, which takes minutes; --no-predictor leaves that out. `python -m tools.dataset` writes the dataset itself.
Everything is computed by the product's own functions; a run that was not measured is labelled at every table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.console import say, write_text
from tools.results.board import drawn, spreads_of
from tools.results.evidence import Evidence, read_evidence
from tools.results.learned import Learned, learned
from tools.results.page import page_of
from tools.results.points import points_of


def main(arguments: Sequence[str]) -> int:
    """Write the page; 0, or 4 for what cannot be used and 1 for any other error, in one sentence."""
    try:
        asked = _parser().parse_args(arguments)
        evidence = read_evidence(asked.evidence)
        spreads = spreads_of(evidence)
        picture = f"pictures/{asked.output.stem}-windows.svg" if spreads else None
        if picture is not None:
            (asked.output.parent / "pictures").mkdir(parents=True, exist_ok=True)
            write_text(asked.output.parent / picture, drawn(spreads, evidence.label))
        found = None if asked.no_predictor else _learned(evidence, asked.boards, asked.table)
        page = page_of(evidence, points=points_of(evidence), learned=found, picture=picture, boards=asked.boards)
        write_text(asked.output, page)
    except JoulesError as error:
        say(f"results_page: {error}")
        return 4 if isinstance(error, ConfigurationError) else 1
    say(f"results_page: {asked.output}" + (f", {evidence.label}" if evidence.label else ""))
    return 0


def _learned(evidence: Evidence, boards: Path | None, table: Path | None) -> Learned | str | None:
    if not evidence.dataset:
        return None
    try:
        return learned(evidence, boards=boards, table=table, say=say)
    except ConfigurationError as error:  # too few rows yet, or a board that nobody described: the page says so
        return f"{error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.results_page", description="The page of one board.")
    parser.add_argument("evidence", type=Path, help="folder that run_board.sh wrote to")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the page, docs/results-BOARD.md")
    parser.add_argument("--boards", type=Path, help="further boards, laid out as reports/boards.toml")
    parser.add_argument(
        "--table", type=Path, help="table of other boards (paper 1's Table IV) to predict from this one"
    )
    parser.add_argument("--no-predictor", action="store_true", help="fit nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
