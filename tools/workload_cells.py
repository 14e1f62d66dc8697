"""Write benchmarks/cells.csv: how many requests of each workload fall into each cell, for benchmarks/test_workloads.py.

Beside the cell's own lengths stand the tokens that its requests truly have, and how many requests of the workload are in
no cell: a total says by how much the bins inflate it.

    python tools/workload_cells.py burstgpt-like azure-code-like azure-conv=FILE > benchmarks/cells.csv

A generator (`burstgpt-like`) draws its usual number of requests from seed 0; a trace is read whole, and called as it is
named before the `=`. The bins are those that the paper prints. Collecting the cases then needs no array library.
"""

from __future__ import annotations

import csv
import sys
from bisect import bisect_left
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from energy_fixtures.workloads.bins import PRINTED, bin_lengths
from energy_fixtures.workloads.catalogue import workload
from energy_fixtures.workloads.lengths import Lengths

HEADING = (
    *("workload", "synthetic", "input_tokens", "output_tokens", "requests"),
    *("true_input_tokens", "true_output_tokens", "left_out"),
)


def main(names: list[str]) -> None:
    """One row per cell that holds requests."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(HEADING)
    for name in names:
        label, _, path = name.partition("=")
        lengths = workload(path or label)
        binned = bin_lengths(lengths, PRINTED)
        true = true_tokens(lengths)
        for cell in binned.cells:
            place = (cell.input_tokens, cell.output_tokens)
            table.writerow([label, int(lengths.synthetic), *place, cell.requests, *true[place], binned.left_out])


def true_tokens(lengths: Lengths) -> dict[tuple[int, int], tuple[int, int]]:
    """Input and output tokens of the requests of each cell, as they are."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for given, made in zip(lengths.input_tokens.tolist(), lengths.output_tokens.tolist(), strict=True):
        if given <= PRINTED.inputs[-1] and made <= PRINTED.outputs[-1]:
            place = (
                PRINTED.inputs[bisect_left(PRINTED.inputs, given)],
                PRINTED.outputs[bisect_left(PRINTED.outputs, made)],
            )
            before = found.get(place, (0, 0))
            found[place] = before[0] + given, before[1] + made
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
