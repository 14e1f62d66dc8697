"""Write benchmarks/cells.csv: how many requests of each workload fall into each cell, for benchmarks/test_workloads.py.

    python tools/workload_cells.py burstgpt-like azure-code-like azure-conv=FILE > benchmarks/cells.csv

A generator (`burstgpt-like`) draws its usual number of requests from seed 0; a trace is read whole, and called as it is
named before the `=`. The bins are those that the paper prints. Collecting the cases then needs no array library.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from energy_fixtures.workloads.bins import PRINTED, bin_lengths
from energy_fixtures.workloads.catalogue import workload

HEADING = ("workload", "synthetic", "input_tokens", "output_tokens", "requests")


def main(names: list[str]) -> None:
    """One row per cell that holds requests."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(HEADING)
    for name in names:
        label, _, path = name.partition("=")
        lengths = workload(path or label)
        binned = bin_lengths(lengths, PRINTED)
        for cell in binned.cells:
            table.writerow([label, int(lengths.synthetic), cell.input_tokens, cell.output_tokens, cell.requests])


if __name__ == "__main__":
    main(sys.argv[1:])
