"""Write benchmarks/cells.csv: how many requests of each workload fall into each cell, for benchmarks/test_workloads.py.

Beside the cell's own lengths stand the tokens that its requests truly have, and how many requests of the workload are in
no cell: a total says by how much the bins inflate it.

    python tools/workload_cells.py burstgpt-like azure-code-like azure-conv=FILE > benchmarks/cells.csv

A generator (`burstgpt-like`) draws its usual number of requests from seed 0; a trace is read whole, and called as it is
named before the `=`. The bins are those that the paper prints, or `--bins powers`, or those of a file as `joules workload`
takes it. Collecting the cases then needs no array library.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.bins import Bins, bin_lengths, chosen
from energy_fixtures.workloads.catalogue import workload

HEADING = (
    *("workload", "synthetic", "input_tokens", "output_tokens", "requests"),
    *("true_input_tokens", "true_output_tokens", "left_out"),
)


def main(arguments: list[str]) -> int:
    """One row per cell that holds requests."""
    parser = argparse.ArgumentParser(description="Write the cells of some workloads as CSV.")
    parser.add_argument("workloads", nargs="+", metavar="NAME or LABEL=FILE")
    parser.add_argument("--bins", default="printed", metavar="NAME or FILE", help="printed, powers, or a JSON file")
    asked = parser.parse_args(arguments)
    try:
        bins = chosen(asked.bins)
        rows = [row for name in asked.workloads for row in rows_of(name, bins)]
    except ConfigurationError as error:
        parser.error(str(error))
    csv.writer(sys.stdout, lineterminator="\n").writerows([HEADING, *rows])
    return 0


def rows_of(name: str, bins: Bins) -> Iterator[tuple[str | int | None, ...]]:
    """The table's rows of one workload."""
    label, _, path = name.partition("=")
    lengths = workload(path or label)
    binned = bin_lengths(lengths, bins)
    for cell in binned.cells:
        yield (
            *(label, int(lengths.synthetic), cell.input_tokens, cell.output_tokens, cell.requests),
            *(cell.true_input_tokens, cell.true_output_tokens, binned.left_out),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
