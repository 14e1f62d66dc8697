"""Turn the raw results of the predictor's sweep into a dataset: one CSV, its datasheet, and the fitted portable predictor.

    python -m tools.dataset docs/evidence/BOARD-DATE -o docs/evidence/BOARD-dataset [--boards FILE]

OUT.csv.gz, OUT.md and OUT-predictor.json (what `joules predict fit` writes; `joules predict run --predictor` and `export` take
it). Equal results give an equal CSV. What was not measured is labelled in every row, in the datasheet and in the names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.console import say, write_text
from reports.predict.build import build
from reports.predict.predictor import to_json
from tools.results.dataset import datasheet
from tools.results.evidence import read_evidence
from tools.results.learned import observed
from tools.results.points import points_of, table


def main(arguments: Sequence[str]) -> int:
    """Write the three files; 0, or 4 for what cannot be used and 1 for any other error, in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m tools.dataset", description="The dataset of one board.")
    parser.add_argument("evidence", type=Path, help="folder that run_board.sh wrote to")
    parser.add_argument("-o", "--output", type=Path, required=True, help="beginning of the files' names")
    parser.add_argument("--boards", type=Path, help="further boards, laid out as reports/boards.toml")
    asked = parser.parse_args(arguments)
    try:
        evidence = read_evidence(asked.evidence)
        points = points_of(evidence)
        if not points:
            raise ConfigurationError(f"{asked.evidence} holds no point; run the stage dataset of run_board.sh first")
        name = asked.output.name if evidence.label is None else f"{asked.output.name}-not-measured"
        content, sheet = asked.output.with_name(f"{name}.csv.gz"), asked.output.with_name(f"{name}.md")
        write_text(content, table(points))
        write_text(sheet, datasheet(points, evidence, content.name))
        say(f"dataset: {len(points)} points in {content}" + (f", {evidence.label}" if evidence.label else ""))
        fitted = asked.output.with_name(f"{name}-predictor.json")
        write_text(fitted, to_json(build(observed(evidence, asked.boards), say)))
        say(f"dataset: {fitted}")
    except JoulesError as error:
        say(f"dataset: {error}")
        return 4 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
