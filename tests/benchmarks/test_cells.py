"""The table of cells that test_workloads.py measures is what binning its workloads gives."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "benchmarks" / "cells.csv"
TRACE = ROOT.parent / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"


def made(*workloads: str) -> list[str]:
    """What the tool writes for these workloads."""
    command = [sys.executable, "tools/workload_cells.py", *workloads]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def kept(name: str) -> list[str]:
    """The committed rows of a workload, with the heading."""
    heading, *rows = TABLE.read_text(encoding="utf-8").splitlines()
    return [heading, *(row for row in rows if row.startswith(f"{name},"))]


@pytest.mark.parametrize("name", ["burstgpt-like", "azure-code-like"])
def test_generators_give_the_committed_cells(name: str) -> None:
    """A generator draws the same requests everywhere, and they fall into the committed cells."""
    assert made(name) == kept(name)


def test_other_bins_give_other_cells(tmp_path: Path) -> None:
    """Bins of a file take the place of the paper's; the true tokens of all cells together stay those of the requests."""
    lengths, bins = tmp_path / "lengths.csv", tmp_path / "bins.json"
    lengths.write_text("input_tokens,output_tokens\n3,2\n7,8\n90,1\n")
    bins.write_text('{"inputs": [5, 10], "outputs": [8]}')

    heading, *rows = made("--bins", str(bins), f"few={lengths}")
    assert heading.startswith("workload,synthetic,input_tokens")
    assert rows == ["few,0,5,8,1,3,2,1", "few,0,10,8,1,7,8,1"]


@pytest.mark.skipif(not TRACE.exists(), reason="the published trace is not beside this checkout")
def test_the_trace_gives_the_committed_cells() -> None:
    """The Azure conversation trace of 2023 falls into 43 cells with 18,803 requests, as arXiv 2504.17674's bins have it."""
    rows = list(csv.DictReader(kept("azure-conv")))

    assert made(f"azure-conv={TRACE}") == kept("azure-conv")
    assert (len(rows), sum(int(row["requests"]) for row in rows)) == (43, 18_803)
